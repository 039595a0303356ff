"""What is printed: lines from events, the summary, and a bar where there is a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.cli import console
from roadmap_assets.enrichment.engine.events import (
    BatchEnriched,
    BatchFailed,
    CacheChecked,
    Event,
    Progress,
    Stopped,
    Waiting,
)
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets_tests.cli.command_line import SAMPLE
from roadmap_assets_tests.roadmaps.written import write_roadmap

LATEST = datetime(2026, 10, 20, 13, tzinfo=UTC).replace(tzinfo=None)  # as the tables have it
PLAN = Plan(
    rows=150,
    hits=75,
    misses=75,
    given_up=0,
    pending=0,
    calls=4,
    input_tokens=1000,
    output_tokens=300,
    service="standard",
    costs_usd={"standard": 0.6, "flex": 0.3, "batch": 0.3},
    seconds=2.0,
    days=1,
)
CHECKED = CacheChecked(entries=75, latest=LATEST, plan=PLAN, batch_size=20)


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (BatchEnriched(batch=1, batches=4, rows=20, answered=20), ["✓ Batch 1/4 (20 rows) enriched"]),
        (BatchEnriched(batch=1, batches=4, rows=20, answered=19), ["✓ Batch 1/4 (19 of 20 rows) enriched"]),
        (
            BatchFailed(batch=1, batches=4, reason="ConnectError: no route", remedy=""),
            ["✗ Batch 1/4 failed: ConnectError: no route"],
        ),
        (
            BatchFailed(batch=3, batches=4, reason="reply was not JSON", remedy="Falling back to smaller batches..."),
            ["✗ Batch 3/4 failed: reply was not JSON", "  Falling back to smaller batches..."],
        ),
        (Waiting(seconds=12.4, reason="the quota"), ["  Waiting 12 s: the quota"]),
        (Stopped(reason="the day is over"), ["Stopped: the day is over"]),
        (Progress(done=40, total=150, hits=0, calls=2, seconds_left=3.0), []),  # shown by the bar, or with -v
    ],
)
def test_an_event_as_lines(capsys: pytest.CaptureFixture[str], event: Event, lines: list[str]) -> None:
    with console.following(verbose=False) as report:
        report(event)
    assert capsys.readouterr().out.splitlines() == lines


def test_the_look_up_as_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with console.following(verbose=False) as report:
        report(CHECKED)
    assert capsys.readouterr().out.splitlines() == [
        f"Cache: 75 entries (latest: {console.local(LATEST):%Y-%m-%d %H:%M:%S})",
        "Checking cache for all rows...",
        "Cache hits: 75/150 (50.0%)",
        "Rows to enrich: 75",
        "Processing 4 batches (batch size: 20)",
    ]


def test_a_wait_is_shown_every_15_seconds_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    with console.following(verbose=False) as report:
        for seconds in range(60, 0, -1):
            report(Waiting(seconds=seconds, reason="the quota"))
    assert capsys.readouterr().out == "  Waiting 60 s: the quota\n"


def test_verbose_shows_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with console.following(verbose=True) as report:
        report(Progress(done=40, total=150, hits=0, calls=2, seconds_left=3.0))
    assert capsys.readouterr().out == "  40/150 rows done, 0 hits, 2 calls, about 3 s left\n"


def report(**changes: Any) -> Report:
    whole: dict[str, Any] = {
        "run_id": "run",
        "statuses": {},
        "rows": {"hit": 75, "enriched": 75},
        "failures": {},
        "calls": 4,
        "calls_by_service": {"standard": 4},
        "plan": PLAN,
        "input_tokens": 1000,
        "output_tokens": 200,
        "cost_usd": 0.5,
        "seconds": 3.0,
        "least_seconds": 2.0,
    }
    return Report(**{**whole, **changes})


def summary(report: Report, *failed: tuple[str, str]) -> list[str]:
    return list(console.summary(report, failed=failed))


def test_a_summary() -> None:
    assert summary(report()) == [
        console.RULE,
        "ENRICHMENT SUMMARY",
        console.RULE,
        "Total rows: 150",
        "Cache hits: 75",
        "Newly enriched: 75",
        "Failed: 0",
        "Success rate: 100.0%",
        "API calls: 4 (least possible: 4)",
        "Tokens: 1000 in, 200 out; cost: $0.5000",
        "Time: 3.0 s (least possible: 2.0 s)",
        console.RULE,
    ]


def test_a_summary_of_a_run_that_was_stopped() -> None:
    lines = summary(report(rows={"enriched": 30, "deferred": 10}, stop_reason="the day is over until noon"))
    assert "Deferred: 10 (the day is over until noon)" in lines
    assert "Success rate: 75.0%" in lines


def test_a_summary_names_what_failed_up_to_a_point() -> None:
    failed = [(f"Topic {number}", "SAFETY") for number in range(25)]
    lines = summary(report(rows={"enriched": 125, "failed": 25}), *failed)
    assert lines[lines.index("Failed: 25") :][-21:-1] == [f"✗ Topic {number}: SAFETY" for number in range(20)]
    assert lines[-1] == "… and 5 more, in the table enrichment_failures"


def test_an_unknown_price_is_not_zero() -> None:
    assert "Tokens: 1000 in, 200 out; cost: unknown (the model has no price in the table)" in summary(
        report(cost_usd=None)
    )


def test_a_summary_names_the_services_that_served_unless_all_were_standard() -> None:
    assert "Served by: flex (3 calls), standard (1 calls)" in summary(
        report(calls_by_service={"flex": 3, "standard": 1})
    )


def test_a_run_without_calls_shows_neither_tokens_nor_time() -> None:
    assert not [line for line in summary(report(calls=0)) if line.startswith(("Tokens", "Time"))]


def on_a_terminal(*arguments: object, folder: Path) -> str:
    """What a command writes to a terminal, escape sequences and all."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-m", "roadmap_assets.cli", *map(str, arguments)]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=slave, stderr=slave, stdin=slave) as process:
        os.close(slave)
        written = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # how Linux says that nobody holds the other end any more
                chunk = b""
            if not chunk:
                break
            written += chunk
    os.close(master)
    assert process.returncode == 0, written
    return written.decode()


def test_a_terminal_shows_a_bar_under_the_lines_and_keeps_the_lines(tmp_path: Path) -> None:
    screen = on_a_terminal("scrape", *SAMPLE, "--enrich", "--offline", folder=tmp_path)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r", "\n").splitlines()
    assert [line for line in lines if re.match("━+ +0/53 rows", line)]
    assert "✓ Batch 1/3 (20 rows) enriched" in lines
    assert "API calls: 3 (least possible: 3)" in lines
    again = on_a_terminal("scrape", *SAMPLE, "--enrich", "--offline", folder=tmp_path)
    assert "━" not in again  # nothing to wait for


def test_an_evaluation_shows_a_bar_over_the_rows_of_all_arms(tmp_path: Path) -> None:
    screen = on_a_terminal("evaluate", "batch", *SAMPLE, "--rows", 9, "--offline", folder=tmp_path)
    assert re.search(r"━ +\d+/45 rows", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen))


def test_a_terminal_shows_which_of_several_roadmaps_is_being_read(tmp_path: Path) -> None:
    for slug in ("alpha", "beta"):
        write_roadmap(tmp_path / "source", slug, [f"{slug} {number}" for number in range(2)])
    screen = on_a_terminal("topics", "--source", "source", "--output", "topics.jsonl", folder=tmp_path)
    assert "Fetching beta (2 of 2)" in screen
    assert "Written: topics.jsonl (4 rows)" in screen


def test_no_bar_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with console.following(verbose=False) as report, console.downloading("Fetching") as progress:
        report(CHECKED)
        progress(1, 2)
        report(Progress(done=40, total=150, hits=0, calls=2, seconds_left=3.0))
    assert "━" not in "".join(capsys.readouterr())


def test_ctrl_c_at_a_question(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "roadmap_assets.cli", "scrape", "--source", "sample", "--interactive"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave) as process:
        screen = b""
        while b"number or name" not in screen:
            screen += os.read(master, 65536)
        while process.poll() is None:  # a signal in the instant before it reads would be seen with the next one only
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        assert process.returncode == 130
    os.close(slave)
    assert "Interrupted." in [line.split()[0] for line in os.read(master, 65536).decode().splitlines() if line.strip()]
    os.close(master)
