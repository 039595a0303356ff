"""Runs that fail: a `Failure` with the words that the command line prints, retried only where that can help."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import dagster as dg
import pytest
from dagster import DagsterEventType

from roadmap_assets.defs import steps
from roadmap_assets.enrichment.limiter.quota_file import QuotaFile
from roadmap_assets.roadmaps.sources import host
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.defs.project import ASSETS, Project, failures, made, on_disk
from roadmap_assets_tests.processes import Program

LIVE_BUT_DOWN = {
    "ROADMAP_SOURCE": "live",
    "ROADMAP_SH_API": "http://127.0.0.1:9",
    "ROADMAP_GITHUB_API": "http://127.0.0.1:9",
}
RUN_OF_MUSIC = """
import dagster as dg
from roadmap_assets.definitions import defs

with dg.DagsterInstance.get() as instance:
    instance.add_dynamic_partitions("roadmap", ["music"])
    print("starting", flush=True)
    try:
        defs.resolve_job_def("refresh_roadmaps").execute_in_process(instance=instance, partition_key="music")
    except dg.DagsterExecutionInterruptedError:
        print("interrupted", flush=True)
"""


@on_disk
def test_a_wrong_key_fails_at_once_and_leaves_what_was_published(project: Project) -> None:
    project.write("music")
    project.fill("music")
    published = project.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position")
    project.write("music", text="Something new, so that there is something to ask.")
    with Simulator(SimulatorOptions(key="the right one")) as simulator:
        project.ask(simulator.url, key="sk-WRONG-SECRET")
        result = project.run("music")
        assert len(simulator.requests) == 1
    [(step, text)] = failures(result).items()
    assert step == "topic_enrichments"
    assert text.startswith("Gemini refuses the request")
    assert made(result) == {"raw_roadmap": ["music"], "roadmap_topics": ["music"]}
    assert project.sql("SELECT topic, tldr FROM simulated_roadmaps ORDER BY position") == published
    kept = b"".join(path.read_bytes() for path in (project.folder / "home").rglob("*") if path.is_file())
    assert b"refuses the request" in kept
    assert b"sk-WRONG-SECRET" not in kept


def test_no_key(project: Project) -> None:
    project.write("music")
    project.set(ROADMAP_OFFLINE="0")
    assert failures(project.run("music"))["topic_enrichments"].startswith("no API key: set GEMINI_API_KEY")


def test_a_document_without_topics(project: Project) -> None:
    project.write("music")
    project.fill("music")
    project.write("music", topics=())
    result = project.run("music")
    [(step, text)] = failures(result).items()
    assert step == "roadmap_topics"
    assert "music" in text
    assert project.sql("SELECT count(*) FROM simulated_roadmaps") == [(3,)]


def test_an_unknown_roadmap(project: Project) -> None:
    project.write("music")
    [(step, text)] = failures(project.run("musik")).items()
    assert step == "raw_roadmap"
    assert "did you mean music?" in text


def test_a_key_that_is_no_slug(project: Project) -> None:
    [(step, text)] = failures(project.run("../etc")).items()
    assert step == "raw_roadmap"
    assert "cannot be a roadmap's name" in text


def test_a_folder_that_cannot_be_written_fails_before_a_call(project: Project) -> None:
    project.write("music")
    (project.folder / "output").write_text("in the way")
    [(step, text)] = failures(project.run("music")).items()
    assert (step, "output" in text) == ("topic_enrichments", True)
    assert project.sql("SELECT count(*) FROM api_calls") == [(0,)]


def test_answers_before_topics(project: Project) -> None:
    [(step, text)] = failures(project.run("music", assets=["topic_enrichments"])).items()
    assert (step, "asset roadmap_topics" in text) == ("topic_enrichments", True)


@pytest.mark.parametrize(
    ("asset", "environment", "retried"),
    [
        pytest.param("raw_roadmap", LIVE_BUT_DOWN, True, id="the source may answer later"),
        pytest.param("raw_roadmap", {"ROADMAP_SOURCE": "sample"}, False, id="the sample will never have it"),
        pytest.param("topic_enrichments", {"ROADMAP_OFFLINE": "0"}, False, id="without a key none is asked"),
    ],
)
def test_a_step_is_retried_where_that_can_help(
    project: Project, monkeypatch: pytest.MonkeyPatch, asset: str, environment: dict[str, str], retried: bool
) -> None:
    monkeypatch.setattr(host, "BACKOFF_S", 0.0)
    monkeypatch.setattr(steps, "RETRIES", dg.RetryPolicy(max_retries=1, delay=0))
    project.write("music")
    project.run("music", assets=ASSETS[:2])
    project.set(**environment)
    result = project.run("music", assets=[asset])
    assert not result.success
    assert any(event.is_step_up_for_retry for event in result.all_events) is retried


def test_a_fault_that_is_over_at_the_second_attempt_leaves_the_run_successful(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "RETRIES", dg.RetryPolicy(max_retries=2, delay=2))
    project.write("music")
    quota = project.folder / "quota.sqlite"
    QuotaFile(quota, lock_timeout_s=1).close()
    with closing(sqlite3.connect(quota)) as damaged:
        damaged.execute("DROP TABLE permits")
    with Simulator() as simulator, ThreadPoolExecutor(1) as other:
        project.ask(simulator.url, ROADMAP_RPM="100", ROADMAP_QUOTA_URL=f"sqlite:///{quota}")
        repaired = other.submit(when_logged, project, DagsterEventType.STEP_UP_FOR_RETRY, quota.unlink)
        assert project.run("music").success
        repaired.result()
    assert project.metadata("topic_enrichments", "music")["enriched"] == 3


@on_disk
def test_an_interrupted_fetch_is_not_retried(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    home = project.instance.root_directory
    monkeypatch.setenv("DAGSTER_HOME", home)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        project.set(ROADMAP_SOURCE="live", ROADMAP_SH_API=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with Program(RUN_OF_MUSIC) as run:
            assert run.line() == "starting"
            with silent.accept()[0]:
                os.kill(run.pid, signal.SIGINT)
                assert run.line() == "interrupted"
    [stored] = project.instance.get_runs()
    types = {entry.dagster_event_type for entry in project.instance.all_logs(stored.run_id)}
    assert DagsterEventType.STEP_FAILURE in types
    assert not types & {DagsterEventType.STEP_UP_FOR_RETRY, DagsterEventType.STEP_RESTARTED}


def when_logged(project: Project, event: DagsterEventType, do: Callable[[], None]) -> None:
    deadline = time.monotonic() + 60
    while not any(project.instance.all_logs(run.run_id, of_type=event) for run in project.instance.get_runs()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    do()
