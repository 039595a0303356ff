"""The live source against a local server that stands in for its three hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.errors import DocumentError, InvalidSetting, InvalidSlug, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.sources.live import ATTEMPTS, GithubSource
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.listings import Listings
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, TREE, Reply, Upstream

NOW = 1_790_000_000.0


def document(*labels: str) -> bytes:
    nodes = [
        {"id": f"id-{label}", "type": "topic", "position": {"x": 0, "y": 100 * row}, "data": {"label": label}}
        for row, label in enumerate(labels)
    ]
    return json.dumps({"nodes": nodes, "edges": [], "title": {"page": "Herbs"}}).encode()


FILES = {
    "herbs/herbs.json": document("Basil", "Thyme"),
    "herbs/content/basil@id-Basil.md": b"# Basil\n\nGrows in the sun.\n",
    "herbs/content/thyme@id-Thyme.md": b"# Thyme\n\nGrows on stones.\n",
    "spices/spices.json": document("Pepper"),
    "spices/content/pepper@id-Pepper.md": b"# Pepper\n\nHot.\n",
    "trees/content/oak@id-Oak.md": b"# Oak\n\nTall.\n",
}
LIVE = {"herbs": document("Basil", "Thyme", "Mint"), "spices": document("Pepper", "Cumin")}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(FILES, LIVE) as server:
        yield server


@pytest.fixture
def listings(tmp_path: Path) -> Listings:
    return Listings(Warehouse(tmp_path / "roadmaps.duckdb"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source(upstream: Upstream, clock: Clock | None = None, **options: Any) -> GithubSource:
    clock = clock or Clock()
    return GithubSource(**{**upstream.urls, **options}, clock=clock.time, sleep=clock.sleep)


# ---- what is fetched, and in how many requests ---------------------------------------------------------------------


def test_a_first_fetch_takes_a_listing_a_document_and_every_text(upstream: Upstream) -> None:
    snapshot = source(upstream).fetch("herbs")

    assert upstream.counted() == {"github": 1, "roadmap-sh": 1, "raw": 2}
    assert snapshot.document.encode() == LIVE["herbs"]
    assert snapshot.origin == f"{upstream.url}/roadmap-sh/v1-official-roadmap/herbs"
    assert snapshot.source == "github"
    assert [(c.file, c.topic_id, c.markdown) for c in snapshot.contents] == [
        ("basil@id-Basil.md", "id-Basil", "# Basil\n\nGrows in the sun.\n"),
        ("thyme@id-Thyme.md", "id-Thyme", "# Thyme\n\nGrows on stones.\n"),
    ]


def test_an_unchanged_roadmap_costs_a_304_and_a_document(upstream: Upstream, listings: Listings) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    upstream.counted()

    again = source(upstream, listings=listings)

    assert again.fetch("herbs", known=known) == known
    assert "if-none-match" in upstream.requests[0][1]
    assert upstream.counted() == {"github": 1, "roadmap-sh": 1}
    assert list(again.listing()) == ["herbs", "spices", "trees"], "read from the kept listing, as a 304 has no body"


def test_only_what_changed_is_downloaded(upstream: Upstream, listings: Listings) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    listed = source(upstream, listings=listings).listing()
    upstream.files["herbs/content/thyme@id-Thyme.md"] = b"# Thyme\n\nGrows anywhere.\n"
    upstream.counted()

    changed = source(upstream, listings=listings)
    snapshot = changed.fetch("herbs", known=known)

    assert [path[-16:] for path, _ in upstream.requests if path.startswith("/raw/")] == ["hyme@id-Thyme.md"]
    assert upstream.counted() == {"github": 1, "roadmap-sh": 1, "raw": 1}
    assert [c.markdown for c in snapshot.contents] == ["# Basil\n\nGrows in the sun.\n", "# Thyme\n\nGrows anywhere.\n"]
    assert snapshot.version != known.version
    assert {slug for slug, version in changed.listing().items() if listed[slug] != version} == {"herbs"}


def test_files_of_equal_text_are_downloaded_once_and_a_removed_one_is_gone(upstream: Upstream) -> None:
    upstream.files["herbs/content/ocimum@id-Basil.md"] = upstream.files["herbs/content/basil@id-Basil.md"]
    known = source(upstream).fetch("herbs")
    assert len(known.contents) == 3
    assert upstream.counted()["raw"] == 2

    del upstream.files["herbs/content/ocimum@id-Basil.md"]

    assert len(source(upstream).fetch("herbs", known=known).contents) == 2


def test_one_listing_serves_all_roadmaps(upstream: Upstream) -> None:
    live = source(upstream)
    live.listing()
    live.fetch("herbs")
    live.fetch("spices")
    assert upstream.counted()["github"] == 1


def test_names_that_an_address_cannot_hold_are_quoted(upstream: Upstream) -> None:
    upstream.files["herbs/content/c# & d? 100%2F é@id-C.md"] = b"sharp"
    assert "sharp" in [c.markdown for c in source(upstream).fetch("herbs").contents]


def test_progress_counts_the_texts(upstream: Upstream) -> None:
    seen: list[tuple[int, int]] = []
    source(upstream, on_progress=lambda done, total: seen.append((done, total))).fetch("herbs")
    assert seen == [(1, 2), (2, 2)]


# ---- which document ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "requests"),
    [
        pytest.param(Reply(404), 1, id="roadmap.sh has none"),
        pytest.param(Reply(200, b"<html>"), 1, id="a page instead of a document"),
        pytest.param(Reply(200, b'{"nodes": [], "edges": []}'), 1, id="no topics"),
        pytest.param(Reply(200, b'{"mockup": {}}'), 1, id="the old shape"),
        pytest.param(Reply(403), 1, id="refused by a bot wall"),
        pytest.param(Reply(429, headers={"Retry-After": "9000"}), 1, id="a limit that is too long to wait for"),
        pytest.param(Reply(503), ATTEMPTS, id="busy"),
        pytest.param(DROPPED, ATTEMPTS, id="unreachable"),
    ],
)
def test_the_repositorys_document_is_taken_when_the_live_one_fails(
    upstream: Upstream, reply: Reply, requests: int
) -> None:
    upstream.faults["/roadmap-sh/"] = [reply, None]
    snapshot = source(upstream).fetch("herbs")

    assert upstream.counted() == {"github": 1, "roadmap-sh": requests, "raw": 3}
    assert snapshot.document.encode() == FILES["herbs/herbs.json"]
    assert snapshot.origin.endswith("/raw/kamranahmedse/developer-roadmap/master/src/data/roadmaps/herbs/herbs.json")

    source(upstream).fetch("herbs", known=snapshot)
    assert upstream.counted() == {"github": 1}, "the repository's document is known to be unchanged"


def test_roadmap_sh_is_asked_again_when_the_repository_changed(upstream: Upstream) -> None:
    upstream.faults["/roadmap-sh/"] = [Reply(404)]
    known = source(upstream).fetch("herbs")
    upstream.files["herbs/content/basil@id-Basil.md"] = b"new"
    assert source(upstream).fetch("herbs", known=known).document.encode() == LIVE["herbs"]


def test_a_host_that_is_silent_is_not_asked_for_every_roadmap(upstream: Upstream) -> None:
    upstream.faults["/roadmap-sh/"] = [DROPPED, None]
    live = source(upstream)
    live.fetch("herbs")
    live.fetch("spices")
    assert upstream.counted()["roadmap-sh"] == ATTEMPTS


@pytest.mark.parametrize(
    ("slug", "reply", "error", "says"),
    [
        pytest.param("trees", Reply(404), DocumentError, "trees has no document", id="nowhere"),
        pytest.param("trees", Reply(500), SourceUnavailable, "trees has no document", id="perhaps live, later"),
        pytest.param("bare", Reply(404), DocumentError, "holds no topic", id="no topic in the repository's"),
        pytest.param("bare", Reply(500), SourceUnavailable, "holds no topic", id="topics perhaps live, later"),
    ],
)
def test_no_document_is_one_clear_line(
    upstream: Upstream, slug: str, reply: Reply, error: type[Exception], says: str
) -> None:
    upstream.files["bare/bare.json"] = b'{"nodes": [], "edges": []}'
    upstream.faults["/roadmap-sh/"] = [reply, None]
    with pytest.raises(error, match=says) as raised:
        source(upstream).fetch(slug)
    assert "\n" not in str(raised.value)


def test_a_roadmap_that_is_not_there(upstream: Upstream) -> None:
    with pytest.raises(UnknownRoadmap, match=r"herb.*did you mean herbs") as raised:
        source(upstream).fetch("herb")
    assert raised.value.near == ("herbs",)
    assert upstream.counted() == {"github": 1}


def test_a_bad_name_asks_nothing(upstream: Upstream) -> None:
    with pytest.raises(InvalidSlug):
        source(upstream).fetch("../herbs")
    assert upstream.counted() == {}


# ---- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(502), id="busy"),
        pytest.param(DROPPED, id="dropped before an answer"),
        pytest.param(Reply(200, FILES["herbs/content/basil@id-Basil.md"], cut=9), id="dropped in the middle"),
        pytest.param(Reply(200, b"an old version"), id="an old version out of a cache"),
        pytest.param(Reply(404), id="not there yet"),
    ],
)
def test_a_passing_fault_is_tried_again(upstream: Upstream, clock: Clock, reply: Reply) -> None:
    expected = source(upstream).fetch("herbs")
    for part in ("basil", "/roadmap-sh/", "/github/"):
        if part == "basil" or reply in (DROPPED, Reply(502)):
            upstream.faults[part] = [reply]

    assert source(upstream, clock).fetch("herbs") == expected
    assert not any(upstream.faults.values())
    assert set(clock.slept) == {0.5}


def test_a_download_that_stops_half_way_raises_and_changes_nothing(
    upstream: Upstream, clock: Clock, listings: Listings
) -> None:
    known = source(upstream, listings=listings).fetch("herbs")
    upstream.files["herbs/content/basil@id-Basil.md"] = b"new basil"
    upstream.files["herbs/content/thyme@id-Thyme.md"] = b"new thyme"
    upstream.faults["thyme"] = [Reply(200, b"new thyme", cut=4), None]

    with pytest.raises(SourceUnavailable, match=f"thyme.*failed {ATTEMPTS} times.*nothing was changed") as raised:
        source(upstream, clock, listings=listings).fetch("herbs", known=known)
    assert raised.value.retryable
    assert clock.slept == [0.5, 1, 2]

    upstream.faults.clear()
    snapshot = source(upstream, listings=listings).fetch("herbs", known=known)
    assert [c.markdown for c in snapshot.contents] == ["new basil", "new thyme"]


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        pytest.param(
            403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 20:.0f}"}, 21, id="hour is over"
        ),
        pytest.param(
            429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW - 5:.0f}"}, 1, id="is over already"
        ),
        pytest.param(403, {"Retry-After": "30"}, 30, id="secondary limit"),
        pytest.param(429, {"Retry-After": "60"}, 60, id="as long as we wait"),
        pytest.param(429, {"Retry-After": "soon"}, 0.5, id="no number"),
        pytest.param(429, {}, 0.5, id="no time given"),
    ],
)
def test_a_short_limit_is_waited_for(
    upstream: Upstream, clock: Clock, status: int, headers: dict[str, str], wait_s: float
) -> None:
    upstream.faults["/github/"] = [Reply(status, headers=headers)]
    assert "herbs" in source(upstream, clock).listing()
    assert clock.slept == [wait_s]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        pytest.param(
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 1800:.0f}"},
            r"no more requests until 20\d\d-\d\d-\d\d \d\d:\d\d .*GITHUB_TOKEN",
            id="half an hour",
        ),
        pytest.param({"Retry-After": "61"}, "no more requests until", id="a second too long"),
        pytest.param({"Retry-After": "9" * 400}, "refused", id="no time at all"),
        pytest.param({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": f"{NOW:.0f}"}, "refused", id="not the limit"),
        pytest.param({}, "refused", id="no limit named"),
    ],
)
def test_a_long_limit_or_a_refusal_is_told_at_once(
    upstream: Upstream, clock: Clock, headers: dict[str, str], says: str
) -> None:
    upstream.faults["/github/"] = [Reply(403, headers=headers), None]
    with pytest.raises(SourceUnavailable, match=says):
        source(upstream, clock).listing()
    assert clock.slept == []
    assert upstream.counted() == {"github": 1}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>sign in to the network</html>", id="a page"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"message": "moved"}', id="no tree"),
        pytest.param(b'{"tree": [{"path": "herbs/herbs.json"}], "truncated": false}', id="no sha"),
        pytest.param(b'{"tree": [], "truncated": true}', id="cut off"),
    ],
)
def test_a_listing_that_is_none(upstream: Upstream, body: bytes) -> None:
    upstream.faults["/github/"] = [Reply(200, body)]
    with pytest.raises(SourceUnavailable, match="listing"):
        source(upstream).listing()


def test_paths_of_the_listing_are_data(upstream: Upstream) -> None:
    strange = (
        "../etc/etc.json", "A/A.json", "two words/two words.json", "a,b/a,b.json", "/x.json", "herbs/other.json",
        "herbs/content/deep/mint@id.md", "herbs/content/../../spices/content/x@id.md", "herbs/content/picture.png",
    )  # fmt: skip
    plain = source(upstream).listing()
    upstream.files.update(dict.fromkeys(strange, b"data"))
    assert source(upstream).listing() == plain


# ---- the token -----------------------------------------------------------------------------------------------------


def test_the_token_goes_to_github_alone(upstream: Upstream) -> None:
    source(upstream, token="ghp_secret").fetch("herbs")
    sent = {path.split("/")[1]: headers.get("authorization") for path, headers in upstream.requests}
    assert sent == {"github": "Bearer ghp_secret", "roadmap-sh": None, "raw": None}


def test_a_redirect_to_another_host_does_not_carry_the_token(upstream: Upstream) -> None:
    with Upstream(FILES) as elsewhere:
        upstream.faults["/github/"] = [Reply(302, headers={"Location": elsewhere.url + TREE})]
        assert "herbs" in source(upstream, token="ghp_secret").listing()
        ((_, headers),) = elsewhere.requests
        assert "authorization" not in headers


def test_a_refused_token_is_named_and_not_shown(upstream: Upstream) -> None:
    upstream.faults["/github/"] = [Reply(401)]
    with pytest.raises(InvalidSetting, match="GITHUB_TOKEN") as raised:
        source(upstream, token="ghp_secret").listing()
    assert "secret" not in str(raised.value)
    assert upstream.counted() == {"github": 1}


# ---- real data -----------------------------------------------------------------------------------------------------


def test_a_real_roadmap_comes_over_the_wire_as_it_is_on_disk(real_roadmaps: Path, listings: Listings) -> None:
    expected = DirectorySource(real_roadmaps).fetch("engineering-manager")
    with Upstream.of_folder(real_roadmaps) as server:
        live = source(server, listings=listings)
        snapshot = live.fetch("engineering-manager")
        assert server.counted() == {"github": 1, "roadmap-sh": 1, "raw": 134}
        assert replace(snapshot, origin=expected.origin, source=expected.source) == expected
        assert snapshot.version == expected.version
        assert len(live.listing()) == 26

        assert source(server, listings=listings).fetch("engineering-manager", known=snapshot) == snapshot
        assert server.counted() == {"github": 1, "roadmap-sh": 1}

        unusable = {
            "golang": "holds no topic",
            "prompt-engineering": "old shape",
            "devops-beginner": "no document",
        }
        for slug, error in unusable.items():
            with pytest.raises(DocumentError, match=error):
                live.fetch(slug)
