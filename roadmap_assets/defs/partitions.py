"""One partition per roadmap; its key is the roadmap's slug. The sensor `new_roadmaps` and the command line add them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Final

import dagster as dg

from roadmap_assets.errors import InvalidSetting

ROADMAPS: Final = dg.DynamicPartitionsDefinition(name="roadmap")


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The Dagster instance at DAGSTER_HOME. Raises InvalidSetting when that is not set or is no folder."""
    try:
        instance = dg.DagsterInstance.get()
    except dg.DagsterError as error:
        raise InvalidSetting(f"there is no Dagster instance: {str(error).splitlines()[0]}") from None
    with instance:
        yield instance


def known_roadmaps(instance: dg.DagsterInstance) -> Sequence[str]:
    """The partitions there are, in Dagster's order."""
    return instance.get_dynamic_partitions(ROADMAPS.name or "")


def stretches(wanted: Collection[str], known: Sequence[str]) -> Iterator[list[str]]:
    """The wanted ones of the `known` roadmaps, cut where others stand between them.

    Dagster marks a run over many partitions by the first and the last alone, and runs all that stand between.
    """
    for is_wanted, stretch in groupby(known, key=lambda roadmap: roadmap in wanted):
        if is_wanted:
            yield list(stretch)


def range_tags(stretch: Sequence[str]) -> dict[str, str]:
    """The tags by which Dagster knows a run over a stretch of partitions."""
    return {"dagster/asset_partition_range_start": stretch[0], "dagster/asset_partition_range_end": stretch[-1]}
