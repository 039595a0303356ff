"""The spine: the path of reading that runs through the drawing, from the title to the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

CHAPTERS = 3


@dataclass
class Spine:
    """``roots`` in the order of the path, each with its chapter, if there are any.

    ``stops`` are the frames, labels and subtopics on the path, each with what it comes after.
    """

    roots: dict[str, str | None] = field(default_factory=dict)
    stops: dict[str, str] = field(default_factory=dict)


def read_spine(drawing: Drawing) -> Spine:
    """Topics and unframed headings on the solid path are the roots.

    Where three or more paragraphs stand on the path, each is the chapter of what comes after it.
    """
    spine = Spine()
    chapters = _chapters(drawing)
    for node, before, chapter in _walk(drawing, chapters):
        if drawing.on_path(node):
            spine.roots[node] = None if node in chapters else chapter
            for mate in _mates(drawing, node):
                spine.roots.setdefault(mate, chapter)
        elif before is not None:
            spine.stops[node] = chapter or before
    return spine


def _chapters(drawing: Drawing) -> set[str]:
    paragraphs = {
        node for node in drawing.reading if drawing.nodes[node].type == "paragraph" and drawing.on_path(node)
    }
    return paragraphs if len(paragraphs) >= CHAPTERS else set()


def _walk(drawing: Drawing, chapters: set[str]) -> list[tuple[str, str | None, str | None]]:
    """Every node on solid links from the title on, with the root before it and the chapter that it stands in."""
    starts = sorted(drawing.reading, key=lambda node: (drawing.nodes[node].type != "title", drawing.from_the_top(node)))
    walk: list[tuple[str, str | None, str | None]] = []
    seen: set[str] = set()
    for start in starts:
        ahead: list[tuple[str, str | None, str | None]] = [(start, None, None)]
        while ahead:
            node, before, chapter = ahead.pop()
            if node in seen:
                continue
            seen.add(node)
            walk.append((node, before, chapter))
            if drawing.on_path(node):
                before = node
            if node in chapters:
                chapter = node
            following = sorted(drawing.reading[node], key=drawing.from_the_top, reverse=True)
            ahead += [(other, before, chapter) for other in following if other not in seen]
    return walk


def _mates(drawing: Drawing, root: str) -> list[str]:
    """Topics that touch one of the spine and are on no solid link themselves stand on it too."""
    if drawing.nodes[root].type != "topic" or root in drawing.frame_of:
        return []
    mates = [
        mate
        for mate in drawing.stack_of.get(root, ())
        if drawing.nodes[mate].type == "topic" and mate not in drawing.reading
    ]
    return sorted(mates, key=drawing.from_the_top)
