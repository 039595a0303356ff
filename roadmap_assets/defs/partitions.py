"""One partition per roadmap; its key is the roadmap's slug. The sensor `new_roadmaps` and the command line add them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import dagster as dg

ROADMAPS: Final = dg.DynamicPartitionsDefinition(name="roadmap")


def one_run(roadmaps: Sequence[str], *, tags: Mapping[str, str] | None = None, **request: Any) -> dg.RunRequest:
    """One run over the partitions from the first of `roadmaps` to the last, as Dagster marks a range of them."""
    return dg.RunRequest(
        tags={
            **(tags or {}),
            "dagster/asset_partition_range_start": roadmaps[0],
            "dagster/asset_partition_range_end": roadmaps[-1],
        },
        **request,
    )
