"""Plain geometry of a drawing: boxes, the gaps between them, and a grid that finds a box's neighbours.

Lengths are in pixels of the drawing; x grows to the right, y grows downwards.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

CELL = 256.0
LARGEST_GRIDDED = 64  # cells; what covers more (a large frame, a long line) is kept in a list of its own


@dataclass(frozen=True, slots=True)
class Box:
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
        return max(self.x, other.x) - min(self.right, other.right)

    def gap_y(self, other: Box) -> float:
        """Free space between the two one above the other; negative: by how much they overlap in height."""
        return max(self.y, other.y) - min(self.bottom, other.bottom)

    def gap(self, other: Box) -> float:
        """Free space between the two, the larger of both axes; 0 or less where they touch."""
        return max(self.gap_x(other), self.gap_y(other))

    def distance(self, other: Box) -> float:
        """Shortest way from one to the other; 0 where they touch."""
        return math.hypot(max(0.0, self.gap_x(other)), max(0.0, self.gap_y(other)))

    def share_inside(self, other: Box) -> float:
        """The part of this box, 0 to 1, that lies in the other."""
        if self.area <= 0:
            return float(self.gap(other) <= 0)
        return max(0.0, -self.gap_x(other)) * max(0.0, -self.gap_y(other)) / self.area

    def grown(self, by: float) -> Box:
        return Box(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)


class Grid(Generic[Key]):
    """Boxes by the cells that they cover, so that the neighbours of one are found without looking at all."""

    def __init__(self, boxes: Mapping[Key, Box]) -> None:
        self.boxes: dict[Key, Box] = {}
        self._cells: defaultdict[tuple[int, int], dict[Key, None]] = defaultdict(dict)
        self._large: dict[Key, None] = {}
        for key, box in boxes.items():
            self.add(key, box)

    def add(self, key: Key, box: Box) -> None:
        self.boxes[key] = box
        cells = self._covered(box)
        if cells is None:
            self._large[key] = None
        else:
            for cell in cells:
                self._cells[cell][key] = None

    @staticmethod
    def _covered(box: Box) -> list[tuple[int, int]] | None:
        left, right = math.floor(box.x / CELL), math.floor(box.right / CELL)
        top, bottom = math.floor(box.y / CELL), math.floor(box.bottom / CELL)
        if (right - left + 1) * (bottom - top + 1) > LARGEST_GRIDDED:
            return None
        return [(column, row) for column in range(left, right + 1) for row in range(top, bottom + 1)]

    def near(self, box: Box, reach: float) -> Iterator[Key]:
        """Keys of the boxes with a gap of at most ``reach`` to ``box`` on both axes, each once."""
        cells = self._covered(box.grown(reach))
        found: Iterable[Key]
        if cells is None:
            found = self.boxes
        else:
            found = dict.fromkeys(key for cell in cells for key in self._cells.get(cell, ()))
            found.update(self._large)
        return iter([key for key in found if self.boxes[key].gap(box) <= reach])

    def pop(self, key: Key) -> Box:
        """Take a box out."""
        box = self.boxes.pop(key)
        self._large.pop(key, None)
        for cell in self._covered(box) or ():
            self._cells[cell].pop(key, None)
        return box


def touching_groups(boxes: Mapping[Key, Box], *, reach: float) -> list[list[Key]]:
    """Boxes that are joined, directly or through others, by gaps of at most ``reach``; in the order of ``boxes``.

    A box leaves the grid as soon as it is reached, so that a heap of boxes at one spot costs no more than a row.
    """
    grid, groups = Grid(boxes), []
    for start in boxes:
        if start not in grid.boxes:
            continue
        group = [start]
        edge = [grid.pop(start)]
        while edge:
            for key in grid.near(edge.pop(), reach):
                group.append(key)
                edge.append(grid.pop(key))
        groups.append(group)
    return groups


def in_rows(boxes: Mapping[Key, Box], keys: Sequence[Key]) -> list[Key]:
    """Row by row, each from left to right; boxes are in one row when they share half of their height with its first.

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
