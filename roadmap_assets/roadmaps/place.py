"""Each topic's place in its roadmap, from the site's tree and the drawing.

Where the tree has a topic, it decides what is above it; the drawing adds the headings in between (a label above a
group) that the tree leaves out. The drawing alone gives the reading order, and the place of every other topic: it
belongs to the nearest topic drawn above it, wherever the tree has put that one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from roadmap_assets.roadmaps.document import Document
from roadmap_assets.roadmaps.hierarchy import DEEPEST, DrawnPath, trace_topics
from roadmap_assets.roadmaps.tree import EMPTY, Step, Tree, TreeReader
from roadmap_assets.warehouse.topics import PlacedBy


class Place(Struct, frozen=True):
    """Where a topic is: the labels of what is above it, root first, in ``path``.

    ``parent`` is the immediate group (a topic or a heading), ``parent_topic`` the nearest topic above. A root is its
    own category; a topic that nothing leads to gets the roadmap's title as its category. ``disputed`` marks a topic
    that the tree and the drawing put under different topics.
    """

    category: str
    subcategory: str
    parent: str
    parent_topic: str
    path: tuple[str, ...]
    placed_by: PlacedBy = "drawing"
    disputed: bool = False


def place_topics(document: Document, tree: Tree = EMPTY, *, without: frozenset[str] = frozenset()) -> dict[str, Place]:
    """Every topic's place by its id, in reading order.

    ``without`` names stages of the drawing to leave out, as `trace_topics` takes them.
    """
    drawn = trace_topics(document, without=without)
    placing = _Placing(document, tree, drawn)
    return {topic: placing.place(topic) for topic in drawn}


class _Placing:
    def __init__(self, document: Document, tree: Tree, drawn: dict[str, DrawnPath]) -> None:
        self._title = document.title
        self._nodes = {node.id: node for node in document.nodes}
        self._drawn = drawn
        reader = TreeReader(tree, document)
        self._in_tree = {topic: reader.above(self._nodes[topic]) for topic in drawn if topic in tree.entries}

    def place(self, topic: str) -> Place:
        drawn = self._steps_drawn(topic)
        is_drawn = self._drawn[topic].attached or bool(drawn)
        placed_by: PlacedBy
        if topic in self._in_tree:
            steps, is_placed, placed_by = self._by_tree(topic), True, "tree"
            disputed = is_drawn and _nearest_topic(drawn) != _nearest_topic(self._in_tree[topic])
        else:
            steps, is_placed, disputed = self._by_drawing(topic), self._drawn[topic].attached, False
            placed_by = "drawing" if is_drawn else "none"
        labels = tuple(step.label for step in steps[:DEEPEST] if step.label)
        own = self._nodes[topic].label if is_placed else ""
        return Place(
            category=labels[0] if labels else own or self._title,
            subcategory=labels[1] if len(labels) > 1 else "",
            parent=labels[-1] if labels else "",
            parent_topic=_nearest_topic(steps),
            path=labels,
            placed_by=placed_by,
            disputed=disputed,
        )

    def _by_tree(self, topic: str) -> list[Step]:
        steps: list[Step] = []
        for step in self._in_tree[topic]:
            if step.node_id in self._in_tree:
                steps += self._headings_over(step.node_id)
            steps.append(step)
        return steps + self._headings_over(topic)

    def _headings_over(self, topic: str) -> list[Step]:
        """The headings drawn between a topic and its parent in the tree, where the tree names none itself.

        A minor topic right below the title is a group's member, not a root: whatever heading is drawn over it holds.
        """
        above, drawn = self._in_tree[topic], self._steps_drawn(topic)
        if above:
            fits = above[-1].is_topic and _nearest_topic(above) == _nearest_topic(drawn)
        else:
            fits = not self._nodes[topic].is_major
        return _headings_at_the_end(drawn) if fits else []

    def _by_drawing(self, topic: str) -> list[Step]:
        drawn = self._steps_drawn(topic)
        for at in range(len(drawn) - 1, -1, -1):
            node_id = drawn[at].node_id
            if node_id in self._in_tree:
                upper = self._by_tree(node_id)
                is_circle = any(step.node_id == topic for step in upper)
                return drawn if is_circle else upper + drawn[at:]
        return drawn

    def _steps_drawn(self, topic: str) -> list[Step]:
        nodes = (self._nodes[node_id] for node_id in self._drawn[topic].above)
        return [Step(node.label, node.is_topic, node.id) for node in nodes]


def _nearest_topic(steps: Sequence[Step]) -> str:
    return next((step.label for step in reversed(steps) if step.is_topic), "")


def _headings_at_the_end(steps: Sequence[Step]) -> list[Step]:
    last_topic = max((at for at, step in enumerate(steps) if step.is_topic), default=-1)
    return list(steps[last_topic + 1 :])
