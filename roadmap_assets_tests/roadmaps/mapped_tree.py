"""The site's tree of a roadmap, made from the mapping that its maintainers once kept beside the document."""

from __future__ import annotations

import json
from pathlib import Path

from roadmap_assets.roadmaps.document import parse_document


def mapped_tree(document: Path) -> str:
    """JSON as `/v1-roadmap-tree-mapping/<slug>` serves it, or '' without a mapping.

    The mapping leads from `basics:tools:git` to a node's id. Groups that are not nodes have no label but that slug.
    """
    file = document.with_name("migration-mapping.json")
    if not file.exists():
        return ""
    mapping = json.loads(file.read_text("utf-8-sig"))
    parsed = parse_document(document.read_text("utf-8"), roadmap=document.stem, origin=str(document))
    labels = {node.id: node.label for node in parsed.nodes}

    def label(path: list[str]) -> str:
        return labels[mapping[":".join(path)]] if ":".join(path) in mapping else path[-1].replace("-", " ").title()

    def text(path: list[str]) -> str:
        return " > ".join([parsed.title, *(label(path[: length + 1]) for length in range(len(path)))])

    return json.dumps([{"nodeId": node_id, "text": text(path.split(":"))} for path, node_id in mapping.items()])
