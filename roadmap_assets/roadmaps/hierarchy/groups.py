"""Groups: stacks of touching boxes, and the labels and topics above or below them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import MOST_COMPARED, Drawing

STACK_GAP = 14.0
HEADING_GAP = 28.0
HEADING_GAP_FRAMED = 40.0
OVERLAP = 0.25
SIDE_BY_SIDE = 0.5
BELOW, ABOVE = 1, -1  # where a heading's group is

Seed = tuple[str, int, list[str]]  # a heading, the side of it that its group is on, and the boxes next to it


def read_stacks(drawing: Drawing) -> None:
    """Boxes that touch form a stack."""
    for boxes in drawing.boxes_by_frame(drawing.items).values():
        for stack in touching_groups(boxes, reach=STACK_GAP):
            drawing.stack_of.update(dict.fromkeys(stack, stack))


def read_labels(drawing: Drawing) -> None:
    """A label or short paragraph just above topics (in some columns: just below) is their heading.

    Above or below is decided per column. A frame has its heading on its border, so a label beside it is not one.
    """
    used = {*drawing.frame_heading.values(), *(heading for heading in drawing.headings if drawing.on_path(heading))}
    labels = drawing.boxes_by_frame(i for i in drawing.items if i in drawing.headings and i not in used)
    topics = drawing.boxes_by_frame(i for i in drawing.items if i in drawing.topics and not drawing.on_path(i))
    for frame, boxes in labels.items():
        around = Grid(topics.get(frame, {}))
        reach = HEADING_GAP if frame is None else HEADING_GAP_FRAMED
        seeds: list[Seed] = []
        for column in _columns(_without_notes(drawing, boxes)):
            below: list[Seed] = []
            above: list[Seed] = []
            for label in column:
                items_below, items_above = _next_to(boxes[label], around, reach)
                below.append((label, BELOW, items_below))
                above.append((label, ABOVE, items_above))
            seeds += below if _count(below) >= _count(above) else above
        _put_under(drawing, seeds, around)


def read_flush_topics(drawing: Drawing) -> None:
    """A major topic flush above a stack of minor ones (or below one, if none is below it) is its heading."""
    majors = drawing.boxes_by_frame(i for i in drawing.items if i in drawing.topics and drawing.is_major(i))
    minors = drawing.boxes_by_frame(i for i in drawing.items if i in drawing.topics and not drawing.is_major(i))
    for frame, boxes in majors.items():
        around = Grid(minors.get(frame, {}))
        seeds: list[Seed] = []
        for topic, box in boxes.items():
            below, above = _next_to(box, around, STACK_GAP)
            seeds.append((topic, BELOW, below) if below else (topic, ABOVE, above))
        _put_under(drawing, seeds, around)


def _count(seeds: list[Seed]) -> int:
    return sum(bool(items) for _, _, items in seeds)


def _without_notes(drawing: Drawing, labels: Mapping[str, Box]) -> dict[str, Box]:
    """The labels, without those stacked on other labels, which are notes."""
    grid = Grid({label: box for label, box in labels.items() if drawing.nodes[label].type == "label"})
    return {
        label: box
        for label, box in labels.items()
        if label not in grid.boxes
        or not any(other != label and box.gap_x(grid.boxes[other]) < 0 for other in grid.near(box, STACK_GAP))
    }


def _columns(labels: Mapping[str, Box]) -> list[list[str]]:
    """Labels one below the other, whatever is between them."""
    columns: list[list[str]] = []
    right = float("-inf")
    for label, box in sorted(labels.items(), key=lambda entry: entry[1].x):
        if box.x >= right:
            columns.append([])
        columns[-1].append(label)
        right = max(right, box.right)
    return columns


def _next_to(heading: Box, around: Grid[str], reach: float) -> tuple[list[str], list[str]]:
    """The boxes just below and just above a heading that overlap it by a quarter of the width."""
    below: list[str] = []
    above: list[str] = []
    middle = heading.center[1]
    for item in islice(around.near(heading, reach), MOST_COMPARED):
        box = around.boxes[item]
        if heading.gap_y(box) > -heading.height / 2 and _in_one_column(heading, box):
            center = box.center[1]
            if center > middle:
                below.append(item)
            elif center < middle:
                above.append(item)
    return below, above


def _put_under(drawing: Drawing, seeds: list[Seed], around: Grid[str]) -> None:
    """Put the boxes next to each heading under it, and those that touch them sideways or away from it.

    All headings spread at the same time, so that a box between two goes to the nearer one.
    """
    reached: deque[tuple[str, int, Box]] = deque()

    def reach(item: str, heading: str, side: int) -> None:
        drawing.put_under(heading, item)
        reached.append((heading, side, around.pop(item)))

    for heading, side, items in seeds:
        for item in items:
            if item in around.boxes:
                reach(item, heading, side)
    while reached:
        heading, side, box = reached.popleft()
        for item in list(around.near(box, STACK_GAP)):
            step = around.boxes[item]
            away = (step.center[1] - box.center[1]) * side > 0
            if _in_one_row(box, step) or (away and _in_one_column(box, step)):
                reach(item, heading, side)


def _in_one_column(one: Box, other: Box) -> bool:
    return -one.gap_x(other) >= OVERLAP * min(one.width, other.width)


def _in_one_row(one: Box, other: Box) -> bool:
    return -one.gap_y(other) >= SIDE_BY_SIDE * min(one.height, other.height)
