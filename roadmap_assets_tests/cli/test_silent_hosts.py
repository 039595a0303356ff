"""The live source from the command line while one of its hosts is silent, limited or gone."""

from __future__ import annotations

import re

import pytest

from roadmap_assets.roadmaps.sources import host
from roadmap_assets_tests.cli.command_line import CommandLine, line
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, Reply, Upstream


def test_a_new_roadmap_needs_the_site_and_a_known_one_does_not(live: CommandLine, upstream: Upstream) -> None:
    live.run("scrape", "--roadmap", "alpha")
    before = live.csv()
    upstream.faults["/site/"] = [Reply(429, headers={"Retry-After": "9000"}), None]

    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 0
    [note] = result.stderr.splitlines()
    assert re.search(r"^Note: .* no more requests until .*alpha is the one in the database of 20\d\d-", note)
    assert live.csv() == before

    result = live.run("scrape", "--list")
    assert result.stdout == "alpha\nbeta\ngamma\n"
    assert "folders of its repository" in result.stderr

    upstream.faults["/site/"] = [Reply(503), None]
    result = live.run("scrape", "--roadmap", "beta")
    assert (result.exit_code, result.stdout) == (1, "")
    [error] = result.stderr.splitlines()
    assert re.search(r"^Error: the roadmap beta was never fetched, and .*/site/.* answered 503", error)


def test_texts_come_from_the_site_while_github_is_down(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults["/github/"] = [DROPPED, None]
    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 0
    assert "roadmap.sh's where it has none" in result.stderr
    assert [row["Description"] for row in live.csv()] == [f"About alpha {n}." for n in range(3)]
    counted = upstream.counted()
    assert (counted["site"], counted.get("raw")) == (4 + 3, None)

    upstream.faults.clear()
    assert live.run("scrape", "--roadmap", "alpha").stderr == ""
    assert upstream.counted() == {"site": 2, "github": 1, "raw": 3}
    assert live.sql("SELECT count(*) FROM raw_contents WHERE sha LIKE 'roadmap.sh:%'") == [(0,)]


def test_missing_texts_are_allowed_by_an_option_or_a_setting(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults = {"topic-1@": [Reply(404), None], "roadmap-topic/": [Reply(404), None]}
    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 1
    assert "1 text of alpha cannot be fetched" in result.stderr
    assert "--allow-missing-texts" in result.stderr
    assert live.sql("SELECT count(*) FROM raw_roadmaps") == [(0,)]
    for option, setting in ((["--allow-missing-texts"], {}), ([], {"ROADMAP_ALLOW_MISSING_TEXTS": "1"})):
        result = live.run("scrape", "--roadmap", "alpha", *option, **setting)
        assert result.exit_code == 0
        assert [row["Description"] for row in live.csv()] == ["About alpha 0.", "", "About alpha 2."]
        live.sql("DELETE FROM raw_roadmaps")


def test_a_short_rate_limit_is_waited_for_with_a_note(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults["/github/"] = [Reply(429, headers={"Retry-After": "1"})]
    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 0
    assert line(result, "Note: 127.0.0.1 asks to wait 1 s, until").endswith("…")


def test_a_dead_host_is_found_out_once_for_all_roadmaps(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults["/site/"] = [Reply(503), None]
    result = live.run("topics", "--output", "topics.jsonl")
    assert result.exit_code == 1
    assert len([text for text in result.stderr.splitlines() if "was never fetched, and" in text]) == 3
    assert upstream.counted() == {"site": host.ATTEMPTS, "github": 1}


def test_the_former_name_of_the_source_still_works(live: CommandLine) -> None:
    result = live.run("scrape", "--list", "--source", "github")
    assert result.stdout == "alpha\nbeta\ngamma\n"
    assert result.stderr.startswith("Note: The source github is called live now")


@pytest.mark.parametrize(
    "environment",
    [
        {"ALL_PROXY": "socks5://user:hidden@localhost:1"},
        {"SSL_CERT_FILE": "/nonexistent"},
        {"ROADMAP_SH_API": "http://user:hidden@[::1"},
    ],
)
def test_an_unusable_environment_is_one_line_before_any_request(
    live: CommandLine, upstream: Upstream, environment: dict[str, str]
) -> None:
    result = live.run("scrape", "--roadmap", "alpha", **environment)
    assert result.exit_code == 2
    [error] = result.stderr.splitlines()
    assert next(iter(environment)) in error
    assert "hidden" not in error
    assert upstream.requests == []
