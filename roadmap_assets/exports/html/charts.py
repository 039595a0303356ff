"""Bar charts as plain numbers, for the templates to draw as inline SVG beside the words and figures they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Series(Struct, frozen=True):
    """One kind of what is counted; `look` is its class in the style sheet."""

    label: str
    look: str


class Part(Struct, frozen=True):
    """A piece of a bar: `start` and `width` in percent of the longest bar."""

    label: str
    look: str
    count: float
    start: float
    width: float


class Bar(Struct, frozen=True):
    """A labelled bar of one piece a series, and its figure in words."""

    label: str
    parts: Sequence[Part]
    total: str


class Chart(Struct, frozen=True):
    """Bars that share one scale."""

    title: str
    series: Sequence[Series]
    bars: Sequence[Bar]


def stacked(
    title: str, series: Sequence[Series], counts: Mapping[str, Sequence[float]], *, figure: str = "{:.0f}"
) -> Chart:
    """A chart of bars; `counts` gives each bar's label its numbers, one a series; `figure` is the format of a total."""
    longest = max((sum(row) for row in counts.values()), default=0) or 1

    def bar(label: str, row: Sequence[float]) -> Bar:
        parts, before = [], 0.0
        for one, count in zip(series, row, strict=True):
            start, width = 100 * before / longest, 100 * count / longest
            parts.append(Part(one.label, one.look, count, round(start, 2), round(width, 2)))
            before += count
        return Bar(label, parts, figure.format(before))

    return Chart(title, series, [bar(label, row) for label, row in counts.items()])
