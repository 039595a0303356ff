"""What the steps of a run share: which roadmaps, what is done when one cannot be made, and what is reported.

In a run over many roadmaps, one that cannot be made is left out: the check `readable` names the reason, later assets
leave it out too, and the run goes on with the others. A run of one roadmap fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import dagster as dg
from dagster import AssetCheckSeverity

from roadmap_assets.defs.checks import CHECKS, READABLE, Outcome
from roadmap_assets.defs.metadata import Metadata
from roadmap_assets.defs.partition_events import LOGGED_ALREADY, evaluations, materialization
from roadmap_assets.errors import DocumentError, InvalidSlug, RoadmapAssetsError, SourceUnavailable, UnknownRoadmap
from roadmap_assets.quality.rule import Finding

_T = TypeVar("_T")

Results = Iterator[dg.Output[None] | dg.MaterializeResult[None]]

LEFT_OUT: Final = "left_out"
RETRIES: Final = dg.RetryPolicy(max_retries=2, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For what may be over in a minute: an upstream that does not answer, a database that is locked."""

_OF_ONE_ROADMAP: Final = (DocumentError, InvalidSlug, SourceUnavailable, UnknownRoadmap)


@contextmanager
def failing() -> Iterator[None]:
    """Turn an expected error into Dagster's `Failure` with the same text, retried only where that can help."""
    try:
        yield
    except RoadmapAssetsError as error:
        raise dg.Failure(str(error), allow_retries=error.retryable) from None


class Step:
    """The step of one asset: the roadmaps that it works on, and what it reports of each."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._asset = context.asset_key
        self._single = context.has_partition_key
        self._blocked: dict[str, str] = {}
        self._passed = 0
        gone = {} if self._single else left_out(context.instance, context.run.run_id)
        self.roadmaps: Sequence[str] = [roadmap for roadmap in context.partition_keys if roadmap not in gone]

    def for_each(self, work: Callable[[str], _T]) -> dict[str, _T]:
        """`work` for each roadmap of the run; one that cannot be read is left out.

        Raises Failure when none is left, and as long as another attempt may find an upstream that answers.
        """
        done: dict[str, _T] = {}
        errors: dict[str, RoadmapAssetsError] = {}
        for roadmap in self.roadmaps:
            try:
                done[roadmap] = work(roadmap)
            except _OF_ONE_ROADMAP as reason:
                errors[roadmap] = reason
        passing = any(error.retryable for error in errors.values())
        again = passing and self._context.retry_number < RETRIES.max_retries
        if errors and (again or not done):
            if not again:
                for roadmap, error in errors.items():
                    self._log_checks(roadmap, [_unreadable(str(error), error=True)])
            raise dg.Failure("; ".join(map(str, errors.values())), allow_retries=passing)
        for roadmap, error in errors.items():
            self._log_checks(roadmap, [_unreadable(str(error), error=error.retryable)])
            self._leave_out(roadmap, str(error))
        return done

    def report(self, roadmap: str, metadata: Metadata, *, data_version: str, outcomes: Iterable[Outcome]) -> None:
        """Log that the asset was made for `roadmap`, and what its checks found."""
        spec = self._context.assets_def.get_asset_spec(self._asset)
        lineage = {name: value for name, value in spec.metadata.items() if name == "dagster/column_lineage"}
        self._context.log_event(
            materialization(
                self._context.instance,
                self._asset,
                roadmap,
                metadata | lineage,
                data_version=data_version,
                code_version=spec.code_version or "",
            )
        )
        found = [*outcomes]
        self._log_checks(roadmap, [*([_READ] if READABLE in _names(self._asset) else []), *found])
        blocking = [f"{outcome.check} ({outcome.finding.description})" for outcome in found if outcome.blocks]
        if blocking:
            self._blocked[roadmap] = f"{roadmap} does not pass {', '.join(blocking)}"
        else:
            self._passed += 1

    def results(self) -> Results:
        """The results of the step, which Dagster logs nothing more for.

        Raises Failure when every roadmap is blocked by a check; in a run over many, those that are go no further.
        """
        selected = {key.name for key in self._context.selected_asset_check_keys}
        for spec in CHECKS.get(self._asset, ()):
            if spec.name in selected:
                yield dg.Output(None, output_name=spec.get_python_identifier())
        yield dg.MaterializeResult(metadata=LOGGED_ALREADY)
        if self._blocked and not self._passed:
            raise dg.Failure("; ".join(self._blocked.values()), allow_retries=False)
        for roadmap, reason in self._blocked.items():
            self._leave_out(roadmap, reason)

    def _log_checks(self, roadmap: str, outcomes: Sequence[Outcome]) -> None:
        for event in evaluations(self._context.instance, self._asset, roadmap, outcomes):
            self._context.log_event(event)

    def _leave_out(self, roadmap: str, reason: str) -> None:
        self._context.log.warning(f"{roadmap} is left out: {reason}")
        self._context.log_event(dg.AssetObservation(self._asset, partition=roadmap, metadata={LEFT_OUT: reason}))


def left_out(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """The roadmaps that the run has left out so far, each with the reason."""
    found = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION):
        observation = entry.asset_observation
        if observation and LEFT_OUT in observation.metadata:
            found[str(observation.partition)] = str(observation.metadata[LEFT_OUT].value)
    return found


_READ: Final = Outcome(READABLE, Finding(True, 1, "documents"))


def _unreadable(reason: str, *, error: bool) -> Outcome:
    severity = AssetCheckSeverity.ERROR if error else AssetCheckSeverity.WARN
    return Outcome(READABLE, Finding(False, 1, "documents", [reason]), severity)


def _names(asset: dg.AssetKey) -> set[str]:
    return {spec.name for spec in CHECKS.get(asset, ())}
