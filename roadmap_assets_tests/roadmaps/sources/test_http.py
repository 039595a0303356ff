"""Requests of the live source to hosts that are busy, limited, slow, hostile or gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from msgspec.structs import replace

from roadmap_assets.errors import InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.sources.host import ATTEMPTS, FAILURES, Host
from roadmap_assets.roadmaps.sources.http import Client, Limit
from roadmap_assets_tests.roadmaps.sources.conftest import FILES, NOW, Clock, source
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, OFFICIAL, TREE, Reply, Upstream

SMALL = Limit(size=1 << 20, seconds=1.0)


@contextmanager
def host(upstream: Upstream, *, waits: bool = True, setting: str = "ROADMAP_SH_API") -> Iterator[Host]:
    clock = Clock()
    client = Client(waits=waits, clock=clock.time, sleep=clock.sleep)
    try:
        yield Host(client, upstream.url, setting=setting)
    finally:
        client.close()


# ---- rate limits ---------------------------------------------------------------------------------------------------


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
        pytest.param(503, {"Retry-After": "7"}, 7, id="busy, with a time"),
        pytest.param(
            429, {"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 9, UTC), usegmt=True)}, 9, id="a date"
        ),
        pytest.param(429, {"Retry-After": "soon"}, 0.5, id="no number"),
        pytest.param(429, {}, 0.5, id="no time given"),
    ],
)
def test_a_short_limit_is_waited_for_with_a_notice(
    upstream: Upstream, clock: Clock, notices: list[str], status: int, headers: dict[str, str], wait_s: float
) -> None:
    upstream.faults["/github/"] = [Reply(status, headers=headers)]
    assert "herbs" in source(upstream, clock, on_notice=notices.append).listing()
    assert clock.slept == [wait_s]
    assert [f"127.0.0.1 asks to wait {wait_s:.0f} s, until" in notice for notice in notices] == [True] * (wait_s >= 1)


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
def test_a_long_limit_or_a_refusal_is_reported_at_once(
    upstream: Upstream, clock: Clock, headers: dict[str, str], says: str
) -> None:
    upstream.faults["/github/"] = [Reply(403, headers=headers), None]
    live = source(upstream, clock)
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=says):
            live.listing()
    assert clock.slept == []
    assert upstream.counted() == {"site": 2, "github": 1}


def test_one_host_is_waited_for_a_minute_in_all(upstream: Upstream, clock: Clock) -> None:
    upstream.faults["/github/"] = [Reply(429, headers={"Retry-After": "25"}), None]
    with pytest.raises(SourceUnavailable, match="no more requests until"):
        source(upstream, clock).listing()
    assert clock.slept == [25, 25]


def test_downloads_that_are_limited_at_once_wait_once(upstream: Upstream, notices: list[str]) -> None:
    upstream.files |= {f"herbs/content/n@{number}.md": b"%d" % number for number in range(30)}
    upstream.faults["/raw/"] = [Reply(429, headers={"Retry-After": "2"})] * 5
    live = source(upstream, time, on_notice=notices.append)
    assert len(live.fetch("herbs").contents) == 32
    assert 1 <= len(notices) < 5, "not one for each of the downloads that were limited"


def test_nothing_is_waited_for_in_a_tick(upstream: Upstream, clock: Clock) -> None:
    for reply in (Reply(429, headers={"Retry-After": "3"}), Reply(503), DROPPED):
        upstream.faults["/github/"] = [reply, None]
        with pytest.raises(SourceUnavailable):
            source(upstream, clock, waits=False).listing()
        assert upstream.counted() == {"site": 2, "github": 1}
    assert clock.slept == []


def test_one_failing_path_does_not_make_a_host_silent(upstream: Upstream) -> None:
    upstream.faults = {"/bad": [Reply(503), None], "/stale": [Reply(200, b"old"), None]}
    with host(upstream) as here:
        here.get(OFFICIAL, limit=SMALL)
        for _ in range(5):
            for path in ("/bad/1", "/bad/2", "/stale"):
                with pytest.raises(SourceUnavailable):
                    here.get(path, limit=SMALL, fault=lambda answer: "is old" if answer.body == b"old" else "")
        assert len(here.get(OFFICIAL, limit=SMALL).body) > 2


def test_a_host_that_stops_answering_in_the_middle_is_found_out(upstream: Upstream) -> None:
    with host(upstream) as here:
        here.get(OFFICIAL, limit=SMALL)
        upstream.faults["/"] = [DROPPED, None]
        upstream.counted()
        for _ in range(50):
            with pytest.raises(SourceUnavailable):
                here.get(OFFICIAL, limit=SMALL)
    assert len(upstream.requests) == FAILURES * ATTEMPTS


# ---- statuses and redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [204, 400, 404, 409, 413, 418, 422, 451])
def test_a_status_that_was_not_expected_is_one_clear_line(upstream: Upstream, status: int) -> None:
    upstream.faults["/site/v1-list"] = [Reply(status, b"{}"), None]
    with pytest.raises(SourceUnavailable, match=rf"{OFFICIAL} answered {status} with .*; expected an array") as raised:
        source(upstream).listing()
    assert "set ROADMAP_SH_API" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert upstream.counted() == {"site": 1}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(upstream: Upstream, status: int) -> None:
    with Upstream(FILES) as elsewhere:
        upstream.faults["/github/"] = [Reply(status, headers={"Location": elsewhere.url + TREE}), None]
        with pytest.raises(SourceUnavailable, match=r"redirects to another host \(127\.0\.0\.1"):
            source(upstream, token="ghp_secret").listing()
        assert elsewhere.requests == []


@pytest.mark.parametrize("location", [TREE, "/", "", "http://[", "https://", "//", "\x7f"])
def test_redirects_in_a_loop_or_to_nowhere_end(upstream: Upstream, location: str) -> None:
    upstream.faults["/"] = [Reply(302, headers={"Location": location}), None]
    with host(upstream) as here, pytest.raises(SourceUnavailable, match="redirects"):
        here.get(TREE, limit=SMALL)
    assert len(upstream.requests) <= 2


def test_a_token_stays_with_githubs_api(upstream: Upstream) -> None:
    source(upstream, token="ghp_secret").fetch("herbs")
    sent = {path.split("/")[1]: headers.get("authorization") for path, headers in upstream.requests}
    assert sent == {"github": "Bearer ghp_secret", "site": None, "raw": None}


def test_a_refused_token_is_named_and_not_shown(upstream: Upstream) -> None:
    upstream.faults["/github/"] = [Reply(401)]
    with pytest.raises(InvalidSetting, match="GITHUB_TOKEN") as raised:
        source(upstream, token="ghp_secret").listing()
    assert "secret" not in str(raised.value)


# ---- bodies --------------------------------------------------------------------------------------------------------

# ---- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http://[::1", f"http://{'a' * 300}", "http://..", "http://127.0.0.1:99999999999"])
def test_an_unusable_address_names_its_setting(upstream: Upstream, address: str) -> None:
    addresses = replace(upstream.addresses, roadmap_sh_api=address)
    with pytest.raises((InvalidSetting, SourceUnavailable), match=r"ROADMAP_SH_API|failed"):
        source(upstream, addresses=addresses).listing()


def test_a_password_in_an_address_is_not_shown(upstream: Upstream) -> None:
    upstream.faults["/site/"] = [Reply(503), Reply(503), Reply(503), Reply(503), Reply(503), Reply(200, b"<html>")]
    address = upstream.addresses.roadmap_sh_api.replace("//", "//user:hidden@")
    for _ in range(2):
        with pytest.raises(SourceUnavailable) as raised:
            source(upstream, addresses=replace(upstream.addresses, roadmap_sh_api=address)).listing()
        assert "hidden" not in str(raised.value)
    snapshot = source(upstream, addresses=replace(upstream.addresses, roadmap_sh_api=address)).fetch("herbs")
    assert "hidden" not in snapshot.origin


@pytest.mark.parametrize(
    "environment",
    [
        {"ALL_PROXY": "socks5://user:hidden@localhost:1"},
        {"HTTPS_PROXY": "ftp://user:hidden@localhost:1"},
        {"SSL_CERT_FILE": "/nonexistent"},
    ],
)
def test_a_proxy_or_certificate_that_cannot_be_used_is_one_clear_line(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting, match=next(iter(environment))) as raised:
        source(upstream)
    assert "hidden" not in str(raised.value)
