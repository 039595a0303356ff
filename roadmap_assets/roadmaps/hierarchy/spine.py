"""The spine: the reading path through the drawing, from the title to the end."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

FEWEST_CHAPTERS = 3


class Spine(Struct):
    """``roots`` in the order of the path, each with its chapter, if there are chapters.

    ``stops`` are the other items on the path (frames, labels, minor topics), each with the station before it.
    """

    roots: dict[str, str | None] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)


def read_spine(drawing: Drawing) -> Spine:
    """Major topics and unframed headings on the solid path are the roots.

    If three or more paragraphs are on the path, each is the chapter of what follows it.
    """
    paragraphs = {node for node in drawing.headings if drawing.on_path(node)}
    chapters = paragraphs if len(paragraphs) >= FEWEST_CHAPTERS else set()
    spine = Spine()
    for node, before, chapter in _walk(drawing, chapters):
        if drawing.is_station(node):
            spine.roots[node] = chapter
        elif before is not None:
            spine.stops[node] = before if chapter is None or node in drawing.topics else chapter
    return spine


Step = tuple[str, str | None, str | None]  # a node, the station before it, and its chapter


def _walk(drawing: Drawing, chapters: set[str]) -> Iterator[Step]:
    """Follow the solid links from the title on, and from each station to the major topics that touch it."""
    starts = sorted(drawing.reading, key=lambda node: (drawing.nodes[node].type != "title", drawing.from_the_top(node)))
    ahead: list[Step] = [(node, None, None) for node in reversed(starts)]
    seen: set[str] = set()
    stacks_seen: set[int] = set()
    while ahead:
        node, before, chapter = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in chapters:
            chapter = None
        yield node, before, chapter
        following = sorted(drawing.reading[node], key=drawing.from_the_top, reverse=True)
        if drawing.is_station(node):
            before = node
            chapter = node if node in chapters else chapter
            stack = drawing.stack_of.get(node, [])
            if id(stack) not in stacks_seen:
                stacks_seen.add(id(stack))
                following += sorted(_mates(drawing, node, stack), key=drawing.from_the_top, reverse=True)
        ahead += [(other, before, chapter) for other in following if other not in seen]


def _mates(drawing: Drawing, station: str, stack: list[str]) -> Iterator[str]:
    """Major topics that touch one on the path are on it too, unless a dashed link makes them its children."""
    if drawing.is_major(station) and station not in drawing.frame_of:
        for mate in stack:
            hangs = any(drawing.on_path(linked) for linked in drawing.parenthood.get(mate, ()))
            if drawing.is_major(mate) and not hangs:
                yield mate
