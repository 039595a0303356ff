"""Dagster's own run launcher, which can also check whether a run's process still exists.

Named in `dagster.yaml`. When a machine stops hard, Dagster's database has its runs as started for ever, and they fill
the queue; Dagster's run monitoring asks the launcher, and marks those as failed whose process is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

_PID: Final = re.compile(r"\(pid: (\d+)\)")
_STARTED_WITHIN_S: Final = 60
"""A process that started so much later than the run said so has been given the number of another."""


class LocalRunLauncher(DefaultRunLauncher):
    """Launches runs as Dagster does by default: through the code server, each as a process of this machine."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Running while one of the processes that the run has logged exists; unknown counts as running."""
        processes = list(self._processes(run.run_id))
        if not processes or any(_exists(pid, logged_at) for pid, logged_at in processes):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        pids = ", ".join(str(pid) for pid, _ in processes)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"its process ({pids}) no longer exists")

    def _processes(self, run_id: str) -> Iterator[tuple[int, float]]:
        """The process ids in the run's own engine events, each with the time of the event."""
        for entry in self._instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            if found := _PID.search(entry.message):
                yield int(found[1]), entry.timestamp


def _exists(pid: int, logged_at: float) -> bool:
    """Whether the process that had this id when the event was logged still exists."""
    if Path("/proc/self/stat").exists():
        started_at = _started_at(pid)
        return started_at is not None and started_at <= logged_at + _STARTED_WITHIN_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _started_at(pid: int) -> float | None:
    """When a process started (Unix time), by /proc (proc(5): ticks since boot, after the name in parentheses)."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None
    [boot] = re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    return int(boot) + ticks / os.sysconf("SC_CLK_TCK")
