"""The README's chart: calls and time against rows, as a small SVG that follows the reader's light or dark colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

Measured = tuple[int, float, float]
"""Rows, calls, seconds."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way of asking; `style` names its CSS class."""

    name: str
    points: Sequence[Measured]
    style: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the two diagrams, with logarithmic axes: `column` of a measurement against rows."""

    title: str
    column: int
    ticks: Sequence[tuple[float, str]]
    left: float

    def x(self, rows: float) -> float:
        """The position of this many rows, in pixels."""
        return self.left + WIDTH * _share(rows, ROWS[0][0], ROWS[-1][0])

    def y(self, value: float) -> float:
        """The position of a value, in pixels."""
        return BOTTOM - HEIGHT * _share(value, self.ticks[0][0], self.ticks[-1][0])

    def path(self, points: Iterable[Measured]) -> str:
        """The points as SVG's coordinates."""
        return " ".join(f"{self.x(point[0]):.1f},{self.y(point[self.column]):.1f}" for point in points)


WIDTH, HEIGHT, BOTTOM = 330.0, 230.0, 320.0
ROWS = ((20, "20"), (100, "100"), (400, "400"), (2000, "2000"))
PANELS = (
    Panel("Calls", 1, ((1, "1"), (10, "10"), (100, "100"), (1000, "1000"), (4000, "")), 60.0),
    Panel("Time", 2, ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (14400, "")), 490.0),
)

_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328 }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
  .limit { stroke: #8c959f; stroke-width: 9; opacity: .4 }
  .ours { stroke: #0969da } circle.ours { fill: #0969da }
  .turn { stroke: #bc4c00; stroke-dasharray: 7 5 } circle.turn { fill: #bc4c00; stroke-dasharray: none }
  .single { stroke: #8250df; stroke-dasharray: 1 5 } circle.single { fill: #8250df; stroke-dasharray: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .limit { stroke: #9198a1 }
    .ours { stroke: #4493f8 } circle.ours { fill: #4493f8 }
    .turn { stroke: #f0883e } circle.turn { fill: #f0883e }
    .single { stroke: #ab7df8 } circle.single { fill: #ab7df8 }
  }
"""


def write_chart(path: Path, lines: Sequence[Line], *, limits: Sequence[Measured]) -> None:
    """Draw the lines over the limits (what 20 rows a call, and the quota, allow at best) into an SVG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw_chart(lines, limits=limits), encoding="utf-8")


def draw_chart(lines: Sequence[Line], *, limits: Sequence[Measured]) -> str:
    """The SVG's text."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 380" role="img" aria-labelledby="what">',
        '<title id="what">Calls and time against rows, at 15 requests a minute and 2 seconds a call</title>',
        f"<style>{_STYLE}</style>",
        *_legend([("the quota's limit", "limit"), *((line.name, line.style) for line in reversed(lines))]),
    ]
    for panel in PANELS:
        parts += _axes(panel)
        parts.append(_polyline(panel, limits, "limit"))
        for line in lines:
            parts.append(_polyline(panel, line.points, line.style))
            parts += [_dot(panel, point, line.style) for point in line.points]
    return "\n".join([*parts, "</svg>", ""])


def _legend(entries: Iterable[tuple[str, str]]) -> list[str]:
    parts = []
    left = 60.0
    for name, style in entries:
        parts.append(f'<polyline class="{style}" points="{left},24 {left + 30},24"/>')
        parts.append(f'<text x="{left + 40}" y="28.5">{escape(name)}</text>')
        left += 75 + 6.9 * len(name)
    return parts


def _axes(panel: Panel) -> list[str]:
    right = panel.left + WIDTH
    parts = [f'<text class="title" x="{panel.left}" y="70">{escape(panel.title)}</text>']
    for value, name in panel.ticks:
        if name:
            y = panel.y(value)
            parts.append(f'<line class="grid" x1="{panel.left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
            parts.append(f'<text class="end" x="{panel.left - 8}" y="{y + 4.5:.1f}">{name}</text>')
    for rows, name in ROWS:
        parts.append(f'<text class="middle" x="{panel.x(rows):.1f}" y="{BOTTOM + 20}">{name}</text>')
    parts.append(f'<text class="middle" x="{panel.left + WIDTH / 2}" y="{BOTTOM + 42}">rows</text>')
    return parts


def _polyline(panel: Panel, points: Iterable[Measured], style: str) -> str:
    return f'<polyline class="{style}" points="{panel.path(points)}"/>'


def _dot(panel: Panel, point: Measured, style: str) -> str:
    return f'<circle class="{style}" cx="{panel.x(point[0]):.1f}" cy="{panel.y(point[panel.column]):.1f}" r="4"/>'


def _share(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least)
