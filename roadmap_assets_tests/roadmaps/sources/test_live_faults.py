"""The live source while one of its hosts is silent, or fails now and then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from msgspec import structs

from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.sources.host import ATTEMPTS
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.conftest import DOCUMENTS, Clock, document, source
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, Reply, Upstream

# ---- a silent site -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [DROPPED, Reply(503), Reply(200, b"<html>"), Reply(403, b"<html>")])
def test_a_known_document_is_used_while_the_site_is_silent(
    upstream: Upstream, notices: list[str], listings: Listings, reply: Reply
) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    known = replace(known, fetched_at=datetime(2026, 9, 1, 12))  # noqa: DTZ001 - as the tables hold it
    upstream.files["herbs/content/thyme@id-Thyme.md"] = b"# Thyme\n\nGrows anywhere.\n"
    upstream.faults["/site/"] = [reply, None]

    snapshot = source(upstream, listings=listings, on_notice=notices.append).fetch("herbs", known=lambda: known)

    assert snapshot.document == known.document
    assert "anywhere" in snapshot.contents[1].markdown
    [notice] = notices
    assert "herbs is the one in the database of 2026-09-01" in notice

    upstream.faults.clear()
    upstream.edit("herbs", document("Basil", "Dill"))
    assert "Dill" in source(upstream, listings=listings).fetch("herbs", known=lambda: snapshot).document


def test_a_roadmap_that_was_never_fetched_needs_the_site(upstream: Upstream) -> None:
    upstream.faults["/site/"] = [Reply(503), None]
    live = source(upstream)
    for _ in range(3):
        with pytest.raises(SourceUnavailable, match=r"herbs was never fetched, and .*/site/.* answered 503") as raised:
            live.fetch("herbs")
        assert raised.value.retryable
        assert "\n" not in str(raised.value)
    assert upstream.counted() == {"site": ATTEMPTS}, "a dead host is found out once"


def test_a_document_may_be_served_where_the_lists_are_not(upstream: Upstream) -> None:
    upstream.faults["/site/v1-list"] = [Reply(404), None]
    assert source(upstream).fetch("herbs").document.encode() == DOCUMENTS["herbs"]


def test_a_document_without_its_tree_is_not_taken(upstream: Upstream) -> None:
    upstream.faults["tree-mapping"] = [Reply(503), None]
    with pytest.raises(SourceUnavailable, match="tree-mapping"):
        source(upstream).fetch("herbs")


def test_the_next_address_of_the_site_is_asked_when_one_is_silent(upstream: Upstream) -> None:
    upstream.faults["/old/"] = [Reply(503), None]
    addresses = structs.replace(upstream.addresses, roadmap_sh_api=f"{upstream.url}/old, {upstream.url}/site")
    assert source(upstream, addresses=addresses).fetch("herbs").document.encode() == DOCUMENTS["herbs"]
    assert upstream.counted() == {"old": ATTEMPTS, "site": 4, "github": 1, "raw": 2}


# ---- a silent GitHub -----------------------------------------------------------------------------------------------

SILENCES = [
    pytest.param("/github/", Reply(403, headers={"Retry-After": "9000"}), id="rate-limited"),
    pytest.param("/github/", DROPPED, id="the API is down"),
    pytest.param("/raw/", Reply(503), id="raw files are down"),
]


@pytest.mark.parametrize(("part", "reply"), SILENCES)
def test_texts_come_from_the_site_until_github_answers(
    upstream: Upstream, notices: list[str], part: str, reply: Reply
) -> None:
    expected = source(upstream).fetch("herbs")
    upstream.counted()
    upstream.faults[part] = [reply, None]

    snapshot = source(upstream, on_notice=notices.append).fetch("herbs")

    texts = {content.topic_id: content for content in snapshot.contents}
    assert sorted(texts) == ["id-Basil", "id-Thyme"], "Mint has no text anywhere"
    assert "Grows in the sun." in texts["id-Basil"].markdown
    assert "(<https://example.org/sun>)" in texts["id-Basil"].markdown
    assert all(content.sha.startswith("roadmap.sh:") for content in snapshot.contents)
    assert len(notices) == 1

    again = source(upstream).fetch("herbs", known=lambda: snapshot)
    assert again == snapshot, "nothing looks changed while GitHub is silent"

    upstream.faults.clear()
    live = source(upstream)
    assert live.listing()["herbs"] != live.version_of(again)
    assert live.fetch("herbs", known=lambda: again).contents == expected.contents


def test_known_texts_stay_while_github_is_silent(upstream: Upstream) -> None:
    known = source(upstream).fetch("herbs")
    upstream.edit("herbs", document("Basil", "Thyme", "Sage"))
    upstream.files["herbs/content/sage@id-Sage.md"] = b"Sage advice."
    upstream.faults["/github/"] = [DROPPED, None]
    upstream.counted()

    snapshot = source(upstream).fetch("herbs", known=lambda: known)

    assert upstream.counted() == {"github": ATTEMPTS, "site": 4 + 1}, "one text is missing in the database"
    assert set(known.contents) < set(snapshot.contents)
    assert "Sage advice." in [content.markdown for content in snapshot.contents]


def test_when_both_fail_nothing_is_changed_unless_texts_may_be_missing(
    upstream: Upstream, notices: list[str], listings: Listings
) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    upstream.files["herbs/content/basil@id-Basil.md"] = b"new basil"
    upstream.files["herbs/content/mint@id-Mint.md"] = b"new mint"
    upstream.faults |= {"basil": [Reply(503), None], "mint@": [Reply(503), None], "-topic/": [Reply(503), None]}

    with pytest.raises(
        SourceUnavailable, match=r"2 texts of herbs .*failed 5 times.*-topic/.*nothing was changed.*--allow-missing"
    ):
        source(upstream, listings=listings).fetch("herbs", known=lambda: known)

    allowed = source(upstream, listings=listings, allow_missing_texts=True, on_notice=notices.append)
    snapshot = allowed.fetch("herbs", known=lambda: known)
    assert snapshot.contents == known.contents
    assert "2 texts of herbs cannot be fetched" in notices[-1]

    upstream.faults.clear()
    texts = [
        content.markdown for content in source(upstream, listings=listings).fetch("herbs", known=lambda: known).contents
    ]
    assert texts[:2] == ["new basil", "new mint"]


# ---- faults that pass ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [Reply(503), DROPPED, Reply(200, b"# Ba", cut=2)], ids=["503", "dropped", "cut"])
def test_every_fifth_request_may_fail(upstream: Upstream, reply: Reply) -> None:
    for number in range(200):
        upstream.files[f"herbs/content/n@{number}.md"] = f"Text {number}".encode()
    expected = source(upstream).fetch("herbs")
    upstream.every[5] = reply
    assert source(upstream).fetch("herbs") == expected


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(502), id="busy"),
        pytest.param(DROPPED, id="dropped before an answer"),
        pytest.param(Reply(200, b"# Basil\n\nGrows", cut=9), id="dropped in the middle"),
        pytest.param(Reply(200, b"an old version"), id="an old version out of a cache"),
        pytest.param(Reply(404), id="not there yet"),
    ],
)
def test_a_passing_fault_is_tried_again(upstream: Upstream, clock: Clock, reply: Reply) -> None:
    expected = source(upstream).fetch("herbs")
    for part in ("basil", "/site/", "/github/"):
        if part == "basil" or reply in (DROPPED, Reply(502)):
            upstream.faults[part] = [reply]

    assert source(upstream, clock).fetch("herbs") == expected
    assert not any(upstream.faults.values())
    assert set(clock.slept) == {0.5}
