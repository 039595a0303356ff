"""Looking topics up in caches of different sizes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.warehouse.enrichments import Answer, load_answers, store_answers
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.benchmarks import asking, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, at_most

TOPICS = (1_000, 10_000, 100_000, 1_000_000)
LIMITS = {(100_000, 1_000_000): (2, 1024), (1_000_000, 10_000_000): (5, 1536)}
"""By topics and size of the cache: seconds for the look-up, and MB."""


def cache(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `cache`."""
    sizes = (10_000, 1_000_000) if conditions.quick else (10_000, 1_000_000, 10_000_000)
    found: dict[tuple[int, int], float] = {}
    for size in sizes:
        fill(conditions.folder, size)
        for topics in (count for count in TOPICS if count <= size):
            repeats = 3 if conditions.quick else measuring.REPEATS
            looked_up, read = (
                measuring.apart(work, str(conditions.folder), topics, repeats) for work in (look_up, read_answers)
            )
            found[size, topics] = looked_up.result
            most_s, most_mb = LIMITS.get((topics, size), (None, None))
            name = f"{topics:,} topics in {size:,}"
            yield Figure(f"{name}: look-up", looked_up.result, "s", at_most(most_s) if most_s else None)
            yield Figure(f"{name}: peak memory", looked_up.peak_mb, "MB", at_most(most_mb) if most_mb else None)
            yield Figure(f"{name}: reading the answers", read.result, "s")
            yield Figure(f"{name}: peak memory of reading the answers", read.peak_mb, "MB")
    for (small, large), topics in product(pairwise(sizes), TOPICS):
        if (small, topics) in found:
            ratio = found[large, topics] / found[small, topics]
            yield Figure(f"{topics:,} topics: {large:,} ÷ {small:,} rows", ratio, "", at_most(large / small))
    for few, many in pairwise(TOPICS):
        if (sizes[-1], many) in found:
            ratio = found[sizes[-1], many] / found[sizes[-1], few]
            yield Figure(f"{sizes[-1]:,} rows: {many:,} ÷ {few:,} topics", ratio, "", at_most(many / few))


def fill(folder: Path, size: int) -> None:
    """Fill the cache to `size` answers: first those of the topics to look up, then others made by DuckDB."""
    access = _access(folder)
    with open_warehouse(access.settings.db).transaction() as connection:
        have = int(connection.execute("SELECT count(*) FROM enrichments").fetchall()[0][0])
        wanted = asking.questions(access, min(size, TOPICS[-1]))[have:] if have < TOPICS[-1] else []
        for start in range(0, len(wanted), 10_000):
            store_answers(connection, [_answer(question, access) for question in wanted[start : start + 10_000]])
        # Keys of the same shape as ours, in no order; texts that differ, as long as real ones.
        connection.execute(
            """INSERT INTO enrichments BY NAME
            SELECT md5(n::VARCHAR) AS key, 'Topic ' || n AS topic,
                '{"tldr": "What ' || md5((n * 7)::VARCHAR) || ' is good for, in one line", "challenge": "practice"}'
                    AS answer,
                'summary' AS profile, 'fingerprint' AS fingerprint,
                'simulator' AS model, 'simulator' AS model_version,
                md5((n // 20)::VARCHAR) AS call_id, '' AS base_url, now()::TIMESTAMP AS answered_at
            FROM range(?, ?) AS numbers(n)""",
            [have + len(wanted), size],
        )


def look_up(folder: str, topics: int, repeats: int) -> float:
    """Median seconds of a run of the engine that finds every topic."""
    access = _access(Path(folder))
    warehouse = open_warehouse(access.settings.db)
    asked = asking.questions(access, topics)

    def find() -> None:
        report = asyncio.run(access.engine(warehouse).run(asked))
        assert report.rows == {"hit": topics}, report.rows

    return measuring.side_by_side({"look up": find}, repeats=repeats)["look up"]


def read_answers(folder: str, topics: int, repeats: int) -> float:
    """Median seconds of reading the topics' answers."""
    access = _access(Path(folder))
    warehouse = open_warehouse(access.settings.db)
    asked = asking.questions(access, topics)

    def read() -> None:
        with warehouse.transaction() as connection:
            assert len(load_answers(connection, [question.key for question in asked])) == topics

    return measuring.side_by_side({"read": read}, repeats=repeats)["read"]


def _access(folder: Path) -> Access:
    return asking.access_to("http://127.0.0.1:9", folder)  # no call is made


def _answer(question: Question, access: Access) -> Answer:
    return Answer(
        key=question.key,
        topic=question.topic,
        answer={"tldr": f"What {question.topic} is good for, in one line", "challenge": "practice"},
        profile=access.profile.name,
        fingerprint=access.profile.fingerprint,
        model=access.model,
        model_version=access.model,
        call_id="filled",
    )
