"""Texts set into boxes without a browser: estimated widths, line breaks, a size that fits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from msgspec import Struct

LINE_HEIGHT = 1.25
SMALLEST = 9.0

# Advance widths of a common sans-serif (Arial, Helvetica and what is drawn to fit them), in ems.
_NARROW, _SLIM, _WIDE, _CAPITAL, _OTHER, _FULL = 0.25, 0.35, 0.86, 0.7, 0.56, 1.0
_MARGIN = 1.04  # other fonts of the reader's system run a little wider


class Lettering(Struct, frozen=True):
    """Lines of text at one size, in pixels."""

    lines: tuple[str, ...]
    size: float

    @property
    def height(self) -> float:
        """Height of the lines together."""
        return len(self.lines) * self.size * LINE_HEIGHT


def fitted(text: str, *, width: float, height: float, size: float, bold: bool = False) -> Lettering:
    """The text in lines that fit into the box, at `size` or, where it must be, at a smaller one.

    A text that does not fit at the smallest size is cut, with an ellipsis.
    """
    while True:
        lines = wrapped(text, width=width, size=size, bold=bold)
        fits = len(lines) * size * LINE_HEIGHT <= height and all(
            width_of(line, size=size, bold=bold) <= width for line in lines
        )
        if fits or size <= SMALLEST:
            break
        size = max(SMALLEST, size - 1)
    if fits:
        return Lettering(lines, size)
    room = max(1, int(height // (size * LINE_HEIGHT)))
    cut = [_cut(line, width=width, size=size, bold=bold) for line in lines[:room]]
    if len(lines) > room and not cut[-1].endswith("…"):
        cut[-1] += "…"
    return Lettering(tuple(cut), size)


def wrapped(text: str, *, width: float, size: float, bold: bool = False) -> tuple[str, ...]:
    """The text in lines of at most `width`, broken between words; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and width_of(f"{lines[-1]} {word}", size=size, bold=bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines)


def width_of(text: str, *, size: float, bold: bool = False) -> float:
    """The estimated width of a line, in pixels."""
    return sum(map(_ems, text)) * size * _MARGIN * (1.06 if bold else 1)


def _cut(line: str, *, width: float, size: float, bold: bool) -> str:
    if width_of(line, size=size, bold=bold) <= width:
        return line
    shown: Sequence[str] = line
    while len(shown) > 1 and width_of(f"{shown}…", size=size, bold=bold) > width:
        shown = shown[:-1]
    return f"{shown}…"


@cache
def _ems(char: str) -> float:
    if char in "ijlI.,:;'|!":
        return _NARROW
    if char in 'ftr()[]{}/\\- "`*':
        return _SLIM
    if char in "mwMW@%&":
        return _WIDE
    if char.isupper():
        return _CAPITAL
    return _FULL if ord(char) >= 0x1100 else _OTHER
