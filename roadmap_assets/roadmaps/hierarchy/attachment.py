"""Attachment: from the spine outwards, level by level, every item gets the item that it hangs on."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator

from roadmap_assets.roadmaps.geometry import Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

NEAREST_SPINE = 150.0
COLUMN_GAP = 28.0
STACK_GAP = 14.0


class Attachment:
    """``above`` holds what each placed item hangs on: None for the roots."""

    def __init__(self, drawing: Drawing, spine: dict[str, str | None]) -> None:
        self.drawing = drawing
        self.above: dict[str, str | None] = dict(spine)
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

    def attach_rest(self, spine: dict[str, str | None]) -> None:
        """What hangs at the end: along solid edges, then with its column, then at the nearest of the spine."""
        self._attach_along_reading()
        self._root_what_has_no_root()
        columns = self._columns_left()
        for column in columns:
            self._attach_below_its_column(column)
        for column in columns:
            self._attach_to_nearest(column, spine)

    def _attach_along_reading(self) -> None:
        """A frame or subtopic on the path of reading hangs on the stop before it."""
        for item in [*self.drawing.topics, *self.drawing.frames]:
            before = next((other for other in self.drawing.reading[item] if other in self.above), None)
            if item not in self.above and before is not None:
                self._attach([item], before)

    def _root_what_has_no_root(self) -> None:
        """A topic or unframed heading that others hang on, but that hangs nowhere itself, is a root of its own."""
        drawing = self.drawing
        for item in sorted([*drawing.topics, *drawing.headings], key=drawing.from_the_top):
            if item not in self.above and drawing.parenthood[item] and drawing.is_station(item) and item not in drawing.frame_of:
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

    def _attach_below_its_column(self, column: list[str]) -> None:
        """A column that goes on after a gap hangs on what its upper part hangs on."""
        drawing = self.drawing
        placed = Grid(drawing.boxes_of(item for item, above in self.above.items() if above is not None and item not in drawing.frame_of))
        best: tuple[float, str] | None = None
        for item in column:
            box = drawing.boxes[item]
            for other in placed.near(box, COLUMN_GAP):
                upper = placed.boxes[other]
                if upper.center[1] < box.center[1] and -upper.gap_x(box) >= 0.5 * min(upper.width, box.width):
                    best = min(best or (math.inf, ""), (upper.gap_y(box), other))
        if best is not None:
            self._attach(column, self.above[best[1]])

    def _attach_to_nearest(self, column: list[str], spine: dict[str, str | None]) -> None:
        """A column by itself goes to the nearest spine topic within reach, those without children first."""
        drawing = self.drawing
        roots = Grid(drawing.boxes_of(item for item in spine if drawing.nodes[item].type == "topic"))
        with_children = set(self.above.values())
        order = {root: number for number, root in enumerate(spine)}
        near = [
            (root in with_children, drawing.boxes[item].distance(roots.boxes[root]), root)
            for item in column
            for root in roots.near(drawing.boxes[item], NEAREST_SPINE)
        ]
        if near:
            taken, distance, _ = min(near)
            about_as_near = [root for also, gap, root in near if also == taken and gap <= distance + STACK_GAP]
            self._attach(column, min(about_as_near, key=lambda root: order[root]))

    def _attach(self, column: list[str], above: str | None) -> None:
        placed: list[str] = []
        for item in column:
            head = self.drawing.head_of.get(item)
            if head is None or head in self.above or head not in column:
                self._place(item, above, placed)
        self._spread(list(placed), placed, linked_too=True)
        self.grow(placed)
