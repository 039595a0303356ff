"""Frames: boxes drawn around others, and their headings."""

from __future__ import annotations

from roadmap_assets.roadmaps.geometry import Box, Grid, Nest, neighbours_together
from roadmap_assets.roadmaps.hierarchy.drawing import MOSTLY_INSIDE, Drawing, is_note

FLUSH = 4.0  # two borders drawn as one
AS_WIDE = 0.8


def read_frames(drawing: Drawing) -> None:
    """A box is in the innermost frame that holds 80 % of it."""
    frames = Nest(drawing.boxes_of(item for item in drawing.items if item in drawing.frames))
    boxes = drawing.boxes_of(drawing.items)
    frame_of: dict[str, str] = {}
    for item in neighbours_together(boxes):
        box = boxes[item]
        # A frame can only be inside a larger one; other boxes may reach over the border of a smaller frame.
        smallest = box.area if item in drawing.frames else box.area * MOSTLY_INSIDE - 1
        frame = frames.smallest_around(box, share=MOSTLY_INSIDE, above_area=smallest)
        if frame is not None:
            frame_of[item] = frame
    # In the order of the drawing, in which later stages go through them.
    drawing.frame_of.update((item, frame_of[item]) for item in boxes if item in frame_of)


def read_frame_headings(drawing: Drawing) -> None:
    """The heading is a box on the frame's border about as wide as the frame, or the short text of a paragraph.

    A frame has one heading. Tops come before bottoms: a box between two frames heads the lower one.
    """
    frames = drawing.boxes_of(item for item in drawing.items if item in drawing.frames)
    for frame in frames:
        if not is_note(drawing.nodes[frame].label):
            drawing.frame_heading[frame] = frame
    candidates = Grid(drawing.boxes_of(item for item in drawing.items if item not in drawing.frames))
    for is_top in (True, False):
        for frame, box in frames.items():
            if frame in drawing.frame_heading:
                continue
            border = Box(box.x, box.y if is_top else box.bottom, box.width, 0)
            fitting = [
                (-candidates.boxes[item].width, item)
                for item in candidates.near(border, FLUSH)
                if drawing.frame_of.get(item) in (frame, drawing.frame_of.get(frame))
                and _is_as_wide(candidates.boxes[item], box)
            ]
            if fitting:
                heading = min(fitting)[1]
                candidates.pop(heading)
                _give_heading(drawing, frame, heading)


def _give_heading(drawing: Drawing, frame: str, heading: str) -> None:
    """A heading is in whatever its frame is in, and not in the frame itself."""
    drawing.frame_heading[frame] = heading
    drawing.frame_of.pop(heading, None)
    if frame in drawing.frame_of:
        drawing.frame_of[heading] = drawing.frame_of[frame]
    if heading in drawing.topics:
        drawing.put_under(heading, frame)


def _is_as_wide(item: Box, frame: Box) -> bool:
    """Whether `item` is in line with `frame`, and about as wide or in a corner."""
    as_wide = AS_WIDE <= item.width / max(frame.width, 1) <= 1 / AS_WIDE
    in_line = -item.gap_x(frame) >= AS_WIDE * min(item.width, frame.width)
    in_corner = min(abs(item.x - frame.x), abs(item.right - frame.right)) <= FLUSH
    return in_line and (as_wide or (in_corner and item.share_inside(frame) >= MOSTLY_INSIDE))
