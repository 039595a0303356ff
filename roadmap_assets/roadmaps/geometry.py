"""Plain geometry of a drawing: boxes, the gaps between them, and a grid that finds a box's neighbours.

Lengths are in pixels of the drawing; x grows to the right, y grows downwards.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Generic, TypeVar

from msgspec import Struct

Key = TypeVar("Key", bound=Hashable)

CELL = 256.0
STEP = 4.0  # from one layer of cells to the next
STRIP = 4096.0  # width of the upright strips in which `neighbours_together` goes through a drawing
MOST_BOXES = 128  # per query; the densest spot of a real drawing has a third of that
MOST_CELLS = 1024
MOST_NESTED = 32  # per query and order of magnitude; real drawings have six at most


class Box(Struct, frozen=True):
    """An upright rectangle: its top left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        return self.width * self.height

    def gap_x(self, other: Box) -> float:
        """Free space between the two side by side; negative: by how much they overlap in width."""
        return max(self.x, other.x) - min(self.x + self.width, other.x + other.width)

    def gap_y(self, other: Box) -> float:
        """Free space between the two one above the other; negative: by how much they overlap in height."""
        return max(self.y, other.y) - min(self.y + self.height, other.y + other.height)

    def gap(self, other: Box) -> float:
        """Free space between the two, the larger of both axes; 0 or less where they touch."""
        return max(self.gap_x(other), self.gap_y(other))

    def distance(self, other: Box) -> float:
        """Shortest distance between the two; 0 where they touch."""
        return math.hypot(max(0.0, self.gap_x(other)), max(0.0, self.gap_y(other)))

    def share_inside(self, other: Box) -> float:
        """The part of this box, 0 to 1, that lies in the other."""
        area = self.width * self.height
        if area <= 0:
            return float(self.gap(other) <= 0)
        return max(0.0, -self.gap_x(other)) * max(0.0, -self.gap_y(other)) / area


Layer = tuple[float, float]  # width and height of its cells
Cell = tuple[int, int]


def _layer(box: Box) -> Layer:
    """The layer whose cells are as large as the box or up to four times larger, and at least `CELL`."""

    def cell(size: float) -> float:
        return CELL if size <= CELL else CELL * STEP ** math.ceil(math.log(size / CELL, STEP))

    return cell(box.width), cell(box.height)


def _span(box: Box, layer: Layer, reach: float = 0) -> tuple[int, int, int, int]:
    """The first and last column and row of the cells that a box covers."""
    width, height = layer
    left, right = math.floor((box.x - reach) / width), math.floor((box.right + reach) / width)
    top, bottom = math.floor((box.y - reach) / height), math.floor((box.bottom + reach) / height)
    return left, right, top, bottom


def _cells(box: Box, layer: Layer) -> list[Cell]:
    left, right, top, bottom = _span(box, layer)
    return [(column, row) for column in range(left, right + 1) for row in range(top, bottom + 1)]


class Grid(Generic[Key]):
    """Boxes by the cells that they cover, so that finding the neighbours of one does not take looking at all.

    There is a layer of cells for each order of magnitude of widths and heights, so no box covers more than four cells.
    A query looks at `MOST_BOXES` at most; only a drawing made to exhaust the parser has more at one spot.
    """

    def __init__(self, boxes: Mapping[Key, Box]) -> None:
        self.boxes: dict[Key, Box] = {}
        self._layers: dict[Layer, defaultdict[Cell, dict[Key, None]]] = {}
        for key, box in boxes.items():
            self.add(key, box)

    def add(self, key: Key, box: Box) -> None:
        self.boxes[key] = box
        layer = _layer(box)
        cells = self._layers.setdefault(layer, defaultdict(dict))
        for cell in _cells(box, layer):
            cells[cell][key] = None

    def near(self, box: Box, reach: float) -> Iterator[Key]:
        """Keys of the boxes with a gap of at most ``reach`` to ``box`` on both axes, each once."""
        x, y, right, bottom = box.x, box.y, box.right, box.bottom
        seen: set[Key] = set()
        for key in islice(chain.from_iterable(self._around(box, reach)), MOST_BOXES):
            other = self.boxes[key]
            beside = x - (other.x + other.width) <= reach and other.x - right <= reach
            if beside and y - (other.y + other.height) <= reach and other.y - bottom <= reach and key not in seen:
                seen.add(key)
                yield key

    def _around(self, box: Box, reach: float) -> Iterator[dict[Key, None]]:
        """The boxes of each cell within reach; a box in several of them is yielded more than once."""
        for layer, cells in self._layers.items():
            left, right, top, bottom = _span(box, layer, reach)
            if (right - left + 1) * (bottom - top + 1) <= len(cells):
                covered = ((column, row) for column in range(left, right + 1) for row in range(top, bottom + 1))
            else:
                covered = (cell for cell in cells if left <= cell[0] <= right and top <= cell[1] <= bottom)
            for cell in islice(covered, MOST_CELLS):
                if cell in cells:
                    yield cells[cell]

    def pop(self, key: Key) -> Box:
        """Remove a box; not while iterating over `near`."""
        box = self.boxes.pop(key)
        layer = _layer(box)
        cells = self._layers[layer]
        for cell in _cells(box, layer):
            others = cells[cell]
            del others[key]
            if not others:
                del cells[cell]
            elif len(others).bit_count() == 1:
                # A dict keeps a gap for each deleted key, and iterates over the gaps too. So it is copied whenever its
                # length falls to a power of two.
                cells[cell] = dict(others)
        return box


class Nest(Generic[Key]):
    """Boxes that may contain each other; finds the smallest around a box.

    A query looks at `MOST_NESTED` of each order of magnitude at most, the smallest first.
    """

    def __init__(self, boxes: Mapping[Key, Box]) -> None:
        self._layers: dict[Layer, defaultdict[Cell, _Nested[Key]]] = {}
        for key, box in sorted(boxes.items(), key=lambda entry: (entry[1].area, entry[0])):
            layer = _layer(box)
            cells = self._layers.setdefault(layer, defaultdict(_Nested))
            for cell in _cells(box, layer):
                cells[cell].append(key, box)

    def smallest_around(self, box: Box, *, share: float, above_area: float) -> Key | None:
        """The smallest box of more than ``above_area`` with at least ``share``, more than half, of ``box`` in it."""
        x, y = box.center  # inside any box that holds more than half of this one
        box_x, box_y, box_right, box_bottom, box_area = box.x, box.y, box.right, box.bottom, box.area
        found: list[tuple[float, Key]] = []
        for (width, height), cells in self._layers.items():
            nested = cells.get((math.floor(x / width), math.floor(y / height)))
            if nested is None:
                continue
            first = bisect_right(nested.areas, above_area)
            lefts, tops, rights, bottoms = nested.lefts, nested.tops, nested.rights, nested.bottoms
            for at in range(first, min(first + MOST_NESTED, len(lefts))):
                left, right = lefts[at], rights[at]
                if left <= x <= right and (top := tops[at]) <= y <= (bottom := bottoms[at]):
                    # `Box.share_inside`, spelled out without calls: a drawing made to exhaust the parser asks a million
                    # times, and `min` and `max` would take most of that time.
                    across = (right if right < box_right else box_right) - (left if left > box_x else box_x)  # noqa: FURB136
                    down = (bottom if bottom < box_bottom else box_bottom) - (top if top > box_y else box_y)  # noqa: FURB136
                    inside = across * down
                    if not box_area or inside / box_area >= share:
                        found.append((nested.areas[at], nested.keys[at]))
                        break
        return min(found)[1] if found else None


class _Nested(Generic[Key]):
    """The boxes of a cell of a `Nest`, by area: columns of bare numbers, as boxes are scattered over the memory."""

    __slots__ = ("areas", "bottoms", "keys", "lefts", "rights", "tops")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.areas, self.lefts, self.tops, self.rights, self.bottoms = (array("d") for _ in range(5))

    def append(self, key: Key, box: Box) -> None:
        self.keys.append(key)
        self.areas.append(box.area)
        self.lefts.append(box.x)
        self.tops.append(box.y)
        self.rights.append(box.right)
        self.bottoms.append(box.bottom)


def neighbours_together(boxes: Mapping[Key, Box]) -> list[Key]:
    """Keys strip by strip, each from top to bottom, so that what is near a box is still in the processor's cache."""
    return sorted(boxes, key=lambda key: (boxes[key].x // STRIP, boxes[key].y))


def touching_groups(boxes: Mapping[Key, Box], *, reach: float) -> Iterator[list[Key]]:
    """Boxes that are joined, directly or through others, by gaps of at most ``reach``; in the order of ``boxes``.

    A box leaves the grid as soon as it is reached, so that a pile of boxes at one spot costs no more than a row.
    """
    if len(boxes) == 1:
        yield list(boxes)
        return
    grid = Grid(boxes)
    for start in boxes:
        if start not in grid.boxes:
            continue
        group = [start]
        edge = [grid.pop(start)]
        while edge:
            for key in list(grid.near(edge.pop(), reach)):
                group.append(key)
                edge.append(grid.pop(key))
        yield group


def in_rows(boxes: Mapping[Key, Box], keys: Sequence[Key]) -> list[Key]:
    """Row by row, each from left to right; a box is in a row if it shares half of its height with the first one.

    Keys without a box come last.
    """
    known = sorted((key for key in keys if key in boxes), key=lambda key: (boxes[key].y, boxes[key].x))
    rows: list[list[Key]] = []
    for key in known:
        first = boxes[rows[-1][0]] if rows else None
        if first is not None and -first.gap_y(boxes[key]) >= min(first.height, boxes[key].height) / 2:
            rows[-1].append(key)
        else:
            rows.append([key])
    ordered = [key for row in rows for key in sorted(row, key=lambda key: boxes[key].x)]
    return ordered + [key for key in keys if key not in boxes]
