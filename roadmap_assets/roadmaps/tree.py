"""The site's own hierarchy of a roadmap, turned into typed records.

The site serves it as `/v1-roadmap-tree-mapping/<slug>`, a list of nodes with the labels above each:

    [{"nodeId": "tU4U…", "text": "Full Stack > Internet > HTTP", "isOptional": false}, …]

The first part of a text is the roadmap's title, the last the node itself. Labels may contain " > " too, so a text is
never just split: the end is cut by the label of the node that the id names, the rest is the text of another entry or
ends with a known label, and only what is left over is split.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from roadmap_assets.roadmaps.document import Document, Node
from roadmap_assets.roadmaps.foreign_json import as_dict, as_list, as_text, load_json

SEPARATOR: Final = " > "
LONGEST_TEXT: Final = 2_000  # characters; real texts have fewer than 200


class TreeEntry(Struct, frozen=True):
    """A node of the tree; `text` has the roadmap's title, the labels above the node, and its own label."""

    node_id: str
    text: str
    optional: bool


class Tree(Struct, frozen=True):
    """Entries by node id; `unusable` counts those that were left out: malformed, too long, or a second use of an id."""

    entries: Mapping[str, TreeEntry]
    unusable: int = 0


EMPTY: Final = Tree({})


class Step(Struct, frozen=True):
    """A label above a topic: a topic's or a heading's. `node_id` is None where the document has no such node."""

    label: str
    is_topic: bool
    node_id: str | None = None


def parse_tree(text: str) -> Tree:
    """Read the site's JSON; '' is an empty tree. Never raises: a text that is no list is one unusable entry."""
    if not text:
        return EMPTY
    try:
        raw = load_json(text)
    except ValueError:
        return Tree({}, unusable=1)
    entries: dict[str, TreeEntry] = {}
    for item in as_list(raw):
        entry = _entry(item)
        if entry is not None:
            entries.setdefault(entry.node_id, entry)
    return Tree(entries, unusable=len(raw) - len(entries) if isinstance(raw, list) else 1)


def _entry(raw: Any) -> TreeEntry | None:
    entry = as_dict(raw)
    node_id, text = as_text(entry.get("nodeId")), as_text(entry.get("text"))
    if not node_id or not text or len(text) > LONGEST_TEXT:
        return None
    return TreeEntry(node_id, text, optional=entry.get("isOptional") is True)


class TreeReader:
    """Finds what the tree puts above a topic of the document."""

    def __init__(self, tree: Tree, document: Document) -> None:
        self._entries = tree.entries
        self._title = document.title
        self._nodes = {node.id: node for node in document.nodes}
        self._node_of_text: dict[str, Node] = {}
        for entry in tree.entries.values():
            if entry.node_id in self._nodes:
                self._node_of_text.setdefault(entry.text, self._nodes[entry.node_id])
        self._node_of_label: dict[str, Node] = {}
        for node in sorted(document.nodes, key=lambda node: not node.is_topic):
            self._node_of_label.setdefault(node.label, node)
        self._most_separators = max((label.count(SEPARATOR) for label in self._node_of_label), default=0)

    def above(self, topic: Node) -> tuple[Step, ...]:
        """The labels above a topic that has an entry, root first, without the title."""
        text, _ = self._cut(self._entries[topic.id].text, topic)
        steps: list[Step] = []
        while SEPARATOR in text and text != self._title:
            node = self._node_of_text.get(text)
            text, label = self._cut(text, node)
            node = node or self._node_of_label.get(label)
            if label := node.label if node else label:
                steps.append(Step(label, node.is_topic, node.id) if node else Step(label, is_topic=False))
        return tuple(reversed(steps))

    def _cut(self, text: str, node: Node | None) -> tuple[str, str]:
        """A text without its last label, and that label: the node's own, else the longest known one."""
        if node is not None and f"{SEPARATOR}{text}".endswith(f"{SEPARATOR}{node.label}"):
            return text[: -len(node.label)].removesuffix(SEPARATOR), node.label
        cuts = [at for at in _separators(text, self._most_separators + 1) if _after(text, at) in self._node_of_label]
        before, _, last = text.rpartition(SEPARATOR)
        return (text[: cuts[-1]], _after(text, cuts[-1])) if cuts else (before, last)


def _after(text: str, separator: int) -> str:
    return text[separator + len(SEPARATOR) :]


def _separators(text: str, most: int) -> list[int]:
    """Where the last separators of a text are, from the right."""

    def from_the_right() -> Any:
        at = text.rfind(SEPARATOR)
        while at >= 0:
            yield at
            at = text.rfind(SEPARATOR, 0, at)

    return list(islice(from_the_right(), most))
