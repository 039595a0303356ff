"""Many rows: one large roadmap through the command line, a large frame, and two engines on one database."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.base import one_row
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.benchmarks import asking, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, at_least, at_most, exactly
from roadmap_assets_tests.benchmarks.generated import write_source

MOST_MB = 300
MOST_BYTES_A_ROW = 1024


def large(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `large`."""
    with asking.server() as server:
        yield through_the_command_line(conditions, server)
        server.reset()
        yield from frames(conditions, server)
        server.reset()
        yield from two_engines(conditions, server)


def through_the_command_line(conditions: Conditions, server: asking.Server) -> Figure:
    """Peak memory of one first run, from the source's files to the CSV."""
    topics = 2_000 if conditions.quick else 20_000
    source = conditions.folder / "source"
    slug = write_source(source, topics)
    run = measuring.apart(scrape, server.url, slug, str(source), str(conditions.folder))
    return Figure(f"{topics:,} topics through the command line: peak memory", run.peak_mb, "MB", at_most(MOST_MB))


def frames(conditions: Conditions, server: asking.Server) -> Iterator[Figure]:
    """Memory and rows a second of `enrich` for a frame, and for one of ten times the rows."""
    small, great = (1_000, 10_000) if conditions.quick else (20_000, 200_000)
    runs = {}
    for rows in (small, great):
        runs[rows] = measuring.apart(enrich_frame, server.url, rows, str(conditions.folder / f"frame-{rows}.duckdb"))
        server.reset()
        yield Figure(f"enrich, {rows:,} rows", rows / runs[rows].result, "rows/s")
        yield Figure(f"enrich, {rows:,} rows: peak memory", runs[rows].peak_mb, "MB")
    grown = (runs[great].peak_mb - runs[small].peak_mb) * 2**20 / (great - small)
    yield Figure("enrich: memory for one more row", grown, "bytes", at_most(MOST_BYTES_A_ROW))
    ratio = (great / runs[great].result) / (small / runs[small].result)
    yield Figure(f"enrich: rows a second, {great:,} ÷ {small:,} rows", ratio, "", at_least(0.9))


def two_engines(conditions: Conditions, server: asking.Server) -> Iterator[Figure]:
    """Two processes with half of the topics each, against one with all of them."""
    rows = 2_000 if conditions.quick else 20_000
    seconds = {}
    for engines in (1, 2):
        folder = conditions.folder / f"engines-{engines}"
        folder.mkdir()
        share = rows // engines
        jobs = [(ask_share, (server.url, str(folder), share * number, share)) for number in range(engines)]
        seconds[engines] = max(run.result for run in measuring.together(jobs))
        with open_warehouse(asking.access_to(server.url, folder).settings.db).transaction() as connection:
            stored = int(one_row(connection.execute("SELECT count(DISTINCT topic) FROM enrichments"))[0])
        server.reset()
        yield Figure(f"{engines} engine{'s' * (engines > 1)}, one database: rows", rows / seconds[engines], "rows/s")
        yield Figure(f"{engines} engine{'s' * (engines > 1)}: topics lost", rows - stored, "", exactly(0))
    yield Figure("two engines ÷ one", seconds[1] / seconds[2], "", at_least(1.0), "rows a second")


def scrape(url: str, slug: str, source: str, folder: str) -> None:
    """One first run, as the command `scrape` makes it."""
    os.environ |= {
        "ROADMAP_DB": str(Path(folder) / "large.duckdb"),
        "ROADMAP_RPM": "0",
        "ROADMAP_TPM": "0",
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "any",
    }
    # As the program does: DuckDB would import pandas.
    sys.modules["pandas"] = None  # type: ignore[assignment]
    from roadmap_assets.cli.main import main

    output = Path(folder) / "large.csv"
    arguments = ["scrape", "--roadmap", slug, "--source", source, "--enrich", "--output", str(output)]
    standard, sys.stdout = sys.stdout, sys.stderr
    try:
        main(arguments, standalone_mode=False)
    finally:
        sys.stdout = standard


def enrich_frame(url: str, rows: int, database: str) -> float:
    """Seconds of `enrich` for a frame of this many rows, none of them cached."""
    import pandas as pd

    import roadmap_assets

    frame = pd.DataFrame(
        {
            "name": [f"Topic {number}" for number in range(rows)],
            "text": [f"Topic {number} is about storing, moving and checking data." for number in range(rows)],
        }
    )
    settings = load_settings(
        db=Path(database), gemini_base_url=url, gemini_api_key="any", model="simulator", rpm=0, tpm=0, rpd=0
    )
    began = time.perf_counter()
    enriched = roadmap_assets.enrich(frame, topic="name", description="text", progress=False, settings=settings)
    seconds = time.perf_counter() - began
    if enriched["tldr"].isna().any():
        raise AssertionError("rows without an answer")
    return seconds


def ask_share(url: str, folder: str, first: int, count: int) -> float:
    """Seconds to ask `count` topics from the `first` one on."""
    import pandas  # noqa: F401 - which DuckDB imports at its first parameter

    access = asking.access_to(url, Path(folder))
    return asking.ask(access, asking.questions(access, first + count)[first:]).wall_s
