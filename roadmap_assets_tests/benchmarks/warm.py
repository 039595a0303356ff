"""A second run, with everything cached: its time against that of the imports it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from roadmap_assets_tests.benchmarks import asking, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most, exactly
from roadmap_assets_tests.benchmarks.roadmap import any_roadmap

LIBRARIES = """
import csv, click, duckdb, filelock, msgspec
duckdb.connect().execute("SELECT ?", [0])
"""
"""What a second run uses of others' code, with DuckDB started. As in the command line, DuckDB finds no pandas."""


def warm(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `warm`."""
    source, slug = any_roadmap(conditions)
    with asking.server() as server:
        env = {
            **os.environ,
            "ROADMAP_DB": str(conditions.folder / "warm.duckdb"),
            "ROADMAP_RPM": "0",
            "GOOGLE_GEMINI_BASE_URL": server.url,
            "GEMINI_API_KEY": "any",
        }
        arguments = ["-m", "roadmap_assets.cli", "scrape", "--roadmap", slug, "--source", str(source), "--enrich"]
        output = ["--output", str(conditions.folder / "warm.csv")]
        measuring.command(*arguments, *output, env=env)
        server.reset()
        taken = measuring.side_by_side(
            {
                "ours": lambda: measuring.command(*arguments, *output, env=env),
                "libraries": lambda: measuring.command("-c", f"import sys; sys.modules['pandas'] = None\n{LIBRARIES}"),
                "import": lambda: measuring.command("-c", "import duckdb"),
            },
            repeats=5 if conditions.quick else 15,
        )
        calls = len(server.requests())
    yield Figure("second run, 134 topics: time", taken["ours"], "s")
    yield Figure("import duckdb: time", taken["import"], "s")
    yield Figure("its libraries alone ÷ import duckdb", taken["libraries"] / taken["import"], "")
    yield Figure("second run ÷ import duckdb", taken["ours"] / taken["import"], "", at_most(3))
    yield Figure("second run: calls", calls, "", exactly(0))
