"""Links: the edges of the document, and the lines drawn as nodes."""

from __future__ import annotations

from roadmap_assets.roadmaps.geometry import Box, Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

LINE_JOINS = 12.0
LINE_TOUCHES = 9.0


def read_dashed_edges(drawing: Drawing) -> None:
    """A dashed edge means parenthood, in either direction."""
    for edge in drawing.document.edges:
        if edge.dashed:
            drawing.link(edge.source, edge.target, dashed=True)


def read_solid_edges(drawing: Drawing) -> None:
    """A solid edge is the order of reading."""
    for edge in drawing.document.edges:
        if not edge.dashed:
            drawing.link(edge.source, edge.target, dashed=False)


def read_lines(drawing: Drawing) -> None:
    """Pieces of one style that touch are one line; a line connects the boxes that it touches."""
    ends = Grid(drawing.boxes_of([*drawing.topics, *drawing.headings, *drawing.frames]))
    solid_lines = _whole_lines(drawing, dashed=False)
    touched_by_solid = [_touched(drawing, line, ends) for line in solid_lines]
    for touched in touched_by_solid:
        ordered = sorted(touched, key=lambda item: (ends.boxes[item].y, ends.boxes[item].x))
        spine = [item for item in ordered if drawing.nodes[item].type == "topic" or item in drawing.headings]
        for one, other in zip(spine, spine[1:], strict=False):
            drawing.link(one, other, dashed=False)
    for line in _whole_lines(drawing, dashed=True):
        touched = _touched(drawing, line, ends)
        hub = _hub(drawing, touched) if len(touched) > 1 else None
        if hub is not None:
            for item in touched:
                if item != hub:
                    drawing.link(hub, item, dashed=True)


def _whole_lines(drawing: Drawing, *, dashed: bool) -> list[list[Box]]:
    pieces = {line: drawing.boxes[line] for line, node in drawing.lines.items() if node.dashed == dashed}
    return [[pieces[piece] for piece in line] for line in touching_groups(pieces, reach=LINE_JOINS)]


def _touched(drawing: Drawing, line: list[Box], ends: Grid[str]) -> list[str]:
    """What the line touches; an item inside a touched frame is seen as the frame."""
    touched = dict.fromkeys(item for piece in line for item in ends.near(piece, LINE_TOUCHES))
    inside = {
        piece_frame: None
        for piece_frame in touched
        if piece_frame in drawing.frames and any(p.share_inside(drawing.frames[piece_frame]) >= 0.9 for p in line)
    }
    kept = [item for item in touched if item not in inside]
    return [item for item in kept if not any(frame in kept for frame in drawing.frames_around(item))]


def _hub(drawing: Drawing, touched: list[str]) -> str:
    def rank(item: str) -> tuple[bool, bool, bool]:
        node = drawing.nodes[item]
        on_spine = item in drawing.reading and node.type == "topic"
        return not on_spine, node.type != "topic", item not in drawing.headings

    return min(touched, key=rank)
