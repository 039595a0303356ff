"""Frames: boxes drawn around others, and the headings that they carry."""

from __future__ import annotations

from roadmap_assets.roadmaps.geometry import Box, Grid
from roadmap_assets.roadmaps.hierarchy.drawing import MOSTLY_INSIDE, Drawing, is_note

ABUTS = 2.0
AS_WIDE = 0.85
WIDER = 1.15
FLUSH = 4.0


def read_frames(drawing: Drawing) -> None:
    """A box is in the innermost frame that holds 80 % of it."""
    grid = Grid(drawing.frames)
    for item in [*drawing.topics, *drawing.headings, *drawing.frames]:
        box = drawing.boxes.get(item)
        if box is None:
            continue
        holding = [
            frame
            for frame in grid.near(box, 0)
            if frame != item
            and box.share_inside(drawing.frames[frame]) >= MOSTLY_INSIDE
            and (item not in drawing.frames or drawing.frames[frame].area > box.area)
        ]
        if holding:
            drawing.frame_of[item] = min(holding, key=lambda frame: (drawing.frames[frame].area, frame))


def read_frame_headings(drawing: Drawing) -> None:
    """A box about as wide as the frame that abuts its border is its heading; or the paragraph's own short text.

    Tops are given away before bottoms: between two frames, a box is the heading of the lower one.
    """
    for frame in drawing.frames:
        if not is_note(drawing.nodes[frame].label):
            drawing.frame_heading[frame] = frame
    used = set()
    candidates = Grid(drawing.boxes_of([*drawing.topics, *drawing.headings]))
    for is_heading in (_at_top, _at_bottom):
        for frame, box in drawing.frames.items():
            if frame in drawing.frame_heading:
                continue
            abutting = [
                item
                for item in candidates.near(box, ABUTS)
                if item not in used
                and drawing.frame_of.get(item) in (frame, drawing.frame_of.get(frame))
                and is_heading(candidates.boxes[item], box)
            ]
            if abutting:
                heading = max(abutting, key=lambda item: candidates.boxes[item].width)
                used.add(heading)
                drawing.frame_heading[frame] = heading
                drawing.lift_out(heading, frame)
                if heading in drawing.topics:
                    drawing.head(heading, frame)


def _at_top(item: Box, frame: Box) -> bool:
    on_border = item.y - FLUSH <= frame.y <= item.bottom + ABUTS
    return on_border and _fits(item, frame)


def _at_bottom(item: Box, frame: Box) -> bool:
    on_border = item.y - ABUTS <= frame.bottom <= item.bottom + FLUSH
    return on_border and _fits(item, frame)


def _fits(item: Box, frame: Box) -> bool:
    """About as wide and in line, or in the corner."""
    in_corner = min(abs(item.x - frame.x), abs(item.right - frame.right)) <= FLUSH
    as_wide = AS_WIDE * frame.width <= item.width <= WIDER * frame.width
    in_line = -item.gap_x(frame) >= AS_WIDE * min(item.width, frame.width)
    return in_line and (as_wide or (in_corner and item.share_inside(frame) >= MOSTLY_INSIDE))
