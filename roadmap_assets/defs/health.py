"""Is Dagster set up to run this project? For `roadmap-assets doctor`, where DAGSTER_HOME is set."""

from __future__ import annotations

import dagster as dg
import yaml
from dagster._daemon.controller import get_daemon_statuses

from roadmap_assets.errors import RoadmapAssetsError


class DagsterUnhealthy(RoadmapAssetsError):
    """The instance at DAGSTER_HOME cannot be opened."""


def instance_summary() -> tuple[str, list[str]]:
    """The instance in one sentence, and the required daemons without a recent heartbeat.

    Raises:
        DagsterUnhealthy: the instance cannot be opened.
    """
    try:
        with dg.DagsterInstance.get() as instance:
            statuses = get_daemon_statuses(instance, instance.get_required_daemon_types(), ignore_errors=True)
            silent = sorted(name for name, status in statuses.items() if not status.healthy)
            runs = instance.get_runs_count()
            return f"instance in {instance.root_directory}, {runs} run{'' if runs == 1 else 's'}", silent
    except (dg.DagsterError, OSError, yaml.YAMLError) as error:
        raise DagsterUnhealthy(
            f"the Dagster instance cannot be opened ({' '.join(str(error).split())}); check DAGSTER_HOME and its "
            "dagster.yaml"
        ) from None
