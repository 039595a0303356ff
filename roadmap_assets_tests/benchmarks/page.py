"""Writing pages, their sizes, and how soon a browser shows one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from roadmap_assets import pipeline
from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.published import EnrichedTopic, publish_rows
from roadmap_assets.warehouse.topics import load_topics
from roadmap_assets_tests.benchmarks import measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most
from roadmap_assets_tests.benchmarks.roadmap import any_roadmap
from roadmap_assets_tests.browser import CHROMIUM, chromium

HEADERS = {"tldr": "TLDR", "challenge": "Challenge"}


def page(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `page`."""
    repeats = 1 if conditions.quick else measuring.REPEATS
    folder, slug = any_roadmap(conditions)
    warehouse = Warehouse(conditions.folder / "page.duckdb")
    roadmaps = _published(DirectorySource(folder), warehouse)
    site = conditions.folder / "site"

    def write_all() -> None:
        for roadmap in roadmaps:
            pipeline.write_page(roadmap, warehouse=warehouse, headers=HEADERS, folder=site)
        pipeline.write_index(warehouse=warehouse, folder=site)

    seconds = measuring.median_seconds(write_all, repeats=repeats)
    yield Figure(f"{len(roadmaps)} pages and the index: time", seconds, "s", at_most(10))
    yield Figure(f"page of {slug}: size", (site / f"{slug}.html").stat().st_size / 1000, "KB", at_most(500))
    yield Figure("index: size", (site / "index.html").stat().st_size / 1000, "KB", at_most(300))
    if CHROMIUM is None:
        yield Remark("There is no Chromium here, so how soon a page is shown was not measured.")
        return
    yield Figure(f"page of {slug}: interactive after", _interactive(site / f"{slug}.html", repeats), "s", at_most(1))


def _published(source: DirectorySource, warehouse: Warehouse) -> list[str]:
    """The roadmaps that have topics, each published with made-up answers."""
    found = []
    for slug in source.catalogue():
        try:
            pipeline.fetch(slug, source=source, warehouse=warehouse)
            pipeline.read_topics(slug, warehouse=warehouse)
        except DocumentError:
            continue
        found.append(slug)
        with warehouse.transaction() as connection:
            rows = [
                EnrichedTopic(topic, "enriched", _answer(number), f"{slug} {number}", "summary", "made-up")
                for number, topic in enumerate(load_topics(connection, [slug]))
            ]
            columns = dict.fromkeys(HEADERS, "VARCHAR")
            publish_rows(connection, slug, rows, columns=columns)
    return found


def _answer(number: int) -> dict[str, str]:
    return {"tldr": "What it is good for, in at most twelve words", "challenge": ("practice", "expert")[number % 2]}


def _interactive(file: Path, repeats: int) -> float:
    """Seconds from opening the file to the end of its script, in a browser that runs already."""
    taken = []
    with chromium() as browser:
        for _ in range(repeats):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            started = time.perf_counter()
            tab.goto(file.as_uri())
            tab.wait_for_selector("html.ready")
            taken.append(time.perf_counter() - started)
            tab.close()
    return median(taken)
