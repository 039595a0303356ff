"""Unrealistic drawings: any number of boxes of one kind, in layouts that are expensive to compare box by box."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from roadmap_assets.roadmaps.document import Document
from roadmap_assets_tests.roadmaps.drawings import HEIGHT, STEP, WIDTH, Sketch

Rectangle = tuple[float, float, float, float]  # x, y, width, height


def _spread(number: int, count: int) -> Rectangle:
    columns = math.isqrt(count)
    return number % columns * (WIDTH + 60), number // columns * (HEIGHT + 60), WIDTH, HEIGHT


def _random(number: int, count: int) -> Rectangle:
    chance, side = random.Random(number), 150 * math.sqrt(count)
    return chance.uniform(0, side), chance.uniform(0, side), chance.uniform(10, 3000), chance.uniform(10, 3000)


LAYOUTS: Final[Mapping[str, Callable[[int, int], Rectangle]]] = {
    "spread out": _spread,
    "all at one spot": lambda number, count: (0, 0, WIDTH, HEIGHT),
    "in one another": lambda number, count: (-5 * number, -5 * number, WIDTH + 10 * number, HEIGHT + 10 * number),
    "in a column": lambda number, count: (0, number * STEP, WIDTH, HEIGHT),
    "as stairs": lambda number, count: (3 * number, 3 * number, WIDTH, HEIGHT),
    "long side by side": lambda number, count: (30 * number, 0, 20, 20_000),
    "huge": lambda number, count: (number, number, 50_000, 50_000),
    "crossing": lambda number, count: (7 * number, 0, 20, 7 * count) if number % 2 else (0, 7 * number, 7 * count, 20),
    "at random": _random,
}
KINDS: Final = ("section", "paragraph", "label", "subtopic", "solid line", "dashed line", "all kinds")


def hostile_drawing(kind: str, layout: str, count: int) -> Document:
    """This many boxes of a kind, beside a spine of three stops with ten topics each."""
    sketch = Sketch()
    for stop in range(3):
        sketch.major(f"stop-{stop}", 0, stop * 700)
        sketch.stack(" ".join(f"topic-{stop}-{number}" for number in range(10)), 400, stop * 700)
        sketch.dashed(f"stop-{stop}", f"topic-{stop}-0")
    sketch.solid("Sketch", "stop-0", "stop-1", "stop-2")
    for number in range(count):
        x, y, width, height = LAYOUTS[layout](number, count)
        chosen = KINDS[number % (len(KINDS) - 1)] if kind == "all kinds" else kind
        _add(sketch, chosen, f"box-{number}", (x, y, width, height))
    return sketch.document()


def _add(sketch: Sketch, kind: str, name: str, rectangle: Rectangle) -> None:
    x, y, width, height = rectangle
    node = {"id": name, "type": kind, "position": {"x": x, "y": y}, "measured": {"width": width, "height": height}}
    if kind.endswith("line"):
        style = {"strokeDasharray": "0" if kind.startswith("solid") else "0.8 8"}
        sketch.nodes.append({**node, "type": "vertical" if height > width else "horizontal", "data": {"style": style}})
    else:
        sketch.nodes.append({**node, "data": {"label": name}})
