"""Editions for tests: small ones, the sample's, and one with every kind of hostile text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from roadmap_assets.exports.edition import Edition
from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.warehouse.published import EnrichedTopic, Status
from roadmap_assets.warehouse.topics import Resource, Topic

MARKUP = "<img src=x onerror=alert(1)>"
SCRIPT_END = "</script><script>alert(2)</script><!--"
SCRIPT_LINK = "javascript:alert(3)"
FORMULA = '=HYPERLINK("http://evil.example","x")'
HEADERS = {"tldr": "TLDR", "challenge": "Challenge"}


def published(
    name: str,
    *,
    answers: Mapping[str, Any] | None = None,
    status: Status | None = None,
    answered_at: datetime | None = None,
    model: str = "gemini-test",
    published_at: datetime | None = datetime(2026, 3, 1, 12),  # noqa: DTZ001 - the tables hold UTC without a zone
    **topic: Any,
) -> EnrichedTopic:
    """A published topic; `topic` are fields of `Topic`."""
    fields = {
        "roadmap": "test",
        "topic_id": name.lower().replace(" ", "-"),
        "position": 0,
        "topic": name,
        "category": "Basics",
        "subcategory": "",
        "parent": "",
        "parent_topic": "",
        "path": ("Basics",),
        "description": f"What {name} is.",
        "resources": (Resource(f"{name} guide", f"https://example.org/{name.replace(' ', '-')}", "article"),),
    }
    given = {"tldr": f"Use {name} well", "challenge": "practice"} if answers is None else answers
    found = Topic(**{**fields, **topic})
    what = status or ("enriched" if given else "deferred")
    return EnrichedTopic(found, what, given, f"key of {name}", "summary", model, answered_at, published_at)


def edition(*rows: EnrichedTopic, headers: Mapping[str, str] = HEADERS, title: str = "Test") -> Edition:
    return Edition(roadmap="test", title=title, headers=headers, rows=rows)


def document_of(rows: Sequence[EnrichedTopic], *more: Mapping[str, Any]) -> Document:
    """A drawing of the topics, one below the other, and of `more` nodes."""
    nodes = [
        {
            "id": row.topic.topic_id,
            "type": "topic",
            "position": {"x": 0, "y": 80 * number},
            "width": 260,
            "height": 49,
            "data": {"label": row.topic.topic},
        }
        for number, row in enumerate(rows)
    ]
    text = json.dumps({"nodes": [*nodes, *more], "edges": []})
    return parse_document(text, roadmap="test", origin="a test")


def hostile() -> tuple[Edition, Document]:
    """Markup, an end of a script, a script as link and a formula in every place that foreign text reaches."""
    answers = {"tldr": MARKUP, "challenge": SCRIPT_END, "note": {"steps": [MARKUP, SCRIPT_END]}}
    rows = [
        published(
            text,
            topic_id=f"id-{number}{text}",
            answers=answers,
            category=MARKUP,
            subcategory=SCRIPT_END,
            path=(MARKUP, SCRIPT_END),
            description=f"{SCRIPT_END}\n\n{MARKUP}",
            resources=(
                Resource(SCRIPT_END, SCRIPT_LINK, MARKUP),
                Resource(MARKUP, 'https://example.org/"><b>', "article"),
            ),
        )
        for number, text in enumerate((MARKUP, SCRIPT_END, FORMULA))
    ]
    look = {"position": {"x": 400, "y": 0}, "width": 300, "height": 120}
    nodes = [
        {**look, "id": "b", "type": "button", "data": {"label": MARKUP, "href": SCRIPT_LINK}},
        {**look, "id": "l", "type": "linksgroup", "data": {"label": MARKUP, "links": [_link()]}},
        {**look, "id": "g", "type": "legend", "data": {"legends": [{"label": MARKUP, "color": '#fff"><b>'}]}},
        {**look, "id": "p", "type": MARKUP, "data": {"label": SCRIPT_END, "style": {"textAlign": '"><b>'}}},
    ]
    headers = {**HEADERS, "note": MARKUP}
    return edition(*rows, headers=headers, title=f"{MARKUP}{SCRIPT_END}"), document_of(rows, *nodes)


def _link() -> dict[str, str]:
    return {"label": MARKUP, "url": SCRIPT_LINK}
