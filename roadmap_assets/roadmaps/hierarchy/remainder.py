"""The remainder: items that no dashed link, stack or frame attaches to the spine."""

from __future__ import annotations

import math

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.attachment import Attachment
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing
from roadmap_assets.roadmaps.hierarchy.groups import HEADING_GAP, SIDE_BY_SIDE, STACK_GAP
from roadmap_assets.roadmaps.hierarchy.spine import Spine

NEAREST_ROOT = 150.0


def attach_remainder(attachment: Attachment, spine: Spine) -> None:
    """Attach items along the reading path first, then make hubs roots, then attach column by column."""
    for stop, before in spine.stops.items():
        if attachment.drawing.is_item(stop):
            attachment.attach([stop], before)
    _make_hubs_roots(attachment)
    columns = _columns_left(attachment)
    neighbours = _Neighbours(attachment, spine)
    for column in columns:
        neighbours.attach(column)


def _make_hubs_roots(attachment: Attachment) -> None:
    """A major topic or an unframed heading with children and without a parent is a root."""
    drawing = attachment.drawing
    for item in sorted(drawing.items, key=drawing.from_the_top):
        is_hub = item in drawing.headings or drawing.is_major(item)
        if is_hub and item in drawing.parenthood and item not in attachment.above and item not in drawing.frame_of:
            attachment.attach([item], None)


def _columns_left(attachment: Attachment) -> list[list[str]]:
    """Unplaced, unframed items by touching columns, from top to bottom; headings only with what they head."""
    drawing = attachment.drawing
    taken = {*drawing.frame_heading.values(), *drawing.frame_of, *attachment.above}
    left = sorted((item for item in drawing.items if item not in taken), key=drawing.from_the_top)
    columns = touching_groups(drawing.boxes_of(left), reach=STACK_GAP)
    return [column for column in columns if any(item not in drawing.headings for item in column)]


class _Neighbours:
    """The roots and the placed boxes around an unplaced column."""

    def __init__(self, attachment: Attachment, spine: Spine) -> None:
        self.attachment = attachment
        drawing: Drawing = attachment.drawing
        placed = {i for i, above in attachment.above.items() if above is not None and i not in spine.roots}
        self.roots = [i for i in attachment.above if i not in placed and drawing.is_major(i)]
        self.order = {root: number for number, root in enumerate(self.roots)}
        self.root_boxes = Grid(drawing.boxes_of(self.roots))
        self.placed = Grid(drawing.boxes_of(i for i in drawing.items if i in placed and i not in drawing.frame_of))

    def attach(self, column: list[str]) -> None:
        """A column that continues after a gap has the parent of its upper part, unless a childless root is nearer.

        A column by itself goes to the nearest root within reach, preferably a childless one; among roots about as near,
        to the first in reading order.
        """
        boxes = self.attachment.drawing.boxes_of(column)
        near = [
            (root in self.attachment.with_children, box.distance(self.root_boxes.boxes[root]), self.order[root])
            for box in boxes.values()
            for root in self.root_boxes.near(box, NEAREST_ROOT)
        ]
        has_children, distance, _ = min(near, default=(True, math.inf, 0))
        gap, upper = self._upper_part(boxes)
        if upper is not None and (has_children or gap <= distance):
            self._place(column, self.attachment.above[upper])
        elif near:
            as_near = [root for also, far, root in near if also == has_children and far <= distance + STACK_GAP]
            self._place(column, self.roots[min(as_near)])

    def _upper_part(self, boxes: dict[str, Box]) -> tuple[float, str | None]:
        """The nearest placed box above a column, and the gap to it."""
        upper: tuple[float, str | None] = (math.inf, None)
        for box in boxes.values():
            for other in self.placed.near(box, HEADING_GAP):
                above = self.placed.boxes[other]
                in_line = -above.gap_x(box) >= SIDE_BY_SIDE * min(above.width, box.width)
                if above.center[1] < box.center[1] and in_line and above.gap_y(box) < upper[0]:
                    upper = above.gap_y(box), other
        return upper

    def _place(self, column: list[str], above: str | None) -> None:
        self.attachment.attach(column, above)
        for item in column:
            if self.attachment.above.get(item) is not None:
                self.placed.add(item, self.attachment.drawing.boxes[item])
