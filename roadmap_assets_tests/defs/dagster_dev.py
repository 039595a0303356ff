"""Dagster in production form: webserver, daemon, code server and run workers, each a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.settings import SETTINGS, variable_of
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.dagster_webserver import (
    PATIENCE_S,
    DagsterWebserver,
    free_port,
    has_ended,
    selector,
    status,
)
from roadmap_assets_tests.defs.project import ASSETS, RANGE, REPOSITORY

RPM = 4
SERVER_WINDOW_S, OUR_WINDOW_S = 3.0, 4.0
"""A shortened minute, with the margin of a second that the real one has."""

MODULE = "roadmap_assets.definitions"
_BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_TERMINATE = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run) { __typename ... on TerminateRunFailure { message } ... on PythonError { message } }
}"""
_SWITCH = """
mutation Switch($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename ... on PythonError { message } }
}"""


class DagsterDev:
    """`dagster dev` with this project's dagster.yaml, on a source and a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "roadmaps"
        self.home = folder / "home"
        self.source.mkdir()
        self.home.mkdir()
        shutil.copy(REPOSITORY / "roadmap_assets" / "defs" / "dagster.yaml", self.home)
        self._webserver, self._gemini_port = DagsterWebserver(), free_port()
        self.url, self.ask = self._webserver.url, self._webserver.ask
        taken_out = {*map(variable_of, SETTINGS), "GOOGLE_API_KEY"}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in taken_out},
            "DAGSTER_HOME": str(self.home),
            "ROADMAP_SOURCE": str(self.source),
            "GEMINI_API_KEY": "any",
            "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{self._gemini_port}",
            "ROADMAP_RPM": str(RPM),
            "ROADMAP_QUOTA_WINDOW": str(OUR_WINDOW_S),
        }

    def __enter__(self) -> Self:
        # Opened first: two processes that create an instance's storage at the same time can break it.
        self.instance = dg.DagsterInstance.from_config(str(self.home))
        self._log = (self.folder / "dagster.log").open("w")
        with self.gemini():  # definitions that are loaded while the simulator listens name it as the model
            self.start()
        return self

    def start(self) -> None:
        """Start `dagster dev`, and wait until it has loaded the project."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(self._webserver.port), "-m", MODULE],
            cwd=self.folder,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.wait_until(self._ready)
        except BaseException:
            self._end()
            raise

    def stop_hard(self) -> None:
        """`kill -9` all processes started here, runs included, as when the machine stops."""
        sessions = subprocess.run(["ps", "-eo", "pid=,sid=,pgid="], capture_output=True, text=True, check=True).stdout
        ours = str(self._process.pid)
        for pid, *groups in map(str.split, sessions.splitlines()):
            if ours in groups:
                os.kill(int(pid), signal.SIGKILL)
        self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.instance.dispose()
        os.killpg(self._process.pid, signal.SIGINT)  # our own process group only
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self.folder / "dagster.log").read_text()
        return self._webserver.has_loaded(locations=1)

    def gemini(self, **options: Any) -> Simulator:
        """The simulator that runs call, strict about its quota."""
        return Simulator(
            SimulatorOptions(rpm=RPM, window_s=SERVER_WINDOW_S, key="any", **options), port=self._gemini_port
        )

    def know(self, *slugs: str) -> None:
        """Add partitions."""
        self.instance.add_dynamic_partitions(ROADMAPS.name or "", slugs)

    def launch(self, *slugs: str) -> str:
        """Launch a run of the job for these roadmaps (from the first to the last), and return its id."""
        self.know(*slugs)
        tags = (
            {"dagster/partition": slugs[0]} if len(slugs) == 1 else dict(zip(RANGE, (slugs[0], slugs[-1]), strict=True))
        )
        return self._webserver.launch(MODULE, tags)

    def backfill(self, *slugs: str) -> list[str]:
        """Backfill these roadmaps through the daemon, as the UI's "Materialize" does; the ids of its runs."""
        self.know(*slugs)
        params = {"assetSelection": [{"path": [asset]} for asset in ASSETS], "partitionNames": slugs}
        launched = self.ask(_BACKFILL, {"params": params})["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        backfill = launched["backfillId"]
        self.end_of_backfill(backfill)
        return [run.run_id for run in self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))]

    def end_of_backfill(self, backfill: str) -> BulkActionStatus:
        """Wait until a backfill ends, and return its status."""
        running = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)
        found: list[BulkActionStatus] = []

        def ended() -> bool:
            there = self.instance.get_backfill(backfill)
            found[:] = [there.status] if there else []
            return bool(found) and found[0] not in running

        self.wait_until(ended)
        return found[0]

    def run_of(self, launched: str) -> str:
        """The id of the run that the UI names by its beginning, or of the one run of the backfill that it names."""
        found: list[str] = []

        def there() -> bool:
            runs = self.instance.get_runs()
            found[:] = [
                run.run_id
                for run in runs
                if run.run_id.startswith(launched) or run.tags.get("dagster/backfill") == launched
            ]
            return bool(found)

        self.wait_until(there)
        [run_id] = found
        return run_id

    def terminate(self, run_id: str) -> None:
        """End a run as the UI's "Terminate" does."""
        reply = self.ask(_TERMINATE, {"run": run_id})["terminateRun"]
        assert reply["__typename"] == "TerminateRunSuccess", reply

    def start_sensor(self, name: str) -> None:
        """Switch a sensor on."""
        reply = self.ask(_SWITCH, {"selector": {**selector(MODULE), "sensorName": name}})["startSensor"]
        assert reply["__typename"] == "Sensor", reply

    def status(self, run_id: str) -> DagsterRunStatus:
        return status(self.instance, run_id)

    def end_of(self, run_id: str) -> DagsterRunStatus:
        """Wait until a run ends, and return its status."""
        self.wait_until(lambda: has_ended(self.instance, run_id))
        return self.status(run_id)

    def kill_worker(self, run_id: str) -> None:
        """`kill -9` the process of a run."""
        messages = "\n".join(entry.message for entry in self.instance.all_logs(run_id))
        [pid] = set(re.findall(r"\(pid: (\d+)\)", messages))
        os.kill(int(pid), signal.SIGKILL)

    def log_of(self, run_id: str) -> str:
        """A run's log, for the message of a failed assertion."""
        return "\n".join(entry.message for entry in self.instance.all_logs(run_id))

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds; fails if that takes far too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, (self.folder / "dagster.log").read_text()[-5000:]
            time.sleep(0.2)
