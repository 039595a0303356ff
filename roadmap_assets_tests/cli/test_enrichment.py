"""What enriching takes and leaves behind: calls, rows, exit status; alone, again, interrupted, and two at once."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from roadmap_assets.simulator.faults import FaultPlan, Finish, Garble, Hang, Rule, Status
from roadmap_assets.simulator.server import SeenRequest, Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine, line

ROADMAP = "engineering-manager"
TOPICS = 134

PLACED = "SELECT topic_id, topic, description, path FROM topics"


def asking(server: Simulator) -> dict[str, str]:
    return {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": "a-key"}


@pytest.fixture
def server() -> Iterator[Simulator]:
    """Admits 15 requests a minute."""
    with Simulator(SimulatorOptions(rpm=15, latency_s=0.05)) as simulator:
        yield simulator


@pytest.fixture
def source(tmp_path: Path, real_roadmaps: Path) -> Path:
    """A copy of a real roadmap that a test may change."""
    shutil.copytree(real_roadmaps / ROADMAP, tmp_path / "source" / ROADMAP)
    return tmp_path / "source"


def enrich(command_line: CommandLine, server: Simulator, source: Path) -> tuple[Result, list[SeenRequest]]:
    """Run, and return what the server saw of it."""
    before = len(server.requests)
    result = command_line.run("scrape", "--source", source, "--roadmap", ROADMAP, "--enrich", **asking(server))
    return result, server.requests[before:]


# ---- calls


def test_a_first_run_takes_the_least_number_of_calls_and_answers_every_row(
    command_line: CommandLine, server: Simulator, real_roadmaps: Path
) -> None:
    result, seen = enrich(command_line, server, real_roadmaps)
    assert result.exit_code == 0
    assert [request.status for request in seen] == [200] * 7
    rows = command_line.csv()
    assert len(rows) == TOPICS
    assert all(row["TLDR"] and row["Challenge"] for row in rows)
    assert command_line.sql("SELECT count(*) FROM simulated_roadmaps WHERE tldr <> '' AND status = 'enriched'") == [
        (TOPICS,)
    ]


def test_its_calls_are_in_flight_at_once(command_line: CommandLine, real_roadmaps: Path) -> None:
    with Simulator(SimulatorOptions(rpm=15, latency_s=0.5)) as server:
        _, seen = enrich(command_line, server, real_roadmaps)
    first_answer = min(request.finished_at or 0.0 for request in seen)
    assert all(request.at < first_answer for request in seen)


def test_the_second_run_asks_nothing(command_line: CommandLine, server: Simulator, real_roadmaps: Path) -> None:
    enrich(command_line, server, real_roadmaps)
    first = command_line.csv()
    result, seen = enrich(command_line, server, real_roadmaps)
    assert (result.exit_code, seen) == (0, [])
    assert line(result, "Cache hits: 134/134") == "(100.0%)"
    assert command_line.csv() == first


def test_one_changed_description_is_one_call_with_one_topic(
    command_line: CommandLine, server: Simulator, source: Path
) -> None:
    enrich(command_line, server, source)
    text = max((source / ROADMAP / "content").iterdir(), key=lambda path: path.stat().st_size)
    text.write_text(text.read_text("utf-8").replace("\n\n", "\n\nThis is new. ", 1), "utf-8")
    result, [call] = enrich(command_line, server, source)
    assert result.exit_code == 0
    [topic] = call.topics
    [(name,)] = command_line.sql(f"SELECT topic FROM topics WHERE '{text.stem}' LIKE '%@' || topic_id")
    assert topic == name


def test_sixty_rows_taken_out_of_the_cache_are_three_calls(
    command_line: CommandLine, server: Simulator, real_roadmaps: Path
) -> None:
    enrich(command_line, server, real_roadmaps)
    command_line.sql("DELETE FROM enrichments WHERE key IN (SELECT key FROM enrichments ORDER BY key LIMIT 60)")
    _, seen = enrich(command_line, server, real_roadmaps)
    assert [len(request.topics) for request in seen] == [20, 20, 20]


def test_without_the_database_everything_is_asked_again(
    command_line: CommandLine, server: Simulator, real_roadmaps: Path
) -> None:
    enrich(command_line, server, real_roadmaps)
    command_line.database.unlink()
    _, seen = enrich(command_line, server, real_roadmaps)
    assert len(seen) == 7


def test_a_changed_document_yields_only_the_topics_concerned(
    command_line: CommandLine, server: Simulator, source: Path
) -> None:
    """Three labels and two texts: those topics, and the ones whose path holds a changed label."""
    enrich(command_line, server, source)
    before = {str(row[0]): row for row in command_line.sql(PLACED)}
    [(parent, children)] = command_line.sql(
        "SELECT above.topic_id, list(below.topic_id) FROM topics above JOIN topics below "
        "ON list_contains(CAST(below.path AS VARCHAR[]), above.topic) GROUP BY ALL "
        "HAVING count(*) BETWEEN 2 AND 8 ORDER BY count(*), above.topic_id LIMIT 1"
    )
    leaves = command_line.sql(
        "SELECT topic_id FROM topics WHERE topic NOT IN (SELECT unnest(CAST(path AS VARCHAR[])) FROM topics) "
        "ORDER BY topic_id LIMIT 2"
    )
    renamed = {str(parent), *(str(topic_id) for (topic_id,) in leaves)}
    rename(source / ROADMAP / f"{ROADMAP}.json", renamed)
    texts = {path.stem.rpartition("@")[2]: path for path in sorted((source / ROADMAP / "content").iterdir())}
    rewritten = [topic_id for topic_id in before if topic_id in texts and topic_id not in renamed][:2]
    for topic_id in rewritten:
        texts[topic_id].write_text("# A heading\n\nSomething else altogether.\n")

    result, seen = enrich(command_line, server, source)

    after = {str(row[0]): row for row in command_line.sql(PLACED)}
    changed = {topic_id for topic_id in after if after[topic_id] != before[topic_id]}
    assert isinstance(children, list)
    assert changed == {*renamed, *rewritten, *children}
    [call] = seen
    assert sorted(call.topics) == sorted(str(after[topic_id][1]) for topic_id in changed)
    assert line(result, "Rows to enrich:") == str(len(changed))


def rename(document: Path, topic_ids: set[str]) -> None:
    """Give topics another label."""
    content = json.loads(document.read_text("utf-8"))
    for node in content["nodes"]:
        if node.get("id") in topic_ids:
            node["data"]["label"] += " (renamed)"
    document.write_text(json.dumps(content), "utf-8")


@pytest.mark.long
def test_all_mapped_roadmaps_become_tables(command_line: CommandLine, real_roadmaps: Path) -> None:
    mapped = sorted(path.parent.name for path in real_roadmaps.glob("*/migration-mapping.json"))
    assert len(mapped) == 21
    result = command_line.run("topics", *mapped, "--source", real_roadmaps, "--output", "topics.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    for slug in mapped:
        dry = command_line.run("scrape", "--source", real_roadmaps, "--roadmap", slug, "--dry-run")
        [(rows,)] = command_line.sql(f"SELECT count(*) FROM topics WHERE roadmap = '{slug}'")
        assert line(dry, "Rows:") == str(rows)


# ---- rows that were not answered


def test_a_topic_that_cannot_be_answered_is_named_and_its_neighbours_are_answered(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(faults=FaultPlan((Rule(Finish("SAFETY"), topic="Idempotency"),)))) as server:
        result = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server))
    assert result.exit_code == 3
    assert (line(result, "Newly enriched:"), line(result, "Failed:")) == ("52", "1")
    assert "SAFETY" in line(result, "✗ Idempotency:")
    assert [row["Topic"] for row in command_line.csv() if not row["TLDR"]] == ["Idempotency"]
    assert "Failures: 1" in command_line.run("cache", "stats").stdout


def test_rows_beyond_the_days_quota_are_deferred_with_the_time(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(rpd=2)) as server:
        result = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server))
        deferred = line(result, "Deferred:")
        assert result.exit_code == 3
        assert re.fullmatch(
            r"(13|20|33) \(the day's quota is used up; .* \d{4}-\d\d-\d\d \d\d:\d\d P[SD]T.*\)", deferred
        )
        assert len(command_line.csv()) == SAMPLE_TOPICS
        # the day is remembered: nothing is sent to be refused again
        before = len(server.requests)
        again = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server))
        assert (again.exit_code, len(server.requests)) == (3, before)


def test_a_spent_budget_defers_the_rest(command_line: CommandLine, server: Simulator, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('as_of = 2026-11-01\n[models."simulator"]\ninput = 10.0\noutput = 10.0\n')
    spent = {"ROADMAP_BUDGET_USD": "0", "ROADMAP_PRICES": str(prices)}
    result = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server), **spent)
    assert (result.exit_code, server.requests) == (3, [])
    assert "ROADMAP_BUDGET_USD" in line(result, "Deferred: 53")


def test_nobody_answering_defers_the_rest(command_line: CommandLine, server: Simulator) -> None:
    server.refuse()
    result = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server), ROADMAP_ATTEMPTS="1")
    assert result.exit_code == 3
    assert line(result, "Newly enriched:") == "0"
    assert "data-orchestration: nothing published, since no topic has an answer yet" in result.stdout
    assert not (command_line.folder / "output").exists()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Garble("not_json"), "failed: the reply is not JSON"),  # halved
        (Status(503), "503"),  # waited for and sent again
    ],
)
def test_trouble_is_reported_and_overcome(command_line: CommandLine, fault: Garble | Status, said: str) -> None:
    with Simulator(SimulatorOptions(faults=FaultPlan((Rule(fault, calls=(1,)),)))) as server:
        result = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server))
    assert result.exit_code == 0
    assert said in line(result, "✗ Batch")


# ---- processes


def test_an_interrupted_run_has_stored_what_was_answered(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(faults=FaultPlan((Rule(Hang(), calls=(3,)),)))) as server:
        process = command_line.start("scrape", *SAMPLE, "--enrich", **asking(server))
        assert process.stdout
        seen = 0
        while seen < 2:
            seen += process.stdout.readline().startswith("✓")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        assert err == "Interrupted. Everything answered so far is stored; the next run asks only for the rest.\n"
        answered = sum(len(request.topics) for request in server.requests if request.outcome == "answered")
        assert command_line.sql("SELECT count(*) FROM enrichments") == [(answered,)]
        assert 0 < answered < SAMPLE_TOPICS

        again = command_line.run("scrape", *SAMPLE, "--enrich", **asking(server))
        assert again.exit_code == 0
        assert len(server.requests) == 4
        assert len(server.requests[-1].topics) == SAMPLE_TOPICS - answered


@pytest.mark.long
def test_two_processes_on_one_database_keep_the_quota_and_lose_no_row(
    command_line: CommandLine, real_roadmaps: Path
) -> None:
    window_s = 3.0
    limiters_window_s = window_s + 1  # as for a real minute, which the limiter keeps for 61 s: requests travel
    with Simulator(SimulatorOptions(rpm=15, window_s=window_s, latency_s=0.1)) as server:
        environment = {**asking(server), "ROADMAP_QUOTA_WINDOW": f"{limiters_window_s:g}"}
        processes = [
            command_line.start("scrape", "--source", real_roadmaps, "--roadmap", slug, "--enrich", **environment)
            for slug in (ROADMAP, "cyber-security")
        ]
        for process in processes:
            _, err = process.communicate()
            assert (process.returncode, err) == (0, "")
        arrivals = sorted(request.at for request in server.requests)
        assert [request.status for request in server.requests] == [200] * 23
    assert all(later - earlier > window_s for earlier, later in zip(arrivals, arrivals[15:], strict=False))
    assert command_line.sql(
        "SELECT roadmap, count(*) FROM simulated_roadmaps WHERE tldr <> '' GROUP BY ALL ORDER BY ALL"
    ) == [
        ("cyber-security", 301),
        (ROADMAP, TOPICS),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("scrape", *SAMPLE, "--enrich", "--offline"),  # nothing left to ask
        ("scrape", *SAMPLE),
        ("scrape", "--source", "sample", "--list"),
        ("cache", "stats"),
        ("--help",),
    ],
)
def test_a_run_with_nothing_to_ask_imports_nothing_heavy(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    command_line.run("scrape", *SAMPLE, "--enrich", "--offline")
    program = (
        "import atexit, sys\n"
        "heavy = 'asyncio dagster google.genai httpx2 markdown_it pandas numpy pydantic rich uvicorn'.split()\n"
        "heavy += ['roadmap_assets.enrichment.engine.scheduler', 'roadmap_assets.enrichment.providers.gemini']\n"
        "atexit.register(lambda: print('heavy:', *(name for name in heavy if sys.modules.get(name))))\n"
        "from roadmap_assets.cli.__main__ import main\n"
        "main()\n"
    )
    out, err = command_line.start(*arguments, program=program).communicate()
    assert err == ""
    assert out.splitlines()[-1] == "heavy:"
