"""A run whose process is gone is found by Dagster's run monitoring, and one that lives is left alone."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._daemon.monitoring.run_monitoring import monitor_started_run

from roadmap_assets_tests.defs.project import instance_in

LAUNCHER = {"run_launcher": {"module": "roadmap_assets.defs.run_launcher", "class": "LocalRunLauncher"}}


@dg.job
def empty() -> None: ...


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with instance_in(tmp_path, {**LAUNCHER, "run_monitoring": {"enabled": True}}) as found:
        yield found


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as running:
        yield running
        running.kill()


def started(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    """A run that Dagster has as started, and that has logged its process as Dagster's runs do."""
    run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
    instance.report_engine_event(
        f"Started process for run (pid: {pid}).", run, EngineEventData({"pid": dg.MetadataValue.text(str(pid))})
    )
    return run


def monitored(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Any:
    """The run's status after Dagster's monitoring daemon has looked at it."""
    record = instance.get_run_record_by_id(run.run_id)
    assert record
    monitor_started_run(instance, None, record, logging.getLogger(__name__))  # type: ignore[arg-type]
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status


def test_it_fails_after_its_process_was_killed(instance: dg.DagsterInstance, process: subprocess.Popen[bytes]) -> None:
    run = started(instance, process.pid)
    assert monitored(instance, run) == dg.DagsterRunStatus.STARTED
    process.kill()
    process.wait()
    assert monitored(instance, run) == dg.DagsterRunStatus.FAILURE


def test_one_that_has_logged_no_process_is_left_to_the_time_limit(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
    assert monitored(instance, run) == dg.DagsterRunStatus.STARTED
