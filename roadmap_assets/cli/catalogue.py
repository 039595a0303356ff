"""Showing a run of the command line in Dagster's catalogue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import zip_longest

from roadmap_assets.cli import console
from roadmap_assets.enrichment.access import Access
from roadmap_assets.pipeline import Enriched, Fetched, Published, TopicsRead
from roadmap_assets.warehouse.base import Warehouse


def report_run(
    read: Sequence[tuple[Fetched, TopicsRead]],
    *,
    warehouse: Warehouse,
    access: Access,
    enriched: Enriched | None = None,
    published: Sequence[Published] = (),
) -> None:
    """Report a finished run, roadmap by roadmap, to the Dagster instance at DAGSTER_HOME, if that is set.

    `published` has an entry for each roadmap, or none at all without enrichment. The run is done and paid for, so
    anything that keeps Dagster's storage from being written ends in a note.
    """
    if not os.environ.get("DAGSTER_HOME"):
        return
    try:
        from roadmap_assets.defs import runless_events  # slow import (2 s); only needed with DAGSTER_HOME

        for (fetched, topics), each in zip_longest(read, published):
            runless_events.report_run(
                warehouse=warehouse,
                access=access,
                fetched=fetched,
                topics_read=topics,
                enriched=enriched,
                published=each,
            )
    except Exception as error:  # noqa: BLE001 - what a storage raises depends on its driver
        reason = " ".join(str(error).split("\n(Background on this error", 1)[0].split())
        console.warn(f"Note: the run does not show in Dagster's catalogue: {type(error).__name__}: {reason}")
