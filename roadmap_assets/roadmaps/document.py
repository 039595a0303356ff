"""A roadmap's raw JSON -> typed records. No other module handles the document's dicts.

The document is a drawing made with React Flow: nodes with a type, a position and a size, and edges between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.foreign_json import as_dict, as_list, as_text, load_json
from roadmap_assets.roadmaps.geometry import Box

TOPIC_TYPES: Final = frozenset({"topic", "subtopic"})
LINE_TYPES: Final = frozenset({"vertical", "horizontal"})

Side: TypeAlias = Literal["top", "bottom", "left", "right", ""]

_SIDES: Final[dict[str, Side]] = {"w": "top", "x": "bottom", "y": "left", "z": "right"}
_ENTRIES: Final = ("links", "legends", "checklists")
_FARTHEST = 1e7  # pixels; the largest real drawing is about 10 000 high
_COLOR = re.compile("#[0-9a-fA-F]{3,8}")


class Entry(Struct, frozen=True):
    """An entry of a box: a line of a list of links, a checklist or a legend; or the link of a button or label."""

    label: str
    url: str = ""
    color: str = ""


class Look(Struct, frozen=True):
    """How a node is drawn, apart from its box; not used for the hierarchy.

    ``mark`` is a topic's entry of the drawing's legend.
    """

    font_size: float = 17.0
    align: str = "center"
    at_top: bool = False
    bordered: bool = True
    filled: bool = True
    entries: tuple[Entry, ...] = ()
    mark: Entry | None = None


_PLAIN: Final = Look()


class Node(Struct, frozen=True):
    """A box of the drawing.

    ``box`` has the measured size, ``requested`` the size that was asked for; None if position or size is unusable.
    ``dashed`` applies to nodes that are lines.
    """

    id: str
    type: str
    label: str
    box: Box | None
    requested: Box | None = None
    dashed: bool = False
    look: Look = _PLAIN

    @property
    def is_topic(self) -> bool:
        return self.type in TOPIC_TYPES

    @property
    def is_major(self) -> bool:
        """The larger kind of topic, drawn for stops of the spine and for headings of groups."""
        return self.type == "topic"


class Edge(Struct, frozen=True):
    """A link between two nodes of the document; dashed means parenthood, solid the order of reading.

    ``leaves`` and ``enters`` are the sides of the nodes that it joins, "" if unknown; ``shape`` is React Flow's name
    for the curve.
    """

    source: str
    target: str
    dashed: bool
    leaves: Side = ""
    enters: Side = ""
    shape: str = ""


class Document(Struct, frozen=True, dict=True):
    """A roadmap's drawing; ``unusable_nodes`` and ``unusable_edges`` count what was left out."""

    roadmap: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unusable_nodes: int = 0
    unusable_edges: int = 0

    @cached_property
    def topics(self) -> tuple[Node, ...]:
        """Topics and subtopics from top to bottom, then from left to right; those without a position come last.

        For the reading order, which follows the hierarchy, see ``place_topics``.
        """
        return tuple(sorted((node for node in self.nodes if node.is_topic), key=_from_the_top))


def parse_document(text: str, *, roadmap: str, origin: str) -> Document:
    """Parse a roadmap's JSON; ``origin`` names its source in messages.

    Nodes without an id or with a repeated one, and edges that do not join two different nodes, are left out and
    counted. Raises DocumentError if the text is not a document, has the old shape, or contains no topic.
    """
    here = f"the document of {roadmap} ({origin})"
    try:
        raw = load_json(text)
    except ValueError as error:
        raise DocumentError(f"{here} is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise DocumentError(f"{here} is not a JSON object but {type(raw).__name__}")
    if "mockup" in raw:
        raise DocumentError(
            f"{here} has the old shape ('mockup' at the top), which holds no nodes; choose another roadmap"
        )
    raw_nodes, raw_edges = as_list(raw.get("nodes")), as_list(raw.get("edges"))
    nodes: dict[str, Node] = {}
    for entry in raw_nodes:
        node = _node(entry)
        if node is not None:
            nodes.setdefault(node.id, node)
    edges = [edge for entry in raw_edges if (edge := _edge(entry, nodes)) is not None]
    if not any(node.is_topic for node in nodes.values()):
        raise DocumentError(f"{here} holds no topic (of {len(raw_nodes)} nodes); choose another roadmap or source")
    return Document(
        roadmap=roadmap,
        title=_title(raw, nodes.values()) or roadmap.replace("-", " ").title(),
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
        unusable_nodes=len(raw_nodes) - len(nodes),
        unusable_edges=len(raw_edges) - len(edges),
    )


def topic_labels(text: str) -> dict[str, str]:
    """Topic id -> label; empty if the document cannot be read."""
    try:
        return {node.id: node.label for node in parse_document(text, roadmap="", origin="").topics}
    except DocumentError:
        return {}


def _from_the_top(node: Node) -> tuple[float, float]:
    return (node.box.y, node.box.x) if node.box else (math.inf, math.inf)


def _node(raw: Any) -> Node | None:
    node = as_dict(raw)
    node_id = as_text(node.get("id"))
    if not node_id:
        return None
    data = as_dict(node.get("data"))
    return Node(
        id=node_id,
        type=as_text(node.get("type")),
        label=as_text(data.get("label")),
        box=_box(node, "measured", "node", "style"),
        requested=_box(node, "node", "style", "measured"),
        dashed=_is_dashed(as_dict(data.get("style"))),
        look=_look(data),
    )


def _look(data: dict[str, Any]) -> Look:
    style = as_dict(data.get("style"))
    entries = [_entry(entry) for name in _ENTRIES for entry in as_list(data.get(name))]
    if url := as_text(data.get("href")):
        entries.append(Entry(as_text(data.get("label")), url))
    legend = data.get("legend")
    return Look(
        font_size=_number(style.get("fontSize")) or _PLAIN.font_size,
        align=as_text(style.get("textAlign")) or _PLAIN.align,
        at_top=as_text(style.get("justifyContent")) in ("flex-start", "start"),
        bordered=as_text(style.get("borderColor")).lower() != "transparent",
        filled=as_text(style.get("backgroundColor")).lower() != "transparent",
        entries=tuple(entries),
        mark=_entry(legend) if isinstance(legend, dict) else None,
    )


def _entry(raw: Any) -> Entry:
    entry = as_dict(raw)
    color = as_text(entry.get("color"))
    return Entry(
        label=as_text(entry.get("label")),
        url=as_text(entry.get("url")),
        color=color if _COLOR.fullmatch(color) else "",
    )


def _edge(raw: Any, nodes: dict[str, Node]) -> Edge | None:
    edge = as_dict(raw)
    source, target = as_text(edge.get("source")), as_text(edge.get("target"))
    if source == target or source not in nodes or target not in nodes:
        return None
    style = as_text(as_dict(edge.get("data")).get("edgeStyle"))
    dashed = style == "dashed" if style else _is_dashed(as_dict(edge.get("style")))
    return Edge(
        source=source,
        target=target,
        dashed=dashed,
        leaves=_SIDES.get(as_text(edge.get("sourceHandle"))[:1], ""),
        enters=_SIDES.get(as_text(edge.get("targetHandle"))[:1], ""),
        shape=as_text(edge.get("type")),
    )


def _box(node: dict[str, Any], *places: str) -> Box | None:
    """Position and size; the size from the first of `places` that has one."""
    position = as_dict(node.get("position"))
    sizes = [node if place == "node" else as_dict(node.get(place)) for place in places]
    x, y = _number(position.get("x")), _number(position.get("y"))
    width, height = (
        next((size for place in sizes if (size := _number(place.get(side))) is not None), None)
        for side in ("width", "height")
    )
    if x is None or y is None or width is None or height is None or width < 0 or height < 0:
        return None
    return Box(x, y, width, height)


def _is_dashed(style: dict[str, Any]) -> bool:
    return as_text(style.get("strokeDasharray")) not in ("", "0", "none")


def _title(raw: dict[str, Any], nodes: Iterable[Node]) -> str:
    drawn = next((node.label for node in nodes if node.type == "title" and node.label), "")
    return drawn or as_text(as_dict(raw.get("title")).get("page")) or as_text(raw.get("title"))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _FARTHEST else None
