"""The content of a page, read without a browser."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from roadmap_assets.exports.html.index import render_index
from roadmap_assets.exports.html.page import render_page
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.table import build_topics
from roadmap_assets.warehouse.ledger import Day
from roadmap_assets.warehouse.published import EnrichedTopic, PublishedGroup
from roadmap_assets.warehouse.raw import ContentFile, Snapshot
from roadmap_assets.warehouse.topics import Resource
from roadmap_assets_tests.exports.editions import HEADERS, MARKUP, SCRIPT_LINK, document_of, edition, hostile, published


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def data_of(page: str) -> dict[str, object]:
    return dict(json.loads(Elements(page).scripts[0]))


def test_the_data_holds_every_topic_with_titles_and_kinds_of_its_resources() -> None:
    rows = [
        published("One", optional=True, resources=(Resource("Title", "https://example.org", "video"),)),
        published("Two", answers={}, status="deferred"),
    ]
    topics = data_of(render_page(edition(*rows), document_of(rows)))["topics"]
    assert topics == [
        {
            "id": "one",
            "topic": "One",
            "chapter": "Basics",
            "category": "Basics",
            "path": ["Basics"],
            "text": "What One is.",
            "resources": [["Title", "https://example.org", "video"]],
            "tldr": "Use One well",
            "challenge": "practice",
            "optional": True,
        },
        {
            "id": "two",
            "topic": "Two",
            "chapter": "Basics",
            "category": "Basics",
            "path": ["Basics"],
            "text": "What Two is.",
            "resources": [["Two guide", "https://example.org/Two", "article"]],
            "status": "deferred",
        },
    ]


def test_nothing_is_loaded_and_only_the_page_s_own_script_may_run() -> None:
    rows = [published("One")]
    page = render_page(edition(*rows), document_of(rows))
    elements = Elements(page)
    [policy] = [a["content"] for t, a in elements.found if t == "meta" and "http-equiv" in a]
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'",
        policy,
    )
    assert not [tag for tag, attributes in elements.found if "src" in attributes or tag in ("link", "iframe", "object")]
    assert not [name for _, attributes in elements.found for name in attributes if name == "style" or name[:2] == "on"]


def test_hostile_texts_make_no_element_and_no_address() -> None:
    page = render_page(*hostile())
    plain = [published("One"), published("Two"), published("Three")]
    allowed = {tag for tag, _ in Elements(render_page(edition(*plain), document_of(plain))).found}
    found = Elements(page)
    assert {tag for tag, _ in found.found} - allowed <= {"a", "circle", "path"}
    assert len(found.scripts) == 2
    for tag, attributes in found.found:
        assert not (tag == "a" and str(attributes.get("href")).startswith("javascript:"))
        assert not (tag == "circle" and '"' in str(attributes.get("fill")))
    assert SCRIPT_LINK in json.dumps(data_of(page))  # there, as data
    assert MARKUP in json.dumps(data_of(page))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([published("One", model="simulator")], "Simulated answers."),
        ([published("One", status="stale")], "Stale answers."),
        ([published("One", answers={}, status="deferred")], "No answers yet."),
    ],
    ids=["simulated", "stale", "unanswered"],
)
def test_a_reader_sees_whose_answers_they_are(rows: list[object], says: str) -> None:
    page = render_page(edition(*rows), document_of(rows))  # type: ignore[arg-type]
    assert says in page
    real = [published("One")]
    assert says not in render_page(edition(*real), document_of(real))


def test_the_page_of_a_large_roadmap_and_the_index_over_all_stay_small(real_roadmaps: Path) -> None:
    folder = real_roadmaps / "engineering-manager"
    files = [(path.stem.rpartition("@")[2], path.read_text("utf-8")) for path in folder.glob("content/*.md")]
    contents = [ContentFile(f"{topic_id}.md", topic_id, "", markdown) for topic_id, markdown in files]
    text = (folder / "engineering-manager.json").read_text("utf-8")
    snapshot = Snapshot("engineering-manager", text, "a test", "directory", tuple(contents))
    how_to = {
        name: ["one line of at most twenty words, of which this has some, and more"] * 4 for name in ("a", "b", "c")
    }
    answers = {"tldr": "At most twelve words about what it is", "challenge": "expert", "how_to": how_to}
    rows = [EnrichedTopic(topic, "enriched", answers, "key", "study", "any") for topic in build_topics(snapshot).topics]
    assert len(rows) == 134
    document = parse_document(text, roadmap="engineering-manager", origin="a test")
    page = render_page(edition(*rows, headers={**HEADERS, "how_to": "How To"}), document)
    assert len(page.encode()) <= 500_000
    now = datetime(2026, 3, 1)  # noqa: DTZ001 - the tables hold UTC without a zone
    titles = {f"roadmap-{number}": f"A roadmap of some length, {number}" for number in range(91)}
    groups = [
        PublishedGroup(slug, "enriched", "any", level, 70, now) for slug in titles for level in ("practice", "expert")
    ]
    days = [Day((now + timedelta(days=number)).date(), number, number / 100) for number in range(400)]
    assert len(render_index(titles, groups, fetched=dict.fromkeys(titles, now), days=days).encode()) <= 300_000


def test_the_footer_says_where_it_comes_from_and_that_it_may_not_be_republished() -> None:
    rows = [published("One")]
    page = render_page(edition(*rows), document_of(rows))
    assert "may not be republished" in page
    assert '<a href="https://roadmap.sh/test"' in page
