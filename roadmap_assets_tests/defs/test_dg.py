"""The project under Dagster's own command, `dg`, as a user calls it in the project's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadmap_assets.settings import Settings, variable_of
from roadmap_assets_tests.defs.project import REPOSITORY, WITH_PAGE, instance_in

DG = Path(sys.executable).with_name("dg")


def dg_command(folder: Path, *arguments: str) -> str:
    """The output of a `dg` command on the packaged sample, offline, with a home and a database in `folder`."""
    taken_out = {*map(variable_of, Settings.model_fields), "GOOGLE_API_KEY"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in taken_out},
        "DAGSTER_HOME": str(folder / "home"),
        "ROADMAP_SOURCE": "sample",
        "ROADMAP_OFFLINE": "1",
        "ROADMAP_DB": str(folder / "enrichment.duckdb"),
        "ROADMAP_OUTPUT": str(folder / "output"),
        "ROADMAP_SITE": str(folder / "site"),
    }
    done = subprocess.run([DG, *arguments], capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not DG.exists(), reason="dagster-dg-cli is not installed")
class TestDg:
    def test_it_checks_and_lists_the_definitions(self, tmp_path: Path) -> None:
        with instance_in(tmp_path / "home"):
            assert "All definitions loaded successfully" in dg_command(tmp_path, "check", "defs")
            listed = dg_command(tmp_path, "list", "defs", "--json")
        assert all(f'"{name}"' in listed for name in (*WITH_PAGE, "new_roadmaps", "deferred_rows", "daily_refresh"))

    def test_it_launches_a_partition(self, tmp_path: Path) -> None:
        with instance_in(tmp_path / "home") as instance:
            instance.add_dynamic_partitions("roadmap", ["data-orchestration"])
            dg_command(tmp_path, "launch", "--assets", "*", "--partition", "data-orchestration")
        assert (tmp_path / "output" / "roadmap_data-orchestration.simulated.csv").exists()
