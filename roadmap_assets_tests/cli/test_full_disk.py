"""A run whose database's disk fills up loses nothing that was paid for."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.cli.test_enrichment import asking
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.roadmaps.written import write_roadmap

TOPICS = 400
KEPT = re.compile(r"(\d+) answers are kept in (.+?), and the next run that can write takes them in")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for a run of 400 topics, and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, mebibytes=32):
        yield disk


@pytest.fixture
def server_on_a_small_disk() -> Iterator[tuple[PostgresServer, Path]]:
    """A server with its data on a file system of its own, some 20 MiB larger than an empty server needs."""
    with tempfile.TemporaryDirectory(prefix="roadmap-disk-") as name:
        disk = Path(name)
        disk.chmod(0o755)  # the server is another user
        with mounted(disk, mebibytes=80), PostgresServer(data_in=disk) as running:
            yield running, disk


@contextmanager
def mounted(folder: Path, *, mebibytes: int) -> Iterator[None]:
    """A file system of this size at an empty folder; skips the test where none can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


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
    check_that_no_answer_is_lost(command_line, server, arguments, environment, small_disk)


@pytest.mark.long
def test_a_server_whose_disk_fills_up_in_the_middle_of_a_run_costs_no_answer(
    command_line: CommandLine, server: Simulator, server_on_a_small_disk: tuple[PostgresServer, Path], tmp_path: Path
) -> None:
    write_roadmap(tmp_path / "source", "long", [f"Topic {number}" for number in range(TOPICS)])
    arguments = ("scrape", "--source", tmp_path / "source", "--roadmap", "long", "--enrich")
    database, disk = server_on_a_small_disk
    environment = {
        **asking(server),
        "ROADMAP_DB": database.url(),
        "ROADMAP_RPM": "0",
        "ROADMAP_QUOTA_URL": f"sqlite:///{tmp_path}/quota.sqlite",
        "ROADMAP_CONCURRENCY": "4",
    }
    error = check_that_no_answer_is_lost(command_line, server, arguments, environment, disk)
    assert "No space left on device" in error
    assert "Make room on its server" in error
    assert PASSWORD not in error


def check_that_no_answer_is_lost(
    command_line: CommandLine,
    server: Simulator,
    arguments: Sequence[object],
    environment: Mapping[str, str],
    disk: Path,
) -> str:
    """Fill the database's disk in the middle of a run, run again, make room and run again; the first run's error."""
    process = command_line.start(*arguments, **environment)
    assert process.stdout
    while not process.stdout.readline().startswith("✓"):
        pass
    while process.poll() is None:  # also takes the room that a temporary file gives back
        filler = fill(disk)
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
    assert environment["ROADMAP_DB"].rpartition("@")[2] in full.stderr
    assert len(server.requests) == before, "nothing is asked that could not be stored"

    filler.unlink()
    again = command_line.run(*arguments, **environment)
    assert again.exit_code == 0
    asked = [topic for request in server.requests[before:] for topic in request.topics]
    assert len(asked) == TOPICS - answered, "everything that was answered is known"
    assert not any(Path(file).exists() for file in found[2].split(" and "))
    return err


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
