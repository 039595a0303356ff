"""What `doctor` reports, against local servers in place of Gemini, roadmap.sh and GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine
from roadmap_assets_tests.roadmaps.sources.upstream import Reply, Upstream

KEY = "a-key-that-must-not-be-shown"
MODEL = "gemini-3.5-flash-lite"
DOCUMENT = json.dumps(
    {
        "slug": "alpha",
        "nodes": [
            {"id": "a", "type": "topic", "position": {"x": 0, "y": 0}, "width": 9, "height": 9, "data": {"label": "A"}}
        ],
        "edges": [],
    }
).encode()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream({"alpha/content/a@a.md": b"# A\n"}, {"alpha": DOCUMENT}) as upstream:
        yield upstream


@pytest.fixture
def gemini() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(key=KEY, models=(MODEL, "gemini-3.5-flash"))) as simulator:
        yield simulator


@pytest.fixture
def healthy(command_line: CommandLine, upstream: Upstream, gemini: Simulator) -> CommandLine:
    """A command line for which everything works."""
    variables = {**upstream.environment, "GOOGLE_GEMINI_BASE_URL": gemini.url, "GEMINI_API_KEY": KEY}
    return CommandLine(command_line.folder, **variables)


def verdicts(result: Result) -> dict[str, str]:
    """check -> its worst verdict, from the JSON."""
    worst: dict[str, str] = {}
    order = ("skipped", "ok", "warning", "failed")
    for finding in json.loads(result.stdout)["findings"]:
        worst[finding["check"]] = max(worst.get(finding["check"], "skipped"), finding["verdict"], key=order.index)
    return worst


def line_about(result: Result, check: str, part: str) -> str:
    [found] = [text for text in result.stdout.splitlines() if text[2:].startswith(f"{check}:") and part in text]
    return found


def test_where_everything_works_each_check_is_a_line_and_nothing_is_generated(
    healthy: CommandLine, gemini: Simulator
) -> None:
    result = healthy.run("doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    for check in ("settings", "database", "limiter", "key", "model", "github", "roadmap.sh"):
        assert f"✓ {check}:" in result.stdout
    assert "2 models available" in line_about(result, "key", "accepted")
    assert line_about(result, "model", MODEL).startswith("✓")
    assert "4990 of 5000 requests left" in line_about(result, "github", "left")
    assert "alpha: 1 topics, without an official tree" in line_about(result, "roadmap.sh", "topics")
    assert "- dagster:    DAGSTER_HOME is not set" in result.stdout
    assert not [seen for seen in gemini.requests if "generateContent" in seen.path]
    assert KEY not in result.stdout
    assert not healthy.database.exists()


def test_the_json_is_all_that_is_printed(healthy: CommandLine) -> None:
    result = healthy.run("doctor", "--json")
    assert json.loads(result.stdout)["healthy"] is True
    assert set(verdicts(result).values()) == {"ok", "skipped"}


def test_a_database_in_use_is_reported_with_size_and_quota(healthy: CommandLine) -> None:
    healthy.run("scrape", *SAMPLE, "--enrich")
    result = healthy.run("doctor")
    assert result.exit_code == 0
    assert "MB, version" in line_about(result, "database", "writable")
    assert "3 requests today, 497 of 500 left" in line_about(result, "limiter", "today")


@pytest.mark.parametrize(
    ("variables", "check", "part", "status"),
    [
        pytest.param({"ROADMAP_MODLE": "x"}, "settings", "did you mean ROADMAP_MODEL?", 1, id="misspelt setting"),
        pytest.param({"ROADMAP_PROFILE": "none:Such"}, "settings", "cannot be imported", 1, id="profile"),
        pytest.param({"ROADMAP_DB": "/proc/x.duckdb"}, "database", "/proc", 1, id="database"),
        pytest.param({"GEMINI_API_KEY": ""}, "key", "set GEMINI_API_KEY", 1, id="no key"),
        pytest.param({"GEMINI_API_KEY": "wrong-key-of-no-use"}, "key", "check GEMINI_API_KEY", 1, id="wrong key"),
        pytest.param({"ROADMAP_MODEL": "gemini-3.5-flash-light"}, "model", f"did you mean {MODEL}", 1, id="model"),
        pytest.param(
            {"ROADMAP_FALLBACK_MODEL": "gemini-3.5-flash-light"},
            "model",
            "Set ROADMAP_FALLBACK_MODEL",
            1,
            id="fallback model",
        ),
        pytest.param({"GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9"}, "key", "cannot be reached", 1, id="no Gemini"),
        pytest.param({"ROADMAP_GITHUB_API": "http://127.0.0.1:9"}, "github", "failed", 1, id="no GitHub"),
        pytest.param({"ROADMAP_SH_API": "http://127.0.0.1:9"}, "roadmap.sh", "failed", 1, id="no site"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_do(
    healthy: CommandLine, variables: dict[str, str], check: str, part: str, status: int
) -> None:
    result = healthy.run("doctor", **variables)
    assert result.exit_code == status
    assert line_about(result, check, part).startswith("✗")
    assert KEY not in result.stdout
    assert variables.get("GEMINI_API_KEY", "-") in ("", "-") or variables["GEMINI_API_KEY"] not in result.stdout


@pytest.mark.parametrize(
    ("path", "reply", "check", "part"),
    [
        ("/github/rate_limit", Reply(401, b"{}"), "github", "GITHUB_TOKEN is refused"),
        ("/github/rate_limit", Reply(200, b"[]"), "github", "ROADMAP_GITHUB_API"),
        ("/site/v1-list-official-roadmaps", Reply(200, b"<html>"), "roadmap.sh", "ROADMAP_SH_API"),
        ("/site/v1-official-roadmap/alpha", Reply(200, b'{"error": "gone"}'), "roadmap.sh", "no document of alpha"),
        ("/site/v1-roadmap-tree-mapping/alpha", Reply(200, b'{"a": 1}'), "roadmap.sh", "ROADMAP_SH_API"),
    ],
)
def test_an_upstream_of_another_shape_is_named(
    healthy: CommandLine, upstream: Upstream, path: str, reply: Reply, check: str, part: str
) -> None:
    upstream.faults[path] = [reply]
    result = healthy.run("doctor")
    assert result.exit_code == 1
    assert line_about(result, check, part).startswith("✗")


def test_a_rate_limit_that_is_used_up_is_a_warning(healthy: CommandLine, upstream: Upstream) -> None:
    core = {"limit": 60, "remaining": 0, "reset": 1_900_000_000}
    upstream.faults["/github/rate_limit"] = [Reply(200, json.dumps({"resources": {"core": core}}).encode())]
    result = healthy.run("doctor")
    assert result.exit_code == 0
    assert "set GITHUB_TOKEN for a higher limit" in line_about(result, "github", "no requests left")


def test_dagster_is_checked_where_dagster_home_is_set(healthy: CommandLine, tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").touch()
    result = healthy.run("doctor", DAGSTER_HOME=str(home))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "✓ dagster:    the code location roadmap_assets loads" in result.stdout
    assert f"✓ dagster:    instance in {home}, 0 runs" in result.stdout
    assert "! dagster:    no recent heartbeat of: " in result.stdout


def test_a_broken_dagster_home_is_one_line(healthy: CommandLine, tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("storage: {")
    result = healthy.run("doctor", DAGSTER_HOME=str(home))
    assert result.exit_code == 1
    assert "✗ dagster:    the Dagster instance cannot be opened" in result.stdout
    assert "Traceback" not in result.output
