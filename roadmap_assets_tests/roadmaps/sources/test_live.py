"""The live source against a local server in place of its hosts: what is fetched, in how many requests."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from roadmap_assets.errors import InvalidSlug, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import Addresses
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.sources.host import ATTEMPTS
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.conftest import DOCUMENTS, TREES, Clock, document, source
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, FORMER_REPOSITORY, Reply, Upstream

# ---- the catalogue -------------------------------------------------------------------------------------------------


def test_the_catalogue_is_both_lists_in_two_requests(upstream: Upstream) -> None:
    catalogue = source(upstream).catalogue()

    assert upstream.counted() == {"site": 2}
    assert list(catalogue) == ["herbs", "spices", "trees-beginner"]
    assert (catalogue["herbs"].title, catalogue["spices"].title) == ("Herbs Developer", "Spices")
    assert {entry.type for entry in catalogue.values()} == {"role"}


def test_the_repositorys_folders_are_the_catalogue_while_the_site_is_silent(
    upstream: Upstream, notices: list[str]
) -> None:
    upstream.faults["/site/"] = [DROPPED, None]
    assert list(source(upstream, on_notice=notices.append).catalogue()) == ["herbs", "spices", "trees-beginner"]
    assert upstream.counted() == {"site": ATTEMPTS, "github": 1}, "the second list is not asked for"
    [notice] = notices
    assert "folders of its repository" in notice


def test_nothing_is_listed_when_neither_answers(upstream: Upstream) -> None:
    upstream.faults["/"] = [DROPPED, None]
    with pytest.raises(SourceUnavailable, match=r"site/v1-list.*; and .*github/repos"):
        source(upstream).catalogue()


# ---- what is fetched, and in how many requests ---------------------------------------------------------------------


def test_a_first_fetch_takes_lists_listing_document_tree_and_texts(upstream: Upstream) -> None:
    snapshot = source(upstream).fetch("herbs")

    assert upstream.counted() == {"github": 1, "site": 4, "raw": 2}
    assert snapshot.document.encode() == DOCUMENTS["herbs"]
    assert snapshot.tree.encode() == TREES["herbs"]
    assert snapshot.origin == f"{upstream.url}/site/v1-official-roadmap/herbs"
    assert snapshot.source == "live"
    assert [(c.file, c.topic_id, c.markdown[:7]) for c in snapshot.contents] == [
        ("basil@id-Basil.md", "id-Basil", "# Basil"),
        ("thyme@id-Thyme.md", "id-Thyme", "# Thyme"),
    ]


def test_an_unchanged_roadmap_costs_the_lists_and_a_304(upstream: Upstream, listings: Listings) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    upstream.counted()

    again = source(upstream, listings=listings)

    assert again.fetch("herbs", known=known) == known
    conditional = [headers for path, headers in upstream.requests if path.startswith("/github/")]
    assert ["if-none-match" in headers for headers in conditional] == [True]
    assert upstream.counted() == {"github": 1, "site": 2}
    assert again.listing()["herbs"] == again.version_of(known)
    assert upstream.counted() == {}


def test_only_changed_texts_are_downloaded(upstream: Upstream, listings: Listings) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    listed = source(upstream, listings=listings).listing()
    upstream.files["herbs/content/thyme@id-Thyme.md"] = b"# Thyme\n\nGrows anywhere.\n"
    upstream.counted()

    changed = source(upstream, listings=listings)
    snapshot = changed.fetch("herbs", known=known)

    assert [path[-16:] for path, _ in upstream.requests if path.startswith("/raw/")] == ["hyme@id-Thyme.md"]
    assert upstream.counted() == {"github": 1, "site": 2, "raw": 1}
    assert snapshot.contents[1].markdown == "# Thyme\n\nGrows anywhere.\n"
    assert snapshot.version != known.version
    assert {slug for slug, version in changed.listing().items() if listed[slug] != version} == {"herbs"}


def test_an_edited_document_is_downloaded_with_its_tree(upstream: Upstream, listings: Listings) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    listed = source(upstream, listings=listings).listing()
    upstream.edit("herbs", document("Basil", "Thyme", "Dill"))
    upstream.counted()

    changed = source(upstream, listings=listings)
    snapshot = changed.fetch("herbs", known=known)

    assert upstream.counted() == {"github": 1, "site": 4}
    assert "Dill" in snapshot.document
    assert {slug for slug, version in changed.listing().items() if listed[slug] != version} == {"herbs"}


def test_a_document_of_unknown_date_is_asked_for_each_time(upstream: Upstream) -> None:
    upstream.entries["herbs"] = {"slug": "herbs"}
    known = source(upstream).fetch("herbs")
    upstream.documents["herbs"] = document("Basil", "Sage")
    assert "Sage" in source(upstream).fetch("herbs", known=known).document


def test_a_roadmap_without_a_tree(upstream: Upstream) -> None:
    assert source(upstream).fetch("spices").tree == ""


def test_files_of_equal_text_are_downloaded_once_and_a_removed_one_is_gone(upstream: Upstream) -> None:
    upstream.files["herbs/content/ocimum@id-Basil.md"] = upstream.files["herbs/content/basil@id-Basil.md"]
    known = source(upstream).fetch("herbs")
    assert len(known.contents) == 3
    assert upstream.counted()["raw"] == 2

    del upstream.files["herbs/content/ocimum@id-Basil.md"]

    assert len(source(upstream).fetch("herbs", known=known).contents) == 2


def test_lists_and_listing_serve_all_roadmaps(upstream: Upstream) -> None:
    live = source(upstream)
    live.listing()
    live.fetch("herbs")
    live.fetch("spices")
    assert upstream.counted() == {"github": 1, "site": 2 + 2 * 2, "raw": 3}


def test_names_that_an_address_cannot_hold_are_quoted(upstream: Upstream) -> None:
    upstream.files["herbs/content/c# & d? 100%2F é@id-C.md"] = b"sharp"
    assert "sharp" in [c.markdown for c in source(upstream).fetch("herbs").contents]


def test_progress_counts_the_texts(upstream: Upstream) -> None:
    seen: list[tuple[int, int]] = []
    source(upstream, on_progress=lambda done, total: seen.append((done, total))).fetch("herbs")
    assert seen == [(1, 2), (2, 2)]


def test_a_roadmap_that_is_not_there(upstream: Upstream) -> None:
    with pytest.raises(UnknownRoadmap, match=r"herb.*did you mean herbs") as raised:
        source(upstream).fetch("herb")
    assert raised.value.near == ("herbs",)
    assert upstream.counted() == {"site": 2}


def test_a_bad_name_asks_nothing(upstream: Upstream) -> None:
    with pytest.raises(InvalidSlug):
        source(upstream).fetch("../herbs")
    assert upstream.counted() == {}


def test_the_addresses_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Addresses.__slots__:
        monkeypatch.delenv(f"ROADMAP_{name.upper()}", raising=False)
    monkeypatch.delenv("ROADMAP_SH_API", raising=False)
    settings = Settings()
    assert Addresses(**{name: getattr(settings, name) for name in Addresses.__slots__}) == Addresses()


# ---- a silent site -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [DROPPED, Reply(503), Reply(200, b"<html>"), Reply(403, b"<html>")])
def test_a_known_document_is_used_while_the_site_is_silent(
    upstream: Upstream, notices: list[str], listings: Listings, reply: Reply
) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    known = replace(known, fetched_at=datetime(2026, 9, 1, 12))  # noqa: DTZ001 - as the tables hold it
    upstream.files["herbs/content/thyme@id-Thyme.md"] = b"# Thyme\n\nGrows anywhere.\n"
    upstream.faults["/site/"] = [reply, None]

    snapshot = source(upstream, listings=listings, on_notice=notices.append).fetch("herbs", known=known)

    assert snapshot.document == known.document
    assert "anywhere" in snapshot.contents[1].markdown
    [notice] = notices
    assert "herbs is the one in the database of 2026-09-01" in notice

    upstream.faults.clear()
    upstream.edit("herbs", document("Basil", "Dill"))
    assert "Dill" in source(upstream, listings=listings).fetch("herbs", known=snapshot).document


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
    addresses = replace(upstream.addresses, roadmap_sh_api=f"{upstream.url}/old, {upstream.url}/site")
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

    again = source(upstream).fetch("herbs", known=snapshot)
    assert again == snapshot, "nothing looks changed while GitHub is silent"

    upstream.faults.clear()
    live = source(upstream)
    assert live.listing()["herbs"] != live.version_of(again)
    assert live.fetch("herbs", known=again).contents == expected.contents


def test_known_texts_stay_while_github_is_silent(upstream: Upstream) -> None:
    known = source(upstream).fetch("herbs")
    upstream.edit("herbs", document("Basil", "Thyme", "Sage"))
    upstream.files["herbs/content/sage@id-Sage.md"] = b"Sage advice."
    upstream.faults["/github/"] = [DROPPED, None]
    upstream.counted()

    snapshot = source(upstream).fetch("herbs", known=known)

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
        source(upstream, listings=listings).fetch("herbs", known=known)

    allowed = source(upstream, listings=listings, allow_missing_texts=True, on_notice=notices.append)
    snapshot = allowed.fetch("herbs", known=known)
    assert snapshot.contents == known.contents
    assert "2 texts of herbs cannot be fetched" in notices[-1]

    upstream.faults.clear()
    texts = [content.markdown for content in source(upstream, listings=listings).fetch("herbs", known=known).contents]
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


# ---- a repository that was renamed ---------------------------------------------------------------------------------


def test_a_redirect_is_followed_once_and_then_remembered(upstream: Upstream, listings: Listings) -> None:
    addresses = replace(upstream.addresses, github_repository=FORMER_REPOSITORY)
    known = source(upstream, addresses=addresses, listings=listings).fetch("herbs")
    assert upstream.counted() == {"github": 2, "site": 4, "raw": 2}

    upstream.files["herbs/content/basil@id-Basil.md"] = b"new"
    for raw in ({"raw": 1}, {}):
        known = source(upstream, addresses=addresses, listings=listings).fetch("herbs", known=known)
        assert not any(FORMER_REPOSITORY in path for path, _ in upstream.requests)
        assert upstream.counted() == {"github": 1, "site": 2, **raw}


# ---- real data -----------------------------------------------------------------------------------------------------


def test_a_real_roadmap_comes_over_the_wire_as_it_is_on_disk(real_roadmaps: Path, listings: Listings) -> None:
    expected = DirectorySource(real_roadmaps).fetch("engineering-manager")
    with Upstream.of_folder(real_roadmaps) as server:
        live = source(server, listings=listings)
        snapshot = live.fetch("engineering-manager")
        assert server.counted() == {"github": 1, "site": 4, "raw": 134}
        assert (snapshot.document, snapshot.contents) == (expected.document, expected.contents)
        assert snapshot.version == expected.version
        assert len(live.catalogue()) == 25
        assert json.loads(snapshot.document)["nodes"]

        assert source(server, listings=listings).fetch("engineering-manager", known=snapshot) == snapshot
        assert server.counted() == {"github": 1, "site": 2}
