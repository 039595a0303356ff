"""Attachment: from the spine outwards, level by level, every item gets the item that it hangs on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from roadmap_assets.roadmaps.geometry import Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

NEAREST_SPINE = 150.0
COLUMN_GAP = 40.0


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
        """Whatever hangs at the end goes, column by column, to the nearest spine topic, those without children first."""
        drawing = self.drawing
        for item in [*drawing.topics, *drawing.frames]:
            linked = [other for other in drawing.reading[item] if other in self.above]
            if item not in self.above and linked:
                placed: list[str] = []
                self._place(item, next((o for o in linked), None), placed)
                self._spread(list(placed), placed, linked_too=True)
                self.grow(placed)
        with_children = set(self.above.values())
        roots = Grid(drawing.boxes_of(item for item in spine if drawing.nodes[item].type == "topic"))
        rest = {
            item: drawing.boxes[item]
            for item in [*drawing.topics, *drawing.frames]
            if item not in self.above and item in drawing.boxes and item not in drawing.frame_of
        }
        for column in touching_groups(rest, reach=COLUMN_GAP):
            nearest = [
                (root in with_children, rest[item].distance(roots.boxes[root]), root)
                for item in column
                for root in roots.near(rest[item], NEAREST_SPINE)
            ]
            if nearest:
                placed = []
                for item in column:
                    head = drawing.head_of.get(item)
                    if head is None or head not in column:
                        self._place(item, min(nearest)[2], placed)
                self.grow(placed)
                placed = []
                self._spread([i for i in column if i in self.above], placed, linked_too=True)
                self.grow(placed)
