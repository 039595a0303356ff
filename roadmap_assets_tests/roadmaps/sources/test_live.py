"""The live source against a local server in place of its hosts: what is fetched, in how many requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from roadmap_assets.errors import InvalidSlug, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import Addresses
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.sources.host import ATTEMPTS
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.conftest import DOCUMENTS, TREES, document, source
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, FORMER_REPOSITORY, Upstream

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

    assert again.fetch("herbs", known=lambda: known) == known
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
    snapshot = changed.fetch("herbs", known=lambda: known)

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
    snapshot = changed.fetch("herbs", known=lambda: known)

    assert upstream.counted() == {"github": 1, "site": 4}
    assert "Dill" in snapshot.document
    assert {slug for slug, version in changed.listing().items() if listed[slug] != version} == {"herbs"}


def test_a_document_of_unknown_date_is_asked_for_each_time(upstream: Upstream) -> None:
    upstream.entries["herbs"] = {"slug": "herbs"}
    known = source(upstream).fetch("herbs")
    upstream.documents["herbs"] = document("Basil", "Sage")
    assert "Sage" in source(upstream).fetch("herbs", known=lambda: known).document


def test_a_roadmap_without_a_tree(upstream: Upstream) -> None:
    assert source(upstream).fetch("spices").tree == ""


def test_files_of_equal_text_are_downloaded_once_and_a_removed_one_is_gone(upstream: Upstream) -> None:
    upstream.files["herbs/content/ocimum@id-Basil.md"] = upstream.files["herbs/content/basil@id-Basil.md"]
    known = source(upstream).fetch("herbs")
    assert len(known.contents) == 3
    assert upstream.counted()["raw"] == 2

    del upstream.files["herbs/content/ocimum@id-Basil.md"]

    assert len(source(upstream).fetch("herbs", known=lambda: known).contents) == 2


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
    for name in Addresses.__struct_fields__:
        monkeypatch.delenv(f"ROADMAP_{name.upper()}", raising=False)
    monkeypatch.delenv("ROADMAP_SH_API", raising=False)
    settings = Settings()
    assert Addresses(**{name: getattr(settings, name) for name in Addresses.__struct_fields__}) == Addresses()


# ---- a repository that was renamed ---------------------------------------------------------------------------------


def test_a_redirect_is_followed_once_and_then_remembered(upstream: Upstream, listings: Listings) -> None:
    addresses = replace(upstream.addresses, github_repository=FORMER_REPOSITORY)
    states = [source(upstream, addresses=addresses, listings=listings).fetch("herbs")]
    assert upstream.counted() == {"github": 2, "site": 4, "raw": 2}

    upstream.files["herbs/content/basil@id-Basil.md"] = b"new"
    for raw in ({"raw": 1}, {}):
        opened = source(upstream, addresses=addresses, listings=listings)
        states.append(opened.fetch("herbs", known=lambda: states[-1]))
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

        assert source(server, listings=listings).fetch("engineering-manager", known=lambda: snapshot) == snapshot
        assert server.counted() == {"github": 1, "site": 2}
