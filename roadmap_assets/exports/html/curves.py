"""Lines between boxes, as SVG path data, bent as React Flow bends them."""

from __future__ import annotations

import math
from typing import TypeAlias

from roadmap_assets.roadmaps.document import Edge, Side
from roadmap_assets.roadmaps.geometry import Box

Point: TypeAlias = tuple[float, float]

_BEND = 0.25 * 25
_OUTWARDS: dict[Side, Point] = {"top": (0, -1), "bottom": (0, 1), "left": (-1, 0), "right": (1, 0)}


def curve(edge: Edge, source: Box, target: Box) -> str:
    """The path of an edge from box to box."""
    leaves, enters = _sides(edge, source, target)
    start, end = _anchor(source, leaves), _anchor(target, enters)
    if edge.shape == "straight":
        return f"M{_at(start)}L{_at(end)}"
    if edge.shape in ("step", "smoothstep"):
        return _stepped(start, end, upright=leaves in ("top", "bottom"))
    return f"M{_at(start)}C{_at(_control(start, leaves, end))} {_at(_control(end, enters, start))} {_at(end)}"


def _sides(edge: Edge, source: Box, target: Box) -> tuple[Side, Side]:
    """The sides that the document names, or else those that face each other."""
    if source.gap_x(target) >= source.gap_y(target):
        facing: tuple[Side, Side] = ("right", "left") if target.center[0] >= source.center[0] else ("left", "right")
    else:
        facing = ("bottom", "top") if target.center[1] >= source.center[1] else ("top", "bottom")
    return edge.leaves or facing[0], edge.enters or facing[1]


def _anchor(box: Box, side: Side) -> Point:
    (x, y), (to_x, to_y) = box.center, _OUTWARDS[side]
    return x + to_x * box.width / 2, y + to_y * box.height / 2


def _control(start: Point, side: Side, end: Point) -> Point:
    """React Flow's control point: half the way when the line leaves towards its end, a small loop otherwise."""
    to_x, to_y = _OUTWARDS[side]
    distance = to_x * (end[0] - start[0]) + to_y * (end[1] - start[1])
    offset = distance / 2 if distance >= 0 else _BEND * math.sqrt(-distance)
    return start[0] + to_x * offset, start[1] + to_y * offset


def _stepped(start: Point, end: Point, *, upright: bool) -> str:
    if upright:
        middle = (start[1] + end[1]) / 2
        return f"M{_at(start)}V{middle:.0f}H{end[0]:.0f}V{end[1]:.0f}"
    middle = (start[0] + end[0]) / 2
    return f"M{_at(start)}H{middle:.0f}V{end[1]:.0f}H{end[0]:.0f}"


def _at(point: Point) -> str:
    return f"{point[0]:.0f},{point[1]:.0f}"
