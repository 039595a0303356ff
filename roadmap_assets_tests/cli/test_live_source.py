"""The live source from the command line, against a local server in place of its hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_assets_tests.cli.command_line import CommandLine, line
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, Reply, Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Three roadmaps of our own."""
    files: dict[str, bytes] = {}
    documents: dict[str, bytes] = {}
    for slug in ("alpha", "beta", "gamma"):
        nodes = [
            {"id": f"{slug}{n}", "type": "topic", "position": {"x": 0, "y": 99 * n}, "data": {"label": f"Topic {n}"}}
            for n in range(3)
        ]
        documents[slug] = json.dumps({"slug": slug, "title": {"page": slug}, "nodes": nodes, "edges": []}).encode()
        for n in range(3):
            files[f"{slug}/content/topic-{n}@{slug}{n}.md"] = f"# Topic {n}\n\nAbout {slug} {n}.\n".encode()
    with Upstream(files, documents) as upstream:
        yield upstream


@pytest.fixture
def live(command_line: CommandLine, upstream: Upstream) -> CommandLine:
    """A command line without ROADMAP_SOURCE, so that the live source is the default."""
    return CommandLine(command_line.folder, **upstream.environment)


def test_the_list_takes_two_requests(live: CommandLine, upstream: Upstream) -> None:
    assert live.run("scrape", "--list").stdout == "alpha\nbeta\ngamma\n"
    assert upstream.counted() == {"site": 2}
    assert live.run("scrape", "--list", "-v").stdout.splitlines()[0] == "alpha  (Alpha Developer, role)"


def test_the_second_run_asks_whether_anything_changed_and_no_more(live: CommandLine, upstream: Upstream) -> None:
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert upstream.counted() == {"github": 1, "site": 4, "raw": 3}
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert upstream.counted() == {"github": 1, "site": 2}
    assert live.csv()[0]["Description"] == "About alpha 0."


def test_the_menu_is_of_the_live_roadmaps(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--interactive", typed="beta\n")
    assert result.exit_code == 0
    assert "roadmap_beta_" in line(result, "Written:")


def test_all_topics_take_one_listing(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("topics", "--output", "topics.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert upstream.counted() == {"github": 1, "site": 2 + 3 * 2, "raw": 9}


def test_where_the_document_came_from_is_told(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--roadmap", "alpha", "-v")
    assert line(result, "Fetched alpha from").startswith(f"{upstream.url}/site/v1-official-roadmap/alpha")


def test_an_unknown_roadmap_is_named_with_the_nearest(live: CommandLine) -> None:
    result = live.run("scrape", "--roadmap", "alpah")
    assert result.exit_code == 1
    assert result.stderr == "Error: the source live has no roadmap 'alpah'; did you mean alpha?\n"


def test_a_roadmap_without_any_document_is_left_out_of_all(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults["v1-official-roadmap/gamma"] = [Reply(200, b'{"error": "not found"}')]
    result = live.run("topics", "--output", "topics.jsonl")
    assert result.exit_code == 3
    assert "no document of gamma" in line(result, "Left out:")
    assert "(6 rows)" in line(result, "Written:")


def test_a_vanished_roadmap_keeps_its_last_state_and_the_run_says_so(live: CommandLine, upstream: Upstream) -> None:
    live.run("scrape", "--roadmap", "alpha")
    del upstream.documents["alpha"]
    result = live.run("scrape", "--roadmap", "alpha")
    assert (result.exit_code, result.stderr) == (
        0,
        "Note: alpha is no longer in the source live; its last state is used.\n",
    )
    assert len(live.csv()) == 3


def test_an_upstream_that_is_not_there_is_one_line(live: CommandLine) -> None:
    result = live.run("scrape", "--roadmap", "alpha", ROADMAP_SH_API="http://127.0.0.1:9")
    assert result.exit_code == 1
    [error] = result.stderr.splitlines()
    assert "127.0.0.1:9" in error
    assert "try again later" in error
    assert result.stdout == ""


def test_a_long_rate_limit_is_told_with_its_end(live: CommandLine, upstream: Upstream) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}
    upstream.faults |= {"trees": [Reply(403, b"rate limit", headers), None], "/site/": [Reply(503), None]}
    result = live.run("scrape", "--list")
    assert result.exit_code == 1
    assert "2100-01-01" in result.stderr or "2099-12-31" in result.stderr
    assert "GITHUB_TOKEN" in result.stderr


def test_a_download_that_stops_leaves_the_last_good_state(live: CommandLine, upstream: Upstream) -> None:
    live.run("scrape", "--roadmap", "alpha")
    before = live.sql("SELECT file, sha FROM raw_contents ORDER BY ALL")
    for path in [path for path in upstream.files if path.startswith("alpha/content/")]:
        upstream.files[path] += b"More.\n"
    upstream.faults |= {"topic-2": [DROPPED, None], "roadmap-topic/": [DROPPED, None]}
    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 1
    assert "topic-2" in result.stderr
    assert live.sql("SELECT file, sha FROM raw_contents ORDER BY ALL") == before
    upstream.faults.clear()
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert live.sql("SELECT count(*) FROM raw_contents WHERE markdown LIKE '%More.%'") == [(3,)]


def test_the_token_goes_to_github_and_nowhere_else(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--roadmap", "alpha", "-v", GITHUB_TOKEN="secret-token")
    sent = {path.split("/")[1] for path, headers in upstream.requests if "secret-token" in str(headers)}
    assert sent == {"github"}
    assert "secret-token" not in result.output
    assert b"secret-token" not in b"".join(p.read_bytes() for p in Path(".cache").iterdir() if p.is_file())


def test_a_real_roadmap_from_the_live_source_is_the_one_on_disk(
    live: CommandLine, command_line: CommandLine, real_roadmaps: Path
) -> None:
    with Upstream.of_folder(real_roadmaps, "engineering-manager") as upstream:
        arguments = ("scrape", "--roadmap", "engineering-manager", "--output", "live.csv")
        live.run(*arguments, **upstream.environment)
    command_line.run("scrape", "--source", real_roadmaps, "--roadmap", "engineering-manager", "--output", "disk.csv")
    assert Path("live.csv").read_bytes() == Path("disk.csv").read_bytes()
