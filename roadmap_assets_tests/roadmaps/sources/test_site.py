"""roadmap.sh's API: its lists, documents, trees and texts in every shape, and in none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from roadmap_assets.errors import DocumentError, SourceUnavailable
from roadmap_assets.roadmaps.content.reading import read_content
from roadmap_assets.roadmaps.sources.host import ATTEMPTS
from roadmap_assets_tests.roadmaps.sources.conftest import DOCUMENTS, document, source
from roadmap_assets_tests.roadmaps.sources.upstream import BEGINNER, OFFICIAL, Reply, Upstream

# ---- lists ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "title"),
    [
        ({"slug": "x", "title": "Plain"}, "Plain"),
        ({"slug": "x", "title": {"card": "Card", "page": "Page"}}, "Page"),
        ({"slug": "x", "title": {"card": "Card"}}, "Card"),
        ({"slug": "x", "title": 7}, ""),
        ({"slug": "x"}, ""),
        ({"slug": "x", "title": "T", "renderer": "editor", "status": "published", "nodes": [{}]}, "T"),
        ({"slug": "x", "title": "T", "renderer": None, "status": None}, "T"),
        ({"slug": "x", "title": "two\nlines \x1b[31m\ud800"}, "two lines [31m"),
    ],
)
def test_entries_of_every_shape_are_read(upstream: Upstream, entry: dict[str, Any], title: str) -> None:
    upstream.entries["x"] = entry
    assert source(upstream).catalogue()["x"].title == title


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"slug": "x", "status": "draft"}, r"x \(draft\)"),
        ({"slug": "x", "renderer": "balsamiq"}, r"x \(legacy renderer balsamiq\)"),
        ({"slug": "../x"}, r"\.\./x \(not a roadmap's name\)"),
        ({"slug": "UPPER"}, r"UPPER \(not a roadmap's name\)"),
        ({"slug": "\ud800"}, "not a roadmap's name"),
        ({"slug": "a" * 5000}, "not a roadmap's name"),
        ({"slug": 7}, r"an entry \(no slug\)"),
        ("text", r"an entry \(no slug\)"),
        ([0], r"an entry \(no slug\)"),
    ],
)
def test_unusable_entries_are_skipped_and_counted(
    upstream: Upstream, notices: list[str], entry: Any, reason: str
) -> None:
    upstream.entries |= {"x": entry, "y": {"slug": "..", "title": ""}}
    assert set(source(upstream, on_notice=notices.append).catalogue()) == set(DOCUMENTS)
    [notice] = notices
    assert notice.startswith("2 of roadmap.sh's entries skipped: ")
    assert re.search(reason, notice)
    assert len(notice) < 400


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<!doctype html><html>Just a moment...</html>", id="a page"),
        pytest.param(b"[]", id="an empty list"),
        pytest.param(b'{"error": "gone"}', id="an error"),
        pytest.param(b"null", id="null"),
        pytest.param(json.dumps([{"slug": f"s{n}"} for n in range(5000)]).encode(), id="a list of 5000"),
        pytest.param(b'[{"slug": "../x"}]', id="no usable entry"),
        pytest.param(b'[{"slug": "x"}', id="cut JSON"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
    ],
)
def test_a_list_that_is_none_is_one_clear_line(upstream: Upstream, body: bytes) -> None:
    upstream.faults |= {OFFICIAL: [Reply(body=body), None], BEGINNER: [Reply(body=b"[]"), None]}
    with pytest.raises(SourceUnavailable, match=r"/site/v1-list.* answered 200 with .*; expected ") as raised:
        source(upstream).listing()
    assert "ROADMAP_SH_API" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_list_may_hold_the_nodes_of_every_document(upstream: Upstream) -> None:
    node = {"id": "x" * 20, "type": "topic", "data": {"label": "y" * 400}}
    upstream.entries |= {f"s{number}": {"slug": f"s{number}", "nodes": [node] * 400} for number in range(91)}
    assert len(source(upstream).catalogue()) == 91 + 3


def test_no_beginner_roadmaps_are_fine(upstream: Upstream) -> None:
    upstream.faults[BEGINNER] = [Reply(body=b"[]")]
    assert list(source(upstream).catalogue()) == ["herbs", "spices"]


# ---- documents and trees -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param(Reply(404, b'{"message": "Roadmap not found"}'), r"no document of herbs.*Roadmap not", id="404"),
        pytest.param(Reply(200, b'{"error": {"a": 1}}'), "no document of herbs", id="an error of another shape"),
        pytest.param(Reply(200, b'{"error": "not\\n found"}'), r"no document of herbs.*\(not found\)", id="an error"),
        pytest.param(Reply(200, b'{"nodes": [], "edges": []}'), "no topic", id="no topics"),
        pytest.param(Reply(200, b'{"mockup": {}}'), "old shape", id="the old shape"),
        pytest.param(Reply(200, b"[]"), "not a JSON object", id="a list"),
        pytest.param(Reply(200, b"null"), "not a JSON object", id="null"),
    ],
)
def test_no_document_is_one_clear_line_and_stops_nothing_else(upstream: Upstream, reply: Reply, says: str) -> None:
    upstream.faults["v1-official-roadmap/herbs"] = [reply, None]
    live = source(upstream)
    with pytest.raises(DocumentError, match=says) as raised:
        live.fetch("herbs")
    assert "\n" not in str(raised.value)
    assert live.fetch("spices").document.encode() == DOCUMENTS["spices"]


@pytest.mark.long
def test_a_document_of_100_000_topics_is_fetched(upstream: Upstream) -> None:
    upstream.documents["herbs"] = document(*map(str, range(100_000)))
    assert len(upstream.documents["herbs"]) < 16 << 20
    assert source(upstream).fetch("herbs").document.encode() == upstream.documents["herbs"]


def test_a_bot_wall_that_opens_is_passed(upstream: Upstream) -> None:
    upstream.faults["v1-official-roadmap/"] = [Reply(403, b"<html>"), Reply(403, b"<html>")]
    assert source(upstream).fetch("herbs").document.encode() == DOCUMENTS["herbs"]


def test_a_bot_wall_that_stays_is_one_clear_line(upstream: Upstream) -> None:
    upstream.faults["/site/"] = [Reply(403, b"<html>"), None]
    with pytest.raises(SourceUnavailable, match="answered 403"):
        source(upstream).listing()
    assert upstream.counted() == {"site": ATTEMPTS}


@pytest.mark.parametrize("body", [b'{"error": "no tree"}', b"null", b"[]"])
def test_no_tree_in_any_form(upstream: Upstream, body: bytes) -> None:
    upstream.trees["herbs"] = body
    assert source(upstream).fetch("herbs").tree in ("", "[]")


def test_a_tree_that_is_none_keeps_the_document_from_being_taken(upstream: Upstream) -> None:
    upstream.trees["herbs"] = b'{"nodes": 1}'
    with pytest.raises(SourceUnavailable, match=r"tree-mapping/herbs .*; expected an array of \{nodeId, text\}"):
        source(upstream).fetch("herbs")


def test_surrogates_and_unknown_ids_in_a_tree_can_be_stored(upstream: Upstream) -> None:
    upstream.trees["herbs"] = b'[{"nodeId": "nobody", "text": "Herbs > \\ud800"}, 7, null]'
    assert source(upstream).fetch("herbs").tree.encode() == upstream.trees["herbs"]


# ---- texts of topics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "description", "links"),
    [
        ({"description": "Green.", "resources": []}, "Green.", []),
        ({"description": None, "resources": None}, "", []),
        (
            {"description": "# Basil\n\nGreen.", "resources": [{"type": "video", "title": "A", "url": "https://a.b/"}]},
            "Green.",
            [("A", "https://a.b/", "video")],
        ),
        (
            {"description": "Green.", "resources": [{"title": "[x](y) <b> \\", "url": "https://a.b/c_(d)"}]},
            "Green.",
            [("[x](y) <b> \\", "https://a.b/c_(d)", "article")],
        ),
        ({"description": "Green.", "resources": [{"type": "video", "title": "No link"}, 7, {"url": 7}]}, "Green.", []),
        (
            {
                "description": "Green.\n\n- [@article@A](https://a.b/)",
                "resources": [{"type": "article", "title": "A", "url": "https://a.b/"}],
            },
            "Green.",
            [("A", "https://a.b/", "article")],
        ),
    ],
)
def test_a_topics_text_reads_as_the_repositorys(
    upstream: Upstream, topic: dict[str, Any], description: str, links: list[tuple[str, str, str]]
) -> None:
    upstream.faults |= {
        "/github/": [Reply(403), None],
        "-topic/herbs/id-Basil": [Reply(body=json.dumps(topic).encode()), None],
    }
    texts = {content.topic_id: content.markdown for content in source(upstream).fetch("herbs").contents}
    content = read_content(texts["id-Basil"])
    assert content.description == description
    assert [(resource.title, resource.url, resource.type) for resource in content.resources] == links


@pytest.mark.parametrize("body", [b"[]", b'{"description": 7}', b"<html>"])
def test_a_topics_text_that_is_none_fails_the_roadmap(upstream: Upstream, body: bytes) -> None:
    upstream.faults |= {"/github/": [Reply(403), None], "-topic/": [Reply(body=body), None]}
    with pytest.raises(SourceUnavailable, match=r"3 texts of herbs cannot be fetched .*expected \{description"):
        source(upstream).fetch("herbs")


def test_ids_of_topics_are_quoted_in_addresses(upstream: Upstream) -> None:
    upstream.documents["herbs"] = DOCUMENTS["herbs"].replace(b"id-Basil", b"../a?b#c/ d")
    upstream.faults["/github/"] = [Reply(403), None]
    source(upstream).fetch("herbs")
    assert "/site/v1-official-roadmap-topic/herbs/..%2Fa%3Fb%23c%2F%20d" in [path for path, _ in upstream.requests]
