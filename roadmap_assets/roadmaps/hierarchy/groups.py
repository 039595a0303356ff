"""Groups: stacks of touching boxes, and the labels and topics that stand above or below them."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

STACK_GAP = 14.0
HEADING_GAP = 28.0
HEADING_GAP_FRAMED = 40.0
OVERLAP = 0.25
MOST = 0.5
SIDEWAYS = 2.0
BELOW, ABOVE = 1, -1  # where a heading's group is

Seeds = list[tuple[str, int, list[str]]]  # a heading, on which side of it its group is, and the boxes next to it


def read_stacks(drawing: Drawing) -> None:
    """Boxes that touch belong together."""
    for boxes in by_frame(drawing, [*drawing.topics, *drawing.frames, *drawing.headings]).values():
        for stack in touching_groups(boxes, reach=STACK_GAP):
            drawing.stacks.append(stack)
            for item in stack:
                drawing.stack_of[item] = stack


def by_frame(drawing: Drawing, items: Iterable[str]) -> dict[str | None, dict[str, Box]]:
    boxes: defaultdict[str | None, dict[str, Box]] = defaultdict(dict)
    for item in items:
        if item in drawing.boxes:
            boxes[drawing.frame_of.get(item)][item] = drawing.boxes[item]
    return boxes


def read_labels(drawing: Drawing) -> None:
    """A label or short paragraph just above (or, in some columns, just below) a group is its heading."""
    used = set(drawing.frame_heading.values())
    labels = [heading for heading in drawing.headings if heading not in used and not drawing.on_path(heading)]
    members = by_frame(drawing, [i for i in [*drawing.topics, *drawing.frames] if not drawing.on_path(i)])
    for frame, boxes in by_frame(drawing, labels).items():
        around = Grid(members.get(frame, {}))
        reach = HEADING_GAP if frame is None else HEADING_GAP_FRAMED
        seeds: Seeds = []
        for column in _columns(_without_notes(drawing, boxes)):
            over = [(label, BELOW, _next_to(boxes[label], around, reach, side=BELOW)) for label in column]
            under = [(label, ABOVE, _next_to(boxes[label], around, reach, side=ABOVE)) for label in column]
            seeds += over if _count(over) >= _count(under) else under
        for item, label in spread_headings(seeds, around).items():
            drawing.group_heading[item] = label
            drawing.group_of[label].append(item)


def read_flush_topics(drawing: Drawing) -> None:
    """A topic flush above a stack of subtopics (or, with none below it, flush under one) is its heading."""
    members = by_frame(drawing, [i for i in drawing.topics if drawing.nodes[i].type != "topic"])
    topics = [i for i in drawing.topics if drawing.nodes[i].type == "topic"]
    for frame, boxes in by_frame(drawing, topics).items():
        around = Grid(members.get(frame, {}))
        seeds: Seeds = []
        for topic, box in boxes.items():
            below = _next_to(box, around, STACK_GAP, side=BELOW)
            above = _next_to(box, around, STACK_GAP, side=ABOVE)
            seeds.append((topic, BELOW, below) if below else (topic, ABOVE, above))
        for item, topic in spread_headings(seeds, around).items():
            drawing.head(topic, item)


def _count(seeds: Seeds) -> int:
    return sum(bool(items) for _, _, items in seeds)


def _without_notes(drawing: Drawing, labels: dict[str, Box]) -> dict[str, Box]:
    """Labels stacked on labels are notes."""
    groups = touching_groups(labels, reach=STACK_GAP)
    kept = {}
    for group in groups:
        for label in group:
            stacked = any(
                -labels[label].gap_x(labels[other]) > 0 and drawing.nodes[label].type == drawing.nodes[other].type == "label"
                for other in group
                if other != label
            )
            if not stacked:
                kept[label] = labels[label]
    return kept


def _columns(labels: dict[str, Box]) -> list[list[str]]:
    """Labels one below the other, whatever is between them."""
    columns: list[tuple[float, list[str]]] = []
    for label, box in sorted(labels.items(), key=lambda item: item[1].x):
        if columns and box.x < columns[-1][0]:
            columns[-1] = (max(columns[-1][0], box.right), [*columns[-1][1], label])
        else:
            columns.append((box.right, [label]))
    return [column for _, column in columns]


def _next_to(heading: Box, around: Grid[str], reach: float, *, side: int) -> list[str]:
    """The boxes just above or below a heading that overlap a quarter of the width."""
    found = []
    for item in around.near(heading, reach):
        box = around.boxes[item]
        beyond = (box.center[1] - heading.center[1]) * side > 0
        if beyond and heading.gap_y(box) > -heading.height / 2 and _above_another(heading, box):
            found.append(item)
    return found


def _above_another(one: Box, other: Box) -> bool:
    return -one.gap_x(other) >= OVERLAP * min(one.width, other.width)


def _beside_another(one: Box, other: Box) -> bool:
    return -one.gap_y(other) >= MOST * min(one.height, other.height)


def spread_headings(seeds: Seeds, around: Grid[str]) -> dict[str, str]:
    """From the boxes next to each heading to those that touch them, away from the heading or, less gladly, sideways."""
    heap = [(0.0, n, side, item) for n, (_, side, items) in enumerate(seeds) for item in items]
    heapq.heapify(heap)
    headed: dict[str, str] = {}
    while heap:
        cost, number, side, item = heapq.heappop(heap)
        if item in headed:
            continue
        headed[item] = seeds[number][0]
        box = around.boxes[item]
        for other in around.near(box, STACK_GAP):
            step = around.boxes[other]
            if other in headed:
                continue
            if _beside_another(box, step):
                heapq.heappush(heap, (cost + SIDEWAYS, number, side, other))
            elif (step.center[1] - box.center[1]) * side > 0 and _above_another(box, step):
                heapq.heappush(heap, (cost + 1, number, side, other))
    return headed
