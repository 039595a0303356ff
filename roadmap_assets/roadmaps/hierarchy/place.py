"""From a drawing to each topic's place: the stages in their order, and the path that comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roadmap_assets.roadmaps.document import Document
from roadmap_assets.roadmaps.hierarchy import attachment, frames, groups, links, spine
from roadmap_assets.roadmaps.hierarchy.drawing import Drawing, draw

STAGES: Final = ("measured", "frames", "stacks", "dashed", "solid", "lines", "paragraphs", "labels")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a topic stands: labels of what is above it, root first in ``path``.

    ``parent`` is the immediate group (a topic or a heading), ``parent_topic`` the nearest topic above.
    """

    category: str
    subcategory: str
    parent: str
    parent_topic: str
    path: tuple[str, ...]


def place_topics(document: Document, *, without: frozenset[str] = frozenset()) -> dict[str, Place]:
    """Every topic's place by its id, in the order of reading; ``without`` leaves out stages, to see what each adds."""
    drawing = draw(document, measured="measured" not in without)
    if "paragraphs" in without:
        drawing.headings = {k: n for k, n in drawing.headings.items() if n.type != "paragraph"}
    if "frames" not in without:
        frames.read_frames(drawing)
        frames.read_frame_headings(drawing)
    if "dashed" not in without:
        links.read_dashed_edges(drawing)
    if "solid" not in without:
        links.read_solid_edges(drawing)
    if "lines" not in without:
        links.read_lines(drawing)
    if "labels" not in without:
        groups.read_labels(drawing)
    if "stacks" not in without:
        groups.read_stacks(drawing)
        groups.read_flush_topics(drawing)
    path = spine.read_spine(drawing)
    attached = attachment.Attachment(drawing, path)
    attached.grow(list(path.roots))
    attached.attach_rest(path)
    return _places(drawing, attached.above)


def _places(drawing: Drawing, above: dict[str, str | None]) -> dict[str, Place]:
    paths: dict[str, tuple[str, ...]] = {}

    def path_of(item: str) -> tuple[str, ...]:
        chain = [item]
        while chain[-1] not in paths:
            upper = above.get(chain[-1])
            if upper is None or upper in chain:
                paths[chain[-1]] = _headings(drawing, chain[-1], None) if chain[-1] not in above else ()
                break
            chain.append(upper)
        for lower, upper in zip(reversed(chain[:-1]), reversed(chain), strict=False):
            paths[lower] = (*paths[upper], upper, *_headings(drawing, lower, upper, paths[upper]))
        return paths[item]

    places = {}
    label = lambda item: drawing.nodes[item].label  # noqa: E731
    for topic in drawing.topics:
        path = path_of(topic)
        named = tuple(label(item) for item in path if label(item))
        parents = [item for item in path if item in drawing.topics]
        root = topic in above and above[topic] is None
        places[topic] = Place(
            category=named[0] if named else label(topic) if root else drawing.document.title,
            subcategory=named[1] if len(named) > 1 else "",
            parent=named[-1] if named else "",
            parent_topic=label(parents[-1]) if parents else "",
            path=named,
        )
    return places


def _headings(drawing: Drawing, item: str, upper: str | None, seen: tuple[str, ...] = ()) -> tuple[str, ...]:
    shared = set(drawing.frames_around(upper)) if upper else set()
    between = [drawing.frame_heading.get(frame) for frame in reversed(drawing.frames_around(item)) if frame not in shared]
    between.append(drawing.group_heading.get(item))
    return tuple(h for h in between if h is not None and h != item and h != upper and h not in seen)
