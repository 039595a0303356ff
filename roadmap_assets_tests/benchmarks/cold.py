"""A first run, with nothing cached: its time against the quota's minimum, and the time of simpler ways of asking.

Long runs are taken with the minute and the call scaled down alike; their times are reported as they would be at full
length. Our own work is not scaled down, so a scaled run looks worse than the real one, never better.
"""

from __future__ import annotations

import asyncio
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from roadmap_assets.enrichment.limiter.base import Limits, least_seconds
from roadmap_assets.enrichment.providers.gemini import Gemini
from roadmap_assets.enrichment.questions import Question
from roadmap_assets_tests.benchmarks import asking, measuring, warm
from roadmap_assets_tests.benchmarks.asking import LATENCY_S, RPM, WINDOW_S
from roadmap_assets_tests.benchmarks.chart import Line, write_chart
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_least, at_most, exactly
from roadmap_assets_tests.benchmarks.roadmap import any_roadmap

BATCH = 20
SPACING_S = 4.0
"""From the start of one call to the start of the next, with 15 requests spread over a minute."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A run over this many rows: times in seconds as at full length, `scale` times the measured ones."""

    rows: int
    calls: int
    wall_s: float
    over_quota: int
    scale: float

    @property
    def least_calls(self) -> int:
        """The fewest calls, at 20 rows a call."""
        return -(-self.rows // BATCH)

    @property
    def least_s(self) -> float:
        """The shortest time that the quota allows for this many calls."""
        return least_s(self.rows)

    @property
    def scaled(self) -> str:
        """How it was measured, in words."""
        return "" if self.scale == 1 else f"at 1/{self.scale:g} of the times"


LIBRARIES = f"""
import sys
sys.modules["pandas"] = None
{warm.LIBRARIES}
import anyio._backends._asyncio, httpx2
httpx2.AsyncClient(verify=False)
"""
"""What a first run uses of others' code before its first request, with DuckDB started; the server has no TLS."""


def least_s(rows: int) -> float:
    """The shortest time for this many rows at 15 calls of 20 rows a minute, 2 s each."""
    return least_seconds(-(-rows // BATCH), 0, Limits(rpm=RPM, tpm=0, rpd=0), LATENCY_S)


def cold(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `cold`."""
    yield from command_line(conditions)
    for rows in sizes(conditions):
        run = ours(rows, scale=scale_of(rows, quick=conditions.quick))
        note = run.scaled
        yield Figure(f"{rows} topics: calls", run.calls, "", exactly(run.least_calls), note)
        yield Figure(f"{rows} topics: 429s", run.over_quota, "", exactly(0), note)
        yield Figure(
            f"{rows} topics: time", run.wall_s, "s", None, f"least: {run.least_s:g} s" + f"; {note}" * bool(note)
        )
        if run.least_s == LATENCY_S:
            yield Figure(f"{rows} topics: time beyond the call's 2 s", run.wall_s - LATENCY_S, "s")
        else:
            yield Figure(f"{rows} topics: least time ÷ time", run.least_s / run.wall_s, "", at_least(0.95), note)


def naive(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `naive`, and the chart."""
    compared = sizes(conditions)[:1] if conditions.quick else sizes(conditions)
    runs = [ours(rows, scale=scale_of(rows, quick=conditions.quick)) for rows in compared]
    in_turn = [one_after_the_other(run.rows, size=BATCH, scale=30) for run in runs]
    one_by_one = [one_after_the_other(run.rows, size=1, scale=100) for run in runs]
    for our, batches, singles in zip(runs, in_turn, one_by_one, strict=True):
        for name, timed in (("ours", our), ("batches in turn", batches), ("one row a call", singles)):
            yield Figure(f"{our.rows} topics, {name}: calls", timed.calls, "", None, timed.scaled)
            yield Figure(f"{our.rows} topics, {name}: time", timed.wall_s, "s", None, timed.scaled)
    if conditions.images:
        lines = (
            Line("one row a call", [(run.rows, run.calls, run.wall_s) for run in one_by_one], "single"),
            Line("batches, one after the other", [(run.rows, run.calls, run.wall_s) for run in in_turn], "turn"),
            Line("roadmap-assets", [(run.rows, run.calls, run.wall_s) for run in runs], "ours"),
        )
        limits = [(rows, -(-rows // BATCH), least_s(rows)) for rows in range(BATCH, runs[-1].rows + 1, BATCH)]
        write_chart(conditions.images / "calls-and-time.svg", lines, limits=limits)
        yield Remark("The chart `calls-and-time.svg` is drawn from these figures.")


def sizes(conditions: Conditions) -> tuple[int, ...]:
    """Rows of the runs."""
    return (134, 400) if conditions.quick else (20, 134, 300, 400, 2000)


def scale_of(rows: int, *, quick: bool) -> float:
    """The factor by which a run of this many rows is scaled down."""
    return 6 if rows == 2000 or (quick and rows == 400) else 1


def command_line(conditions: Conditions) -> Iterator[Figure]:
    """A first run of a roadmap through the command line, start-up and all, at full length."""
    with asking.server(rpm=RPM, latency_s=LATENCY_S) as server:
        wall_s = measuring.seconds(lambda: _scrape(conditions, server.url, "cold"))
    yield Figure("134 topics, through the command line: time", wall_s, "s", None, "start-up, fetch and CSV included")
    repeats = 3 if conditions.quick else 9
    with asking.server() as server:
        firsts = [_first_request_s(conditions, server, f"first-{number}") for number in range(repeats)]
        libraries_s = measuring.median_seconds(lambda: measuring.command("-c", LIBRARIES), repeats=repeats)
    first_s = statistics.median(firsts)
    yield Figure("134 topics, through the command line: until the first request", first_s, "s", at_most(0.4))
    yield Figure("the libraries alone, until they could send a request", libraries_s, "s", None, "a process of its own")
    certificates_s = measuring.median_seconds(httpx2.create_ssl_context)
    yield Figure("loading the certificates, which a request to an https:// address needs besides", certificates_s, "s")


def _scrape(conditions: Conditions, url: str, name: str) -> None:
    """The command, with a new database of this name."""
    source, slug = any_roadmap(conditions)
    env = {
        **os.environ,
        "ROADMAP_DB": str(conditions.folder / f"{name}.duckdb"),
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "any",
    }
    arguments = ("scrape", "--roadmap", slug, "--source", str(source), "--enrich")
    measuring.command(
        "-m", "roadmap_assets.cli", *arguments, "--output", str(conditions.folder / f"{name}.csv"), env=env
    )


def _first_request_s(conditions: Conditions, server: asking.Server, name: str) -> float:
    """The seconds from the start of the command to its first question."""
    server.reset()
    began = time.time()
    _scrape(conditions, server.url, name)
    return float(min(request["at"] for request in server.requests() if request["topics"]) - began)


@functools.cache
def ours(rows: int, *, scale: float) -> Timed:
    """The engine's first run over this many rows; measured once, for both benchmarks that show it."""
    window_s, latency_s = WINDOW_S / scale, LATENCY_S / scale
    with (
        tempfile.TemporaryDirectory() as folder,
        asking.server(rpm=RPM, window_s=window_s, latency_s=latency_s) as server,
    ):
        access = asking.access_to(server.url, Path(folder), rpm=RPM, window_s=window_s)
        asked = asking.ask(access, asking.questions(access, rows))
        return Timed(rows, asked.report.calls, asked.wall_s * scale, server.count(429), scale)


def one_after_the_other(rows: int, *, size: int, scale: float) -> Timed:
    """The same rows in batches of `size`, each sent when the one before is answered, 4 s after it at the earliest."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asking.server(rpm=RPM, window_s=WINDOW_S / scale, latency_s=LATENCY_S / scale) as server,
    ):
        access = asking.access_to(server.url, Path(folder))
        asked = asking.questions(access, rows)
        batches = [asked[start : start + size] for start in range(0, rows, size)]
        gemini = Gemini(api_key="any", model=access.model, profile=access.profile, base_url=server.url)
        began = time.perf_counter()
        asyncio.run(_in_turn(gemini, batches, spacing_s=SPACING_S / scale))
        wall_s = time.perf_counter() - began
        seen = server.requests()
        return Timed(rows, len(seen), wall_s * scale, sum(request["status"] == 429 for request in seen), scale)


async def _in_turn(gemini: Gemini, batches: Sequence[Sequence[Question]], *, spacing_s: float) -> None:
    next_at = time.perf_counter()
    for batch in batches:
        await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
        next_at = time.perf_counter() + spacing_s
        await gemini.ask(batch)
    await gemini.close()
