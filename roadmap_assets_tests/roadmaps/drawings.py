"""Small drawings in a few lines, and large ones by the number of topics, as documents of roadmap.sh's shape.

The label of a box is also its id.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.roadmaps.place import place_topics

WIDTH, HEIGHT = 200, 50  # of a topic
STEP = 55  # from one topic of a stack to the next: they touch
DOTS = "0.8 8"


class Sketch:
    """Builds a drawing: boxes by their top left corner, links by the labels of the boxes."""

    def __init__(self, title: str = "Sketch") -> None:
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self._box("title", title, 0, -200, WIDTH, HEIGHT)

    def major(self, label: str, x: float, y: float, width: float = WIDTH) -> Sketch:
        return self._box("topic", label, x, y, width, HEIGHT)

    def minor(self, label: str, x: float, y: float, width: float = WIDTH) -> Sketch:
        return self._box("subtopic", label, x, y, width, HEIGHT)

    def stack(self, labels: str, x: float, y: float) -> Sketch:
        """Minor topics, one below the other so that they touch; labels separated by spaces."""
        for number, label in enumerate(labels.split()):
            self.minor(label, x, y + number * STEP)
        return self

    def label(self, text: str, x: float, y: float, width: float = WIDTH) -> Sketch:
        return self._box("label", text, x, y, width, 30)

    def paragraph(self, text: str, x: float, y: float, width: float = WIDTH, height: float = 60) -> Sketch:
        return self._box("paragraph", text, x, y, width, height)

    def frame(self, name: str, x: float, y: float, width: float, height: float) -> Sketch:
        self._box("section", name, x, y, width, height)
        self.nodes[-1]["data"]["label"] = ""
        return self

    def vertical(self, x: float, y: float, length: float, *, dashed: bool) -> Sketch:
        return self._line("vertical", x, y, 20, length, dashed=dashed)

    def horizontal(self, x: float, y: float, length: float, *, dashed: bool) -> Sketch:
        return self._line("horizontal", x, y, length, 20, dashed=dashed)

    def solid(self, *labels: str) -> Sketch:
        """The reading path, from the first to the last."""
        for source, target in pairwise(labels):
            self._edge(source, target, "solid")
        return self

    def dashed(self, source: str, *targets: str) -> Sketch:
        for target in targets:
            self._edge(source, target, "dashed")
        return self

    def text(self) -> str:
        return json.dumps({"nodes": self.nodes, "edges": self.edges})

    def document(self) -> Document:
        return parse_document(self.text(), roadmap="sketch", origin="a test")

    def paths(self, *, without: str = "") -> dict[str, tuple[str, ...]]:
        """The path of every topic by its label, without the named stage, if any."""
        places = place_topics(self.document(), without=frozenset({without} if without else ()))
        return {topic: place.path for topic, place in places.items()}

    def _box(self, kind: str, label: str, x: float, y: float, width: float, height: float) -> Sketch:
        size = {"width": width, "height": height}
        node = {"id": label, "type": kind, "position": {"x": x, "y": y}, "data": {"label": label}, "measured": size}
        self.nodes.append(node)
        return self

    def _line(self, kind: str, x: float, y: float, width: float, height: float, *, dashed: bool) -> Sketch:
        self._box(kind, f"line {len(self.nodes)}", x, y, width, height)
        self.nodes[-1]["data"]["style"] = {"strokeDasharray": DOTS if dashed else "0"}
        return self

    def _edge(self, source: str, target: str, style: str) -> None:
        self.edges.append(
            {"id": f"edge {len(self.edges)}", "source": source, "target": target, "data": {"edgeStyle": style}}
        )


def large_drawing(topics: int) -> Sketch:
    """A roadmap of about this many topics: on every stop of its spine a stack, a framed group and a labelled column."""
    sketch = Sketch("Large")
    stops = [f"Stop {number}" for number in range(max(1, topics // 21))]
    for number, stop in enumerate(stops):
        y = number * 800
        sketch.major(stop, 0, y)
        sketch.stack(" ".join(f"left-{number}-{row}" for row in range(7)), -400, y).dashed(stop, f"left-{number}-0")
        sketch.frame(f"frame {number}", 400, y, 260, 480).label(f"Framed {number}", 430, y + 10)
        sketch.stack(" ".join(f"right-{number}-{row}" for row in range(7)), 430, y + 50)
        sketch.horizontal(195, y + 20, 210, dashed=True)
        sketch.label(f"Below {number}", 0, y + 75)
        sketch.stack(" ".join(f"below-{number}-{row}" for row in range(6)), 0, y + 115)
    sketch.solid("Large", *stops)
    return sketch
