"""The repository's listing: its paths are data, its redirects are remembered, its layout may change."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.sources.base import blob_sha
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.conftest import source
from roadmap_assets_tests.roadmaps.sources.upstream import FORMER_REPOSITORY, TREE, Reply, Upstream

SHA = blob_sha(b"x")


def listing(*entries: Any) -> Reply:
    usable = {"path": "herbs/content/x@id-Basil.md", "sha": SHA}
    return Reply(body=json.dumps({"tree": [usable, *entries], "truncated": False}).encode())


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(404, b'{"message": "Not Found"}'), id="not there"),
        pytest.param(Reply(body=b"<html>sign in to the network</html>"), id="a page"),
        pytest.param(Reply(body=b"[]"), id="a list"),
        pytest.param(Reply(body=b'{"message": "moved"}'), id="no tree"),
        pytest.param(Reply(body=b'{"tree": {}}'), id="a tree of another shape"),
        pytest.param(Reply(body=b'{"tree": [], "truncated": false}'), id="empty"),
        pytest.param(Reply(body=b'{"tree": [{"path": "herbs/herbs.json"}], "truncated": false}'), id="no texts"),
        pytest.param(Reply(body=b'{"tree": [], "truncated": true}'), id="truncated"),
    ],
)
def test_a_layout_that_is_not_understood_names_address_expectation_and_setting(
    upstream: Upstream, reply: Reply
) -> None:
    upstream.faults["/github/"] = [reply]
    with pytest.raises(SourceUnavailable) as raised:
        source(upstream).listing()
    text = str(raised.value)
    assert f"{upstream.url}{TREE} answered {reply.status} with " in text
    assert "expected the files of every roadmap as a git tree" in text
    assert "set ROADMAP_GITHUB_REPOSITORY, ROADMAP_GITHUB_BRANCH or ROADMAP_GITHUB_FOLDER" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "path",
    ["A/content/x@1.md", "two words/content/x@1.md", "a,b/content/x@1.md", "/x.md", "herbs/other.json", "herbs/x@1.md",
     "herbs/content/deep/mint@1.md", "herbs/content/picture.png", "herbs/text/x@1.md"],
)  # fmt: skip
def test_other_files_are_left_out(upstream: Upstream, notices: list[str], path: str) -> None:
    upstream.faults["/github/"] = [listing({"path": path, "sha": SHA})]
    upstream.files = {"herbs/content/x@id-Basil.md": b"x"}
    [content] = source(upstream, on_notice=notices.append).fetch("herbs").contents
    assert content.markdown == "x"
    assert notices == []


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"path": "herbs/content/../../spices/content/x@1.md", "sha": SHA}, id="leaves the folder"),
        pytest.param({"path": "../content/x@1.md", "sha": SHA}, id="leaves the repository"),
        pytest.param({"path": "herbs/content/\ud800@1.md", "sha": SHA}, id="half a surrogate pair"),
        pytest.param({"path": "herbs/content/a\nb@1.md", "sha": SHA}, id="two lines"),
        pytest.param({"path": "herbs/content/x@1.md", "sha": "abc"}, id="no sha"),
        pytest.param({"path": "herbs/content/x@1.md"}, id="without a sha"),
        pytest.param({"path": 7, "sha": SHA}, id="no path"),
        pytest.param({"path": "herbs/content/x@1.md", "sha": SHA, "mode": "120000"}, id="a symbolic link"),
        pytest.param(7, id="no entry"),
        pytest.param(None, id="null"),
    ],
)
def test_malformed_entries_are_skipped_and_counted(upstream: Upstream, notices: list[str], entry: Any) -> None:
    upstream.faults["/github/"] = [listing(entry, entry)]
    upstream.files = {"herbs/content/x@id-Basil.md": b"x"}
    assert len(source(upstream, on_notice=notices.append).fetch("herbs").contents) == 1
    [notice] = notices
    assert notice.startswith("2 malformed entries of GitHub's listing skipped")


def test_a_kept_listing_that_cannot_be_read_is_asked_for_again(upstream: Upstream, listings: Listings) -> None:
    source(upstream, listings=listings).listing()
    key = upstream.url + TREE
    for body in ("", "[]", "{}", '{"path": 1, "files": [1]}', '[["herbs/content/x@1.md", "abc"]]'):
        listings.save(key, '"old"', body)
        assert "herbs" in source(upstream, listings=listings).listing()
        assert "if-none-match" not in upstream.requests[-1][1]


def test_a_remembered_redirect_that_ends_is_forgotten(upstream: Upstream, listings: Listings) -> None:
    addresses = structs.replace(upstream.addresses, github_repository=FORMER_REPOSITORY)
    source(upstream, addresses=addresses, listings=listings).listing()
    upstream.counted()
    upstream.faults["nilbuild"] = [Reply(404), None]
    upstream.faults["kamranahmedse"] = [listing()]
    assert "herbs" in source(upstream, addresses=addresses, listings=listings).listing()
    assert upstream.counted() == {"site": 2, "github": 2}


@pytest.mark.parametrize("location", ["/github/repositories/1/git/trees/x?recursive=1", TREE])
def test_a_redirect_by_name_or_by_number_is_remembered(upstream: Upstream, listings: Listings, location: str) -> None:
    addresses = structs.replace(upstream.addresses, github_repository=FORMER_REPOSITORY)
    upstream.faults["kamranahmedse/developer-roadmap/git"] = [Reply(301, headers={"Location": location})]
    if "repositories" in location:
        upstream.faults["/repositories/"] = [replace(listing(), headers={"ETag": '"1"'}), Reply(304)]
        upstream.files = {"herbs/content/x@id-Basil.md": b"x"}
    first = source(upstream, addresses=addresses, listings=listings).fetch("herbs")
    upstream.counted()
    assert source(upstream, addresses=addresses, listings=listings).fetch("herbs", known=lambda: first) == first
    assert upstream.counted() == {"site": 2, "github": 1}
