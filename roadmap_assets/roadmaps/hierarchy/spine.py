"""The spine: the path of reading that runs through the drawing, from the title to the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

FEWEST_CHAPTERS = 3


@dataclass
class Spine:
    """``roots`` in the order of the path, each with the chapter that it stands in, if there are chapters.

    ``stops`` are the other items on the path (frames, labels, minor topics), each with what it comes after.
    """

    roots: dict[str, str | None] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)


def read_spine(drawing: Drawing) -> Spine:
    """Major topics and unframed headings on the solid path are the roots.

    Where three or more paragraphs stand on the path, each is the chapter of what comes after it.
    """
    paragraphs = {node for node in drawing.headings if drawing.on_path(node)}
    chapters = paragraphs if len(paragraphs) >= FEWEST_CHAPTERS else set()
    spine = Spine()
    stacks_seen: set[int] = set()
    seen: set[str] = set()
    start = sorted(drawing.reading, key=lambda node: (drawing.nodes[node].type != "title", drawing.from_the_top(node)))
    ahead: list[tuple[str, str | None, str | None]] = [(node, None, None) for node in reversed(start)]
    while ahead:
        node, before, chapter = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        mates: list[str] = []
        if drawing.is_station(node):
            spine.roots[node] = None if node in chapters else chapter
            before = node
            chapter = node if node in chapters else chapter
            stack = drawing.stack_of.get(node, [])
            if id(stack) not in stacks_seen:
                stacks_seen.add(id(stack))
                mates = sorted(_mates(drawing, node, stack), key=drawing.from_the_top, reverse=True)
        elif before is not None:
            spine.stops[node] = chapter or before
        following = sorted(drawing.reading[node], key=drawing.from_the_top, reverse=True)
        ahead += [(other, before, chapter) for other in (*following, *mates) if other not in seen]
    return spine


def _mates(drawing: Drawing, root: str, stack: list[str]) -> Iterator[str]:
    """Major topics that touch one on the path stand on it too, unless a dashed link says that they hang on it."""
    if drawing.is_major(root) and root not in drawing.frame_of:
        for mate in stack:
            hangs = any(drawing.on_path(linked) for linked in drawing.parenthood[mate])
            if mate in drawing.topics and drawing.is_major(mate) and not hangs:
                yield mate
