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
        for column in _columns(_without_notes(drawing, boxes)):
            over = {label: _next_to(boxes[label], around, reach, side=1) for label in column}
            under = {label: _next_to(boxes[label], around, reach, side=-1) for label in column}
            side, seeds = (1, over) if _count(over) >= _count(under) else (-1, under)
            for item, label in spread_headings(seeds, around, side=side).items():
                drawing.group_heading[item] = label
                drawing.group_of[label].append(item)


def read_flush_topics(drawing: Drawing) -> None:
    """A topic flush above a stack of subtopics (or, with none below it, flush under one) is its heading."""
    members = by_frame(drawing, [i for i in drawing.topics if drawing.nodes[i].type != "topic"])
    topics = [i for i in drawing.topics if drawing.nodes[i].type == "topic"]
    for frame, boxes in by_frame(drawing, topics).items():
        around = Grid(members.get(frame, {}))
        over = {topic: _next_to(boxes[topic], around, STACK_GAP, side=1) for topic in boxes}
        headed = spread_headings(over, around, side=1)
        under = {t: [s for s in _next_to(boxes[t], around, STACK_GAP, side=-1) if s not in headed] for t in boxes if not over[t]}
        headed |= {k: v for k, v in spread_headings(under, around, side=-1).items() if k not in headed}
        for item, topic in headed.items():
            drawing.head(topic, item)


def _count(seeds: dict[str, list[str]]) -> int:
    return sum(bool(group) for group in seeds.values())


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


def _next_to(label: Box, around: Grid[str], reach: float, *, side: int) -> list[str]:
    """The boxes just below (side 1) or just above (side -1) that overlap a quarter of the width."""
    found = []
    for item in around.near(label, reach):
        box = around.boxes[item]
        below = box.center[1] > label.center[1] if side > 0 else box.center[1] < label.center[1]
        if below and -label.gap_x(box) >= OVERLAP * min(label.width, box.width) and label.gap_y(box) > -label.height / 2:
            found.append(item)
    return found


def spread_headings(seeds: dict[str, list[str]], around: Grid[str], *, side: int) -> dict[str, str]:
    """From the boxes next to each heading to those that touch them, sideways and away from the heading."""
    heap = [(0.0, number, item, label) for number, (label, items) in enumerate(seeds.items()) for item in items]
    heapq.heapify(heap)
    headed: dict[str, str] = {}
    while heap:
        cost, number, item, label = heapq.heappop(heap)
        if item in headed:
            continue
        headed[item] = label
        box = around.boxes[item]
        for other in around.near(box, STACK_GAP):
            step = around.boxes[other]
            away = (step.center[1] - box.center[1]) * side
            sideways = step.gap_y(box) < -0.5 * min(step.height, box.height)
            if other not in headed and (sideways or away > 0):
                heapq.heappush(heap, (cost + (2.0 if sideways else 1.0), number, other, label))
    return headed
