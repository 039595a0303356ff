"""Frames: boxes drawn around others, and the headings that they carry."""

from __future__ import annotations

from roadmap_assets.roadmaps.geometry import Box, Grid
from roadmap_assets.roadmaps.hierarchy.drawing import MOSTLY_INSIDE, Drawing, is_note

ABUTS = 14.0
AS_WIDE = 0.7


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
    """A box about as wide as the frame that abuts its border is its heading; or the paragraph's own short text."""
    candidates = Grid(drawing.boxes_of([*drawing.topics, *drawing.headings]))
    used: set[str] = set()
    for frame, box in drawing.frames.items():
        node = drawing.nodes[frame]
        if not is_note(node.label):
            drawing.frame_heading[frame] = frame
            continue
        abutting = [
            (rank, item)
            for item in candidates.near(box, ABUTS)
            if item not in used and (rank := _abuts(candidates.boxes[item], box)) is not None
            and not (item in drawing.topics and drawing.nodes[item].type != "topic")
        ]
        if abutting:
            heading = min(abutting)[1]
            used.add(heading)
            if drawing.frame_of.get(heading) == frame:
                drawing.frame_of[heading] = drawing.frame_of.get(frame, "")
                if not drawing.frame_of[heading]:
                    del drawing.frame_of[heading]
            if heading in drawing.topics:
                drawing.heads[heading][frame] = None
            drawing.frame_heading[frame] = heading


def _abuts(item: Box, frame: Box) -> int | None:
    if item.width < AS_WIDE * frame.width or item.width > frame.width * 1.3 or -item.gap_x(frame) < AS_WIDE * item.width:
        return None
    if abs(item.bottom - frame.y) <= ABUTS or abs(item.y - frame.y) <= ABUTS:
        return 0
    if abs(item.y - frame.bottom) <= ABUTS or abs(item.bottom - frame.bottom) <= ABUTS:
        return 1
    return None
