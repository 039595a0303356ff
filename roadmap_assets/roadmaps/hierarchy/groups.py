"""Groups: stacks of touching boxes, and the headings that stand above or below them."""

from __future__ import annotations

from collections import defaultdict

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

STACK_GAP = 14.0
HEADING_GAP = 28.0
HEADING_GAP_FRAMED = 40.0
OVERLAP = 0.25


def read_stacks(drawing: Drawing) -> None:
    """Boxes that touch belong together."""
    by_frame: defaultdict[str | None, dict[str, Box]] = defaultdict(dict)
    for topic in drawing.topics:
        if topic in drawing.boxes:
            by_frame[drawing.frame_of.get(topic)][topic] = drawing.boxes[topic]
    for boxes in by_frame.values():
        for stack in touching_groups(boxes, reach=STACK_GAP):
            for topic in stack:
                drawing.stack_of[topic] = len(drawing.stacks)
            drawing.stacks.append(stack)


def read_labels(drawing: Drawing) -> None:
    """A label or short paragraph just above (or, in some columns, just below) a group is its heading."""
    used = set(drawing.frame_heading.values())
    labels = [h for h in drawing.headings if h not in used and h not in drawing.reading]
    topics = Grid(drawing.boxes_of(drawing.topics))
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for label in labels:
        box = drawing.boxes[label]
        frame = drawing.frame_of.get(label)
        reach = HEADING_GAP_FRAMED if frame else HEADING_GAP
        above[label], below[label] = [], []
        for topic in topics.near(box, reach):
            other = topics.boxes[topic]
            if drawing.frame_of.get(topic) != frame or -box.gap_x(other) < OVERLAP * min(box.width, other.width):
                continue
            if other.center[1] > box.center[1]:
                above[label].append(topic)
            else:
                below[label].append(topic)
    for column in touching_groups({label: _tall(drawing.boxes[label]) for label in labels}, reach=0):
        headed_above = sum(bool(above[label]) for label in column)
        headed_below = sum(bool(below[label]) for label in column)
        seeds = above if headed_above >= headed_below else below
        for label in column:
            for seed in seeds[label]:
                stack = drawing.stacks[drawing.stack_of[seed]] if seed in drawing.stack_of else [seed]
                for topic in stack:
                    drawing.group_heading.setdefault(topic, label)


def _tall(box: Box) -> Box:
    return Box(box.x, box.y - 200, box.width, box.height + 400)
