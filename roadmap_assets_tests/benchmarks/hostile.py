"""Drawings made to take long: 20 000 frames, labels, topics or lines, spread out or in each other's way."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import product

from roadmap_assets.roadmaps.hierarchy import trace_topics
from roadmap_assets_tests.benchmarks import measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most
from roadmap_assets_tests.roadmaps.hostile_drawings import KINDS, LAYOUTS, hostile_drawing

FEW, MANY = 5_000, 20_000
RUNS = 3
MOST_SECONDS = 10
MOST_POWER = 1.2

Drawn = tuple[str, str, int]  # kind, layout and number of boxes


def hostile(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `hostile`."""
    few, many = (500, 2_000) if conditions.quick else (FEW, MANY)
    least = _least_seconds((few, many))
    for kind in KINDS:
        worst = max(LAYOUTS, key=lambda layout: least[kind, layout, many])
        yield Figure(
            f"{many:,} of kind {kind}", least[kind, worst, many], "s", at_most(MOST_SECONDS), f"slowest: {worst}"
        )
    powers = sorted(
        (math.log(least[kind, layout, many] / least[kind, layout, few], many / few), f"{kind}, {layout}")
        for kind, layout in product(KINDS, LAYOUTS)
    )
    power, where = powers[len(powers) // 2]
    yield Figure("growth: time is as boxes to the power of", power, "", at_most(MOST_POWER), "median of all layouts")
    power, where = powers[-1]
    yield Figure("steepest growth: to the power of", power, "", at_most(MOST_POWER), where)


def _least_seconds(counts: tuple[int, int]) -> dict[Drawn, float]:
    """Processor time of every drawing in a fresh process, the least of `RUNS`.

    Other load shares caches and cores and so adds processor time, for seconds at a stretch. Therefore the runs of one
    drawing are as far apart as possible: each round draws everything once.
    """
    rounds = [
        {drawn: measuring.apart(seconds, *drawn).result for drawn in product(KINDS, LAYOUTS, counts)}
        for _ in range(RUNS)
    ]
    return {drawn: min(taken[drawn] for taken in rounds) for drawn in rounds[0]}


def seconds(kind: str, layout: str, count: int) -> float:
    """Processor time of one drawing."""
    document = hostile_drawing(kind, layout, count)
    start = time.process_time()
    trace_topics(document)
    return time.process_time() - start
