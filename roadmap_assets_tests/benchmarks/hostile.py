"""Drawings made to take long: 20 000 frames, labels, topics or lines, spread out or in each other's way."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from roadmap_assets.roadmaps.hierarchy import trace_topics
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most
from roadmap_assets_tests.roadmaps.hostile_drawings import KINDS, LAYOUTS, hostile_drawing

FEW, MANY = 5_000, 20_000
MOST_SECONDS = 10
MOST_POWER = 1.2


def hostile(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `hostile`."""
    few, many = (500, 2_000) if conditions.quick else (FEW, MANY)
    powers = []
    for kind in KINDS:
        taken = {}
        for layout in LAYOUTS:
            seconds = [_seconds(kind, layout, count) for count in (few, many)]
            taken[layout] = seconds[1]
            powers.append((math.log(seconds[1] / seconds[0]) / math.log(many / few), f"{kind}, {layout}"))
        worst = max(taken, key=taken.__getitem__)
        yield Figure(f"{many:,} of kind {kind}", taken[worst], "s", at_most(MOST_SECONDS), f"slowest: {worst}")
    power, where = sorted(powers)[len(powers) // 2]
    yield Figure("growth: time is as boxes to the power of", power, "", at_most(MOST_POWER), "median of all layouts")
    power, where = max(powers)
    yield Figure("steepest growth: to the power of", power, "", at_most(MOST_POWER), where)


def _seconds(kind: str, layout: str, count: int) -> float:
    """Processor time, which hardly depends on other load of the machine."""
    document = hostile_drawing(kind, layout, count)
    start = time.process_time()
    trace_topics(document)
    return time.process_time() - start
