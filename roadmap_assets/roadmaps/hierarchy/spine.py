"""The spine: the path of reading that runs through the drawing, from the title to the end."""

from __future__ import annotations

from roadmap_assets.roadmaps.hierarchy.drawing import Drawing

CHAPTERS = 3


def find_spine(drawing: Drawing) -> dict[str, str | None]:
    """Topics and unframed headings on solid edges, in the order of the path: the roots of the hierarchy.

    Where three or more paragraphs stand on the path, each is what the topics after it hang on; else None.
    """
    order: dict[str, str | None] = {}
    stations = sorted(drawing.reading, key=lambda node: (drawing.nodes[node].type != "title", drawing.from_the_top(node)))
    chapters = {node for node in stations if node in drawing.headings and drawing.nodes[node].type == "paragraph" and drawing.on_path(node)}
    if len(chapters) < CHAPTERS:
        chapters = set()
    seen: set[str] = set()
    for start in stations:
        ahead: list[tuple[str, str | None]] = [(start, None)]
        while ahead:
            node, chapter = ahead.pop()
            if node in seen:
                continue
            seen.add(node)
            if drawing.on_path(node):
                order[node] = None if node in chapters else chapter
            if node in chapters:
                chapter = node
            following = sorted(drawing.reading[node], key=drawing.from_the_top, reverse=True)
            ahead += [(other, chapter) for other in following if other not in seen]
    return _with_stack_mates(drawing, order)


def _with_stack_mates(drawing: Drawing, order: dict[str, str | None]) -> dict[str, str | None]:
    """Topics that touch one of the spine and have no link of their own stand on it too."""
    spine: dict[str, str | None] = {}
    for root, chapter in order.items():
        spine.setdefault(root, chapter)
        if drawing.nodes[root].type != "topic" or root in drawing.frame_of:
            continue
        mates = [m for m in drawing.stack_of.get(root, ()) if drawing.nodes[m].type == "topic" and m not in order]
        for mate in sorted(mates, key=drawing.from_the_top):
            spine.setdefault(mate, chapter)
    return spine
