"""Attachment: from the spine outwards, level by level, every item gets the item that it hangs on."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing
from roadmap_assets.roadmaps.hierarchy.spine import Spine

NEAREST_SPINE = 150.0
COLUMN_GAP = 28.0
STACK_GAP = 14.0
ABOUT = 14.0


class Attachment:
    """``above`` holds what each placed item hangs on: None for the roots."""

    def __init__(self, drawing: Drawing, spine: Spine) -> None:
        self.drawing = drawing
        self.above: dict[str, str | None] = dict(spine.roots)
        self.inside: defaultdict[str, list[str]] = defaultdict(list)
        for item, frame in drawing.frame_of.items():
            self.inside[frame].append(item)
        self._items = {**drawing.topics, **drawing.headings, **drawing.frames}

    def grow(self, level: list[str]) -> None:
        """Direct links first, then spreading to stack-mates and the frame; items with links of their own come last."""
        late: deque[str] = deque()
        while level or late:
            if level:
                placed: list[str] = []
                for item in level:
                    for linked in [*self.drawing.heads[item], *self.drawing.parenthood[item]]:
                        self._place(linked, item, placed)
                self._spread([*level, *placed], placed, linked_too=False)
                late.extend(level)
                level = placed
            else:
                level = []
                self._spread([late.popleft()], level, linked_too=True)

    def _place(self, item: str, above: str | None, placed: list[str]) -> None:
        """Nothing that has its place is moved; what stands under a heading topic comes with it."""
        if item not in self.above and item in self._items:
            self.above[item] = above
            placed.append(item)

    def _spread(self, items: list[str], placed: list[str], *, linked_too: bool) -> None:
        queue = deque(items)
        while queue:
            item = queue.popleft()
            above = self.above[item]
            if above is None:
                continue
            for mate in self._mates(item, above):
                if mate in self.above or (self.drawing.parenthood[mate] and not linked_too):
                    continue
                head = self.drawing.head_of.get(mate)
                new: list[str] = []
                if head is not None and head != above and head not in self.drawing.parenthood:
                    self._place(head, above, new)
                self._place(mate, head if head in self.above and head is not None and head != mate else above, new)
                placed += new
                queue += new

    def _mates(self, item: str, above: str) -> Iterator[str]:
        drawing = self.drawing
        yield from self.inside.get(item, ())
        if drawing.head_of.get(item) != above:
            yield from drawing.stack_of.get(item, ())
        yield from drawing.group_of.get(item, ())
        if item in drawing.group_heading:
            yield drawing.group_heading[item]
        frame = drawing.frame_of.get(item)
        if frame is not None and frame not in drawing.frames_around(above) and frame != above:
            yield frame

    def attach_rest(self, spine: Spine) -> None:
        """What hangs at the end: along solid edges, then with its column, then at the nearest of the spine."""
        self._attach_along_reading(spine)
        self._root_what_has_no_root()
        for column in self._columns_left():
            self._attach_column(column)

    def _attach_along_reading(self, spine: Spine) -> None:
        """A frame, label or subtopic on the path of reading hangs on the stop before it."""
        for item, before in spine.stops.items():
            self._attach([item], before)

    def _root_what_has_no_root(self) -> None:
        """A topic or unframed heading that others hang on, but that hangs nowhere itself, is a root of its own."""
        drawing = self.drawing
        for item in sorted([*drawing.topics, *drawing.headings], key=drawing.from_the_top):
            if item not in self.above and drawing.parenthood[item] and item not in drawing.frame_of and (item in drawing.headings or drawing.nodes[item].type == "topic"):
                self._attach([item], None)

    def _columns_left(self) -> list[list[str]]:
        """What has no place yet and is in no frame, by touching columns from the top down."""
        drawing = self.drawing
        left = [
            item
            for item in [*drawing.topics, *drawing.frames, *drawing.headings]
            if item not in self.above and item in drawing.boxes and item not in drawing.frame_of
            and item not in drawing.frame_heading.values()
        ]
        left.sort(key=drawing.from_the_top)
        columns = touching_groups(drawing.boxes_of(left), reach=STACK_GAP)
        return [column for column in columns if any(item not in drawing.headings for item in column)]

    def _attach_column(self, column: list[str]) -> None:
        """A column that goes on after a gap hangs on what its upper part hangs on, unless a childless root is nearer.

        A column by itself goes to the nearest root within reach, those without children first.
        """
        drawing = self.drawing
        boxes = drawing.boxes_of(column)
        with_children = set(self.above.values())
        roots = [item for item, above in self.above.items() if above is None and drawing.nodes[item].type == "topic"]
        order = {root: number for number, root in enumerate(roots)}
        grid = Grid(drawing.boxes_of(roots))
        near = [
            (root in with_children, box.distance(grid.boxes[root]), order[root])
            for box in boxes.values()
            for root in grid.near(box, NEAREST_SPINE)
        ]
        gap, upper = self._upper_part(boxes)
        if upper is not None and not any(distance < gap for also, distance, _ in near if not also):
            self._attach(column, self.above[upper])
        elif near:
            taken, distance, _ = min(near)
            about_as_near = [number for also, other, number in near if also == taken and other <= distance + ABOUT]
            self._attach(column, roots[min(about_as_near)])

    def _upper_part(self, boxes: dict[str, Box]) -> tuple[float, str | None]:
        """The nearest placed box above a column, and the gap to it."""
        drawing = self.drawing
        placed = Grid(drawing.boxes_of(item for item, above in self.above.items() if above is not None and item not in drawing.frame_of))
        upper = [
            (placed.boxes[other].gap_y(box), other)
            for box in boxes.values()
            for other in placed.near(box, COLUMN_GAP)
            if placed.boxes[other].center[1] < box.center[1] and -placed.boxes[other].gap_x(box) >= 0.5 * min(placed.boxes[other].width, box.width)
        ]
        return min(upper, default=(math.inf, None))

    def _attach(self, column: list[str], above: str | None) -> None:
        placed: list[str] = []
        for item in column:
            head = self.drawing.head_of.get(item)
            if head is None or head in self.above or head not in column:
                self._place(item, above, placed)
        self._spread(list(placed), placed, linked_too=True)
        self.grow(placed)
