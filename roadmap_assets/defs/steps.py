"""What the steps of a run share: which roadmaps, what is done when one cannot be read, and how that is told.

In a run over many roadmaps, one that cannot be read is left out: an observation names it and says why, the assets
after it leave it out too, and a check fails the run at its end. Its partitions show as failed, the others as made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import dagster as dg

from roadmap_assets.defs.metadata import Metadata
from roadmap_assets.defs.partition_events import TOLD_ALREADY, materialization
from roadmap_assets.errors import DocumentError, InvalidSlug, RoadmapAssetsError, SourceUnavailable, UnknownRoadmap

_T = TypeVar("_T")

if TYPE_CHECKING:
    Result = dg.MaterializeResult[None]
else:  # in an annotation, Dagster knows it without its parameter only
    Result = dg.MaterializeResult

LEFT_OUT: Final = "left_out"
_OF_ONE_ROADMAP: Final = (DocumentError, InvalidSlug, SourceUnavailable, UnknownRoadmap)


@contextmanager
def failing() -> Iterator[None]:
    """Turn an expected error into Dagster's `Failure` with the same text, retried only where that can help."""
    try:
        yield
    except RoadmapAssetsError as error:
        raise dg.Failure(str(error), allow_retries=error.retryable) from None


def roadmaps_of(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Sequence[str]:
    """The roadmaps of the run, without those that a step before this one has left out."""
    if context.has_partition_key:
        return [context.partition_key]  # a run of one roadmap fails rather than leave it out
    gone = left_out(context.instance, context.run.run_id)
    return [roadmap for roadmap in context.partition_keys if roadmap not in gone]


def for_each(context: dg.AssetExecutionContext, work: Callable[[str], _T]) -> dict[str, _T]:
    """`work` for each roadmap of the run; one that cannot be read is left out.

    Raises Failure when none is left, so that a run of one roadmap fails at once.
    """
    done: dict[str, _T] = {}
    errors: dict[str, RoadmapAssetsError] = {}
    for roadmap in roadmaps_of(context):
        try:
            done[roadmap] = work(roadmap)
        except _OF_ONE_ROADMAP as error:
            errors[roadmap] = error
    if errors and not done:
        raise dg.Failure(
            "; ".join(map(str, errors.values())), allow_retries=any(reason.retryable for reason in errors.values())
        )
    for roadmap, reason in errors.items():
        context.log.error(f"{roadmap} is left out: {reason}")
        context.log_event(
            dg.AssetObservation(context.asset_key, partition=roadmap, metadata={LEFT_OUT: str(reason)}),
        )
    return done


def left_out(instance: dg.DagsterInstance, run_id: str, *, asset: dg.AssetKey | None = None) -> dict[str, str]:
    """The roadmaps that the run has left out so far (at `asset`), each with the reason."""
    found = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION):
        observation = entry.asset_observation
        if observation and LEFT_OUT in observation.metadata and asset in (None, observation.asset_key):
            found[str(observation.partition)] = str(observation.metadata[LEFT_OUT].value)
    return found


def tell(context: dg.AssetExecutionContext, roadmap: str, metadata: Metadata, *, data_version: str) -> None:
    """Log that the asset of this step was made for `roadmap`."""
    spec = context.assets_def.get_asset_spec(context.asset_key)
    lineage = {name: value for name, value in spec.metadata.items() if name == "dagster/column_lineage"}
    context.log_event(
        materialization(
            context.instance,
            spec.key,
            roadmap,
            metadata | lineage,
            data_version=data_version,
            code_version=spec.code_version or "",
        )
    )


def told() -> Result:
    """A step's result, when its materializations are told already."""
    return dg.MaterializeResult(metadata=TOLD_ALREADY)
