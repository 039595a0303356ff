"""`--service batch` and `roadmap-assets batches`, against a simulator whose jobs take their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine, line

ENRICH = ("scrape", *SAMPLE, "--enrich", "--service", "batch")
HOUR = 3600.0

StartServer = Callable[..., tuple[Simulator, CommandLine]]


@pytest.fixture
def start(command_line: CommandLine) -> Iterator[StartServer]:
    """Starts a simulator whose jobs behave in this way, and a command line that asks it."""
    with ExitStack() as stack:

        def start(**behaviour: Any) -> tuple[Simulator, CommandLine]:
            options = SimulatorOptions(batches=BatchBehaviour(**behaviour))
            server = stack.enter_context(Simulator(options))
            environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": "any", "ROADMAP_BATCH_POLL": "0.2"}
            return server, CommandLine(command_line.folder, **environment)

        yield start


def test_rows_are_pending_with_status_3_until_the_same_command_collects_them(start: StartServer) -> None:
    server, command = start(pending_s=HOUR)
    submitted = command.run(*ENRICH)
    assert submitted.exit_code == 3
    assert line(submitted, "Pending: ") == f"{SAMPLE_TOPICS} (in batch jobs)"
    assert "Run the same command again" in submitted.output
    assert "nothing published" in submitted.output
    listed = command.run("batches", "list")
    assert f"{SAMPLE_TOPICS}         3" in listed.output
    assert command.run(*ENRICH).exit_code == 3
    server.let_jobs_age(HOUR)
    done = command.run(*ENRICH, "--wait")
    assert done.exit_code == 0, done.output
    assert line(done, "Newly enriched: ") == str(SAMPLE_TOPICS)
    assert line(done, "Served by: ") == "batch (3 calls)"
    assert line(done, "API calls: ") == "3 (least possible: 3)"
    assert all(row["TLDR"] for row in command.csv())
    assert "No open batch job" in command.run("batches", "list").output
    assert "collected" in command.run("batches", "list", "--all").output
    assert sum(len(request.topics) for request in server.requests) == SAMPLE_TOPICS


def test_jobs_are_collected_apart_from_a_run(start: StartServer) -> None:
    server, command = start(pending_s=HOUR)
    assert "No open batch job" in command.run("batches", "collect").output
    command.run(*ENRICH)
    early = command.run("batches", "collect")
    assert early.exit_code == 3
    assert "Not ended: 1 jobs, 53 rows" in early.output
    server.let_jobs_age(HOUR)
    late = command.run("batches", "collect", "--wait")
    assert late.exit_code == 0, late.output
    assert f"Collected: {SAMPLE_TOPICS} rows, from 3 results of 1 jobs" in late.output
    published = command.run(*ENRICH)
    assert published.exit_code == 0
    assert f"Cache hits: {SAMPLE_TOPICS}\n" in published.output


def test_a_job_of_another_profile_is_left_to_it_and_not_waited_for(start: StartServer) -> None:
    server, command = start(pending_s=HOUR)
    command.run(*ENRICH, ROADMAP_PROFILE="study")
    server.let_jobs_age(HOUR)
    left = command.run("batches", "collect", "--wait")
    assert left.exit_code == 3
    assert "collect it with its profile: ROADMAP_PROFILE=study" in left.output
    assert command.run("batches", "collect", ROADMAP_PROFILE="study").exit_code == 0


def test_a_cancelled_job_releases_its_rows(start: StartServer) -> None:
    server, command = start(pending_s=HOUR)
    command.run(*ENRICH)
    [[job]] = command.sql("SELECT job_id FROM batch_jobs")
    live = command.run("scrape", *SAMPLE, "--enrich")
    assert live.exit_code == 3
    assert line(live, "Pending: ").startswith(str(SAMPLE_TOPICS))
    assert line(live, "API calls: ").startswith("0 ")
    cancelled = command.run("batches", "cancel", str(job)[:8])
    assert cancelled.exit_code == 0, cancelled.output
    assert "was cancelled" in cancelled.output
    assert any(request.path.endswith(":cancel") for request in server.requests)
    assert command.run("scrape", *SAMPLE, "--enrich").exit_code == 0
    again = command.run("batches", "cancel", str(job)[:8])
    assert "has ended already (cancelled)" in again.output
    assert command.run("batches", "cancel", "nothing").exit_code == 2


def test_a_job_that_failed_says_why_and_leaves_its_rows_to_the_next_run(start: StartServer) -> None:
    _, command = start(end="failed", faulty_jobs=1)
    failed = command.run(*ENRICH, "--wait")
    assert failed.exit_code == 3
    assert "has failed (The batch failed.)" in line(failed, f"Deferred: {SAMPLE_TOPICS} ")
    assert command.run(*ENRICH, "--wait").exit_code == 0


def test_a_key_that_gemini_refuses_ends_the_run_and_releases_the_rows(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(key="the right one")) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": "a-wrong-one-of-ours"}
        refused = command_line.run(*ENRICH, **environment)
        assert refused.exit_code == 1
        assert "Gemini refuses the batch job" in refused.output
        assert "a-wrong-one-of-ours" not in refused.output
        assert command_line.sql("SELECT state FROM batch_jobs") == [("refused",)]
        assert command_line.run("scrape", *SAMPLE, "--enrich", **environment | {"GEMINI_API_KEY": "the right one"})


def test_offline_jobs_are_done_within_the_run(command_line: CommandLine) -> None:
    done = command_line.run(*ENRICH, "--offline")
    assert done.exit_code == 0, done.output
    assert line(done, "Newly enriched: ") == str(SAMPLE_TOPICS)


def test_wait_is_for_batch_jobs_only(command_line: CommandLine) -> None:
    refused = command_line.run("scrape", *SAMPLE, "--enrich", "--offline", "--wait")
    assert refused.exit_code == 2
    assert "--service batch" in refused.output
