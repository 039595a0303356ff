"""What the steps of a run share: which roadmaps, what is done when one cannot be made, and what is reported.

In a run over many roadmaps, one that cannot be made is left out: the check `readable` names the reason, later assets
leave it out too, and the run goes on with the others. A run of one roadmap fails.

A backfill is one request although it may take several runs, so none of its runs fails because of such roadmaps. Dagster
calls a backfill failed that has a partition without a materialization, so what is left out until it changes gets one,
which says so (`left_out`) and changes nothing. What may be read at another try gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn, TypeVar

import dagster as dg
from dagster import AssetCheckSeverity

from roadmap_assets.defs.checks import CHECKS, READABLE, Outcome
from roadmap_assets.defs.left_out import forget, known_unreadable, left_out, record, until_changed
from roadmap_assets.defs.metadata import Metadata
from roadmap_assets.defs.partition_events import LOGGED_ALREADY, evaluations, left_as_it_was, materialization
from roadmap_assets.defs.tables import TOPICS
from roadmap_assets.errors import DocumentError, InvalidSlug, RoadmapAssetsError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.quality.rule import Finding
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.warehouse.base import Warehouse

_T = TypeVar("_T")

Results = Iterator[dg.Output[None] | dg.MaterializeResult[None]]

RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what may be over in a minute: an upstream that does not answer, a database that is locked.

It is applied here (`_fail`) and not given to the assets: Dagster would then also retry a step that was terminated.
"""

_OF_ONE_ROADMAP: Final = (DocumentError, InvalidSlug, SourceUnavailable, UnknownRoadmap)


@contextmanager
def failing(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Iterator[None]:
    """Turn an expected error into Dagster's `Failure` with the same text, and retry the step where that can help."""
    try:
        yield
    except RoadmapAssetsError as error:
        _fail(context, str(error), retryable=error.retryable)


def _fail(context: dg.OpExecutionContext | dg.AssetExecutionContext, reason: str, *, retryable: bool) -> NoReturn:
    """Raise Failure, or as long as another attempt is left and may help, RetryRequested because of it."""
    failure = dg.Failure(reason, allow_retries=False)
    if not retryable or context.retry_number >= RETRIES.max_retries:
        raise failure from None
    seconds = RETRIES.calculate_delay(context.retry_number + 1)
    raise dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=seconds) from failure


class Step:
    """The step of one asset: the roadmaps that it works on, and what it reports of each.

    `source` is given where roadmaps are fetched: those that are known to be unreadable are then left out of a run over
    many without being fetched again.
    """

    def __init__(
        self, context: dg.AssetExecutionContext, warehouse: Warehouse, *, source: Source | None = None
    ) -> None:
        self._context = context
        self._asset = context.asset_key
        self._spec = context.assets_def.get_asset_spec(self._asset)
        self._warehouse = warehouse
        self._source = source
        self._backfill = "dagster/backfill" in context.run.tags
        self._single = context.has_partition_key and not self._backfill
        self._blocked: dict[str, str] = {}
        self._passed = 0
        self._made: dict[str, dg.MaterializeResult[None]] = {}
        self._outcomes: dict[str, Sequence[Outcome]] = {}
        self.left_out = {} if self._single else left_out(warehouse, context.run.run_id)
        if source and not self._single:
            for roadmap, reason in known_unreadable(source, warehouse).items():
                if roadmap in context.partition_keys and roadmap not in self.left_out:
                    self._cannot_read(roadmap, reason)
        self.roadmaps: Sequence[str] = [roadmap for roadmap in context.partition_keys if roadmap not in self.left_out]
        if not self.roadmaps and not self._backfill:
            reasons = "; ".join(self.left_out.values())
            raise dg.Failure(f"every roadmap of the run is left out: {reasons}", allow_retries=False)

    def for_each(self, work: Callable[[str], _T]) -> dict[str, _T]:
        """`work` for each roadmap of the run; one that cannot be read is left out.

        Raises Failure when none is left, and RetryRequested while another attempt may find an upstream that answers.
        """
        done: dict[str, _T] = {}
        errors: dict[str, RoadmapAssetsError] = {}
        for roadmap in self.roadmaps:
            try:
                done[roadmap] = work(roadmap)
            except _OF_ONE_ROADMAP as reason:
                errors[roadmap] = reason
        reasons = "; ".join(map(str, errors.values()))
        passing = any(error.retryable for error in errors.values())
        if passing and self._context.retry_number < RETRIES.max_retries:
            _fail(self._context, reasons, retryable=True)
        for roadmap, error in errors.items():
            self._cannot_read(roadmap, str(error), passing=error.retryable)
        if errors and not done and (passing or not self._backfill):
            _fail(self._context, reasons, retryable=False)
        return done

    def report(self, roadmap: str, metadata: Metadata, *, data_version: str, outcomes: Iterable[Outcome]) -> None:
        """Take note that the asset was made for `roadmap`, and of what its checks found; `results` has it logged."""
        readable = [_READ] if any(spec.name == READABLE for spec in CHECKS.get(self._asset, ())) else []
        left = {"run_left_out": dict(self.left_out)} if readable and self.left_out else {}
        self._made[roadmap] = dg.MaterializeResult(
            metadata=metadata | left | self._lineage(), data_version=dg.DataVersion(data_version)
        )
        self._outcomes[roadmap] = found = [*readable, *outcomes]
        blocking = [f"{outcome.check} ({outcome.finding.description})" for outcome in found if outcome.blocks]
        if blocking:
            self._blocked[roadmap] = f"{roadmap} does not pass {', '.join(blocking)}"
            self._leave_out(roadmap, self._blocked[roadmap])
            return
        self._passed += 1
        if self._asset == TOPICS:
            forget(self._warehouse, roadmap)

    def results(self) -> Results:
        """The results of the step. Dagster logs that of a single partition itself; those of many are logged here.

        Raises Failure when every roadmap is blocked by a check; in a run over many, those that are go no further.
        """
        if self._context.has_partition_key and self._made:
            yield from self._made.values()
        else:
            self._log_made()
            if self._backfill:
                self._log_left_out()
            yield dg.MaterializeResult(metadata=LOGGED_ALREADY)
        for roadmap, outcomes in self._outcomes.items():
            self._log_checks(roadmap, outcomes)
        selected = {key.name for key in self._context.selected_asset_check_keys}
        for spec in CHECKS.get(self._asset, ()):
            if spec.name in selected:
                yield dg.Output(None, output_name=spec.get_python_identifier())
        if self._blocked and not self._passed:
            raise dg.Failure("; ".join(self._blocked.values()), allow_retries=False)

    def _log_made(self) -> None:
        for roadmap, made in self._made.items():
            assert made.data_version
            self._context.log_event(
                materialization(
                    self._context.instance,
                    self._asset,
                    roadmap,
                    dict(made.metadata or {}),
                    data_version=made.data_version.value,
                    code_version=self._spec.code_version or "",
                )
            )

    def _log_left_out(self) -> None:
        without = [roadmap for roadmap in self.left_out if roadmap not in self._blocked]
        for roadmap, version in until_changed(self._warehouse, without).items():
            found = {"left_out": self.left_out[roadmap], "left_out_version": version, **self._lineage()}
            code_version = self._spec.code_version or ""
            self._context.log_event(
                left_as_it_was(self._context.instance, self._asset, roadmap, found, code_version=code_version)
            )

    def _lineage(self) -> Metadata:
        """The UI draws it from the latest materialization of any partition."""
        return {name: value for name, value in self._spec.metadata.items() if name == "dagster/column_lineage"}

    def _cannot_read(self, roadmap: str, reason: str, *, passing: bool = False) -> None:
        self._log_checks(roadmap, [_unreadable(reason, error=passing or self._single)])
        self._leave_out(roadmap, reason, passing=passing)

    def _leave_out(self, roadmap: str, reason: str, *, passing: bool = False) -> None:
        self._context.log.warning(f"{roadmap} is left out: {reason}")
        self.left_out[roadmap] = reason
        source, run_id = None if passing else self._source, self._context.run.run_id
        record(self._warehouse, self._asset, roadmap, reason=reason, run_id=run_id, source=source)

    def _log_checks(self, roadmap: str, outcomes: Sequence[Outcome]) -> None:
        for event in evaluations(self._context.instance, self._asset, roadmap, outcomes):
            self._context.log_event(event)


_READ: Final = Outcome(READABLE, Finding(True, 1, "documents"))


def _unreadable(reason: str, *, error: bool) -> Outcome:
    severity = AssetCheckSeverity.ERROR if error else AssetCheckSeverity.WARN
    return Outcome(READABLE, Finding(False, 1, "documents", [reason]), severity)
