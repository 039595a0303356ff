"""Fixtures that every test may ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from roadmap_assets_tests.command_line import CommandLine

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Have Ctrl-C end our children even where a shell has started us in the background, with Ctrl-C ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_roadmaps() -> Path:
    """A folder of real roadmap documents (copyrighted, so it is beside the project); skipped where absent."""
    folder = Path(os.environ.get("ROADMAP_TEST_DATA") or REPOSITORY.parent / "shared" / "roadmaps")
    if not folder.is_dir():
        pytest.skip(f"no real roadmaps at {folder}")
    return folder


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path)
