"""Attachment: from the spine outwards, level by level, every item gets the item that it hangs on."""

from __future__ import annotations

from collections import defaultdict

from roadmap_assets.roadmaps.geometry import Grid, touching_groups
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

NEAREST_SPINE = 150.0


def find_spine(drawing: Drawing) -> list[str]:
    """Topics and unframed headings on solid edges, in the order of the path."""
    on_path = [
        item
        for item in [*drawing.topics, *drawing.headings]
        if item in drawing.reading
        and (drawing.nodes[item].type == "topic" or (item in drawing.headings and item not in drawing.frame_of))
    ]
    return sorted(on_path, key=lambda item: (drawing.boxes[item].y, drawing.boxes[item].x) if item in drawing.boxes else (0, 0))


class Attachment:
    """``above`` holds what each placed item hangs on: None for the roots."""

    def __init__(self, drawing: Drawing, spine: list[str]) -> None:
        self.drawing = drawing
        self.above: dict[str, str | None] = dict.fromkeys(spine)
        self.inside: defaultdict[str, list[str]] = defaultdict(list)
        for item, frame in drawing.frame_of.items():
            self.inside[frame].append(item)
        self.run(spine)

    def place(self, item: str, above: str | None, placed: list[str]) -> None:
        if item not in self.above and (item in self.drawing.topics or item in self.drawing.headings or item in self.drawing.frames):
            self.above[item] = above
            placed.append(item)

    def run(self, level: list[str]) -> None:
        late: list[str] = []
        while level or late:
            if not level:
                level = self.spread(late, also_linked=True)
                late = []
                continue
            placed: list[str] = []
            for item in level:
                for linked in [*self.drawing.heads[item], *self.drawing.parenthood[item]]:
                    self.place(linked, item, placed)
            placed += self.spread([*level, *placed], also_linked=False)
            late += placed or []
            level = placed

    def spread(self, items: list[str], *, also_linked: bool) -> list[str]:
        drawing = self.drawing
        placed: list[str] = []
        queue = list(items)
        for item in queue:
            above = self.above[item]
            before = len(placed)
            if item in drawing.frames:
                for inner in self.inside[item]:
                    if also_linked or not drawing.parenthood[inner]:
                        self.place(inner, above, placed)
            elif above is not None and item in drawing.stack_of:
                for mate in drawing.stacks[drawing.stack_of[item]]:
                    if also_linked or not drawing.parenthood[mate]:
                        self.place(mate, above, placed)
            frame = drawing.frame_of.get(item)
            if frame is not None and above is not None and frame not in drawing.frames_around(above):
                self.place(frame, above, placed)
            if item in drawing.headings and above is not None:
                for topic, heading in drawing.group_heading.items():
                    if heading == item:
                        self.place(topic, above, placed)
            queue.extend(placed[before:])
        return placed

    def attach_rest(self, spine: list[str]) -> None:
        """Whatever hangs at the end goes, column by column, to the nearest spine topic, those without children first."""
        drawing = self.drawing
        with_children = set(self.above.values())
        roots = Grid(drawing.boxes_of(spine))
        rest = {
            item: drawing.boxes[item]
            for item in [*drawing.topics, *drawing.frames]
            if item not in self.above and item in drawing.boxes and item not in drawing.frame_of
        }
        for column in touching_groups(rest, reach=40):
            nearest: list[tuple[bool, float, str]] = []
            for item in column:
                for root in roots.near(rest[item], NEAREST_SPINE):
                    if drawing.nodes[root].type == "topic":
                        nearest.append((root in with_children, rest[item].distance(roots.boxes[root]), root))
            if nearest:
                root = min(nearest)[2]
                placed: list[str] = []
                for item in column:
                    self.place(item, root, placed)
                placed += self.spread(placed, also_linked=True)
                self.run(placed)
