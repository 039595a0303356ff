"""A run whose database's disk fills up loses nothing that was paid for."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.cli.test_enrichment import asking
from roadmap_assets_tests.roadmaps.written import write_roadmap

TOPICS = 400
KEPT = re.compile(r"(\d+) answers are kept in (.+?), and the next run that can write takes them in")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a run of 400 topics, and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(latency_s=0.4)) as simulator:
        yield simulator


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Take the room that is there, but for so many bytes."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(2**16)):
                if leaving and shutil.disk_usage(disk).free <= leaving:
                    break
        except OSError:
            pass
    return filler


def test_a_disk_that_fills_up_in_the_middle_of_a_run_costs_no_answer(
    command_line: CommandLine, server: Simulator, small_disk: Path, tmp_path: Path
) -> None:
    write_roadmap(tmp_path / "source", "long", [f"Topic {number}" for number in range(TOPICS)])
    arguments = ("scrape", "--source", tmp_path / "source", "--roadmap", "long", "--enrich")
    environment = {
        **asking(server),
        "ROADMAP_DB": str(small_disk / "cache.duckdb"),
        "ROADMAP_QUOTA_URL": f"sqlite:///{tmp_path}/quota.sqlite",
        "ROADMAP_RPM": "0",
        "ROADMAP_CONCURRENCY": "4",
    }
    process = command_line.start(*arguments, **environment)
    assert process.stdout
    while not process.stdout.readline().startswith("✓"):
        pass
    while process.poll() is None:  # also takes the room that a temporary file gives back
        filler = fill(small_disk)
        time.sleep(0.02)
    _, err = process.communicate()
    assert process.returncode == 1
    found = KEPT.search(err)
    assert found, err
    assert all(Path(file).is_file() for file in found[2].split(" and "))
    answered = sum(len(request.topics) for request in server.requests if request.outcome == "answered")
    assert 0 < answered < TOPICS

    before = len(server.requests)
    full = command_line.run(*arguments, **environment)
    assert full.exit_code == 1
    assert str(small_disk / "cache.duckdb") in full.stderr
    assert len(server.requests) == before, "nothing is asked that could not be stored"

    filler.unlink()
    again = command_line.run(*arguments, **environment)
    assert again.exit_code == 0
    asked = [topic for request in server.requests[before:] for topic in request.topics]
    assert len(asked) == TOPICS - answered, "everything that was answered is known"
    assert not any(Path(file).exists() for file in found[2].split(" and "))


def test_a_run_whose_answers_may_not_fit_asks_nothing(
    command_line: CommandLine, server: Simulator, small_disk: Path, tmp_path: Path
) -> None:
    """The database can be written, but there is no room for 400 answers."""
    write_roadmap(tmp_path / "source", "long", [f"Topic {number}" for number in range(TOPICS)])
    arguments = ("scrape", "--source", tmp_path / "source", "--roadmap", "long", "--enrich")
    environment = {
        **asking(server),
        "ROADMAP_DB": str(small_disk / "cache.duckdb"),
        "ROADMAP_QUOTA_URL": f"sqlite:///{tmp_path}/quota.sqlite",
        "ROADMAP_RPM": "0",
    }
    assert command_line.run(*arguments, "--dry-run", **environment).exit_code == 0  # creates the database
    filler = fill(small_disk, leaving=12 * 2**20)
    refused = command_line.run(*arguments, **environment)
    assert refused.exit_code == 1
    assert "nothing was asked. Make room" in refused.stderr
    assert server.requests == []
    filler.unlink()
    assert command_line.run(*arguments, **environment).exit_code == 0
