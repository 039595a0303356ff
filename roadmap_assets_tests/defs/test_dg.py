"""The project under Dagster's own command, `dg`, as a user calls it in the project's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadmap_assets.settings import SETTINGS, variable_of
from roadmap_assets_tests.dagster_webserver import DagsterWebserver
from roadmap_assets_tests.defs.project import REPOSITORY, WITH_PAGE, instance_in

pytestmark = pytest.mark.long

DG = Path(sys.executable).with_name("dg")


def environment_in(folder: Path) -> dict[str, str]:
    """For the packaged sample, offline, with a home and a database in `folder`; as after `. .venv/bin/activate`."""
    taken_out = {*map(variable_of, SETTINGS), "GOOGLE_API_KEY"}
    return {
        **{name: value for name, value in os.environ.items() if name not in taken_out},
        "DAGSTER_HOME": str(folder / "home"),
        "ROADMAP_SOURCE": "sample",
        "ROADMAP_OFFLINE": "1",
        "ROADMAP_DB": str(folder / "enrichment.duckdb"),
        "ROADMAP_OUTPUT": str(folder / "output"),
        "ROADMAP_SITE": str(folder / "site"),
        "VIRTUAL_ENV": sys.prefix,
    }


def dg_command(folder: Path, *arguments: str) -> str:
    """The output of a `dg` command in the project's folder."""
    return output_of(folder, DG, *arguments)


def output_of(folder: Path, *command: str | Path, fails: bool = False) -> str:
    """The standard output of a command in the project's folder, or its standard error when it `fails`, as it must."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment_in(folder))
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


@pytest.mark.skipif(not DG.exists(), reason="dagster-dg-cli is not installed")
class TestDg:
    def test_it_checks_and_lists_the_definitions(self, tmp_path: Path) -> None:
        with instance_in(tmp_path / "home"):
            assert "All definitions loaded successfully" in dg_command(tmp_path, "check", "defs")
            listed = dg_command(tmp_path, "list", "defs", "--json")
        assert all(f'"{name}"' in listed for name in (*WITH_PAGE, "new_roadmaps", "deferred_rows", "daily_refresh"))

    def test_it_launches_a_partition_once_that_is_added(self, tmp_path: Path) -> None:
        launch = (DG, "launch", "--assets", "*", "--partition", "data-orchestration")
        with instance_in(tmp_path / "home"):
            *_, last = output_of(tmp_path, *launch, fails=True).splitlines()
            assert "a PartitionsDefinition containing the passed partition key `data-orchestration`" in last
            output_of(tmp_path, DG.with_name("roadmap-assets"), "partitions", "add", "data-orchestration")
            output_of(tmp_path, *launch)
        assert (tmp_path / "output" / "roadmap_data-orchestration.simulated.csv").exists()

    def test_the_first_start_warns_of_nothing_that_the_setup_could_avoid(self, tmp_path: Path) -> None:
        """Dagster itself reports a new home's missing cursors, once."""
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "dagster.yaml").symlink_to(REPOSITORY / "roadmap_assets" / "defs" / "dagster.yaml")
        webserver = DagsterWebserver()
        command = [str(DG), "dev", "-h", "127.0.0.1", "-p", str(webserver.port)]
        lines: list[str] = []
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env=environment_in(tmp_path),
            start_new_session=True,
        ) as process:
            assert process.stdout
            for line in process.stdout:
                lines.append(line)
                if "Serving dagster-webserver" in line:
                    break
            while not webserver.has_loaded(locations=1):  # an interrupt before that has warnings of its own
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGINT)  # our own process group only
            lines += process.stdout.readlines()
        assert any("Serving dagster-webserver" in line for line in lines), "".join(lines)
        warnings = [line for line in lines if "warning" in line.lower() and "No cursor for event type" not in line]
        assert warnings == []
