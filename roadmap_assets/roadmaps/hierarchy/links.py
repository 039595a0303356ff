"""Links: the edges of the document, and the lines that are drawn as nodes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

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


@dataclass(frozen=True)
class Line:
    """Touching pieces of one style, and the boxes that they touch."""

    pieces: list[Box]
    touched: list[str]
    spine: list[str]

    def gap(self, box: Box) -> float:
        return min(piece.gap(box) for piece in self.pieces)

    def nearest(self, box_of: dict[str, Box], items: list[str]) -> str:
        return min(items, key=lambda item: min(piece.distance(box_of[item]) for piece in self.pieces))


def read_lines(drawing: Drawing) -> None:
    """A line connects the boxes that it touches: solid with two topics it is part of the spine, else parenthood.

    A dashed line that ends on a solid one has its hub there; where that one has no hub itself, it carries the dashed
    line on.
    """
    ends = Grid(drawing.boxes_of([*drawing.topics, *drawing.headings, *drawing.frames]))
    solid = _lines(drawing, ends, dashed=False)
    for line in solid:
        for one, other in pairwise(line.touched if line.spine else []):
            drawing.link(one, other, dashed=False)
        if not line.spine and len(line.touched) > 1:
            hub = next((item for item in line.touched if item in drawing.headings), None)
            if hub is not None:
                _link_to_hub(drawing, hub, line.touched)
    pieces_of_solid = Grid({(number, at): piece for number, line in enumerate(solid) for at, piece in enumerate(line.pieces)})
    for line in _lines(drawing, ends, dashed=True):
        reached = dict.fromkeys(number for piece in line.pieces for number, _ in pieces_of_solid.near(piece, LINE_JOINS))
        hub = _hub(drawing, line.touched)
        for number in reached:
            other = solid[number]
            if len(other.spine) > 1:
                if hub is None or hub not in drawing.reading:
                    hub = line.nearest(ends.boxes, other.spine)
            elif line.touched:
                _link_to_hub(drawing, other.nearest(ends.boxes, line.touched), other.touched)
        if hub is not None:
            _link_to_hub(drawing, hub, line.touched)


def _lines(drawing: Drawing, ends: Grid[str], *, dashed: bool) -> list[Line]:
    pieces = {line: drawing.boxes[line] for line, node in drawing.lines.items() if node.dashed == dashed}
    lines = []
    for names in touching_groups(pieces, reach=LINE_JOINS):
        line = [pieces[name] for name in names]
        touched = _touched(drawing, line, ends)
        touched.sort(key=drawing.from_the_top)
        spine = [item for item in touched if drawing.is_station(item)]
        lines.append(Line(line, touched, spine))
    return lines


def _touched(drawing: Drawing, line: list[Box], ends: Grid[str]) -> list[str]:
    """What the line touches; an item inside a touched frame is seen as the frame, unless the line is in there too."""
    touched = dict.fromkeys(item for piece in line for item in ends.near(piece, LINE_TOUCHES))
    around = {
        item for item in touched if item in drawing.frames and all(p.share_inside(ends.boxes[item]) > 0.9 for p in line)
    }
    outside = [item for item in touched if item not in around]
    return [item for item in outside if not any(frame in outside for frame in drawing.frames_around(item))]


def _hub(drawing: Drawing, touched: list[str]) -> str | None:
    def rank(item: str) -> tuple[bool, bool, bool]:
        return not drawing.on_path(item), drawing.nodes[item].type != "topic", item not in drawing.headings

    return min(touched, key=rank, default=None)


def _link_to_hub(drawing: Drawing, hub: str, items: list[str]) -> None:
    for item in items:
        if item != hub:
            drawing.link(hub, item, dashed=True)
