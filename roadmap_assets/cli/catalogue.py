"""Showing a run of the command line in Dagster's catalogue."""

from __future__ import annotations

import os
from typing import Any

from roadmap_assets.cli import console


def report_run(**what: Any) -> None:
    """Let the run show in Dagster's catalogue, where there is one."""
    if not os.environ.get("DAGSTER_HOME"):
        return
    from dagster import DagsterError  # two seconds, which only who uses Dagster spends

    from roadmap_assets.defs.runless_events import report_run

    try:
        report_run(**what)
    except DagsterError as error:
        console.warn(f"Note: the run does not show in Dagster's catalogue: {' '.join(str(error).split())}")
