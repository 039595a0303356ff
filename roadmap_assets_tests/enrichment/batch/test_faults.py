"""Batch jobs while the server, or the way to it, is out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from roadmap_assets.enrichment.engine.events import describe
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets_tests.enrichment.batch.conftest import StartJobs, on_both
from roadmap_assets_tests.enrichment.batch.faulty_proxy import Proxy, Wrong, proxy_to
from roadmap_assets_tests.enrichment.batch.jobs import BatchRuns
from roadmap_assets_tests.enrichment.engine.runs import questions, rightly_answered

pytestmark = on_both

SLOW = 3600.0
LOOK = ("GET", "/batches/")
LIST = ("GET", "/batches?")
DOWNLOAD = ("GET", ":download")
CANCEL = ("POST", ":cancel")
BUSY = Wrong(503, b'{"error": {"code": 503, "status": "UNAVAILABLE", "message": "try later"}}')


@pytest.fixture
def behind(start_jobs: StartJobs) -> Iterator[tuple[BatchRuns, Proxy]]:
    """Runs whose jobs are created and looked at through a proxy, and are pending for an hour."""
    runs = start_jobs(pending_s=SLOW)
    with proxy_to(runs.simulator.url) as proxy:
        runs.url = proxy.url
        yield runs, proxy


def said(runs: BatchRuns) -> str:
    """All that was reported."""
    return "\n".join(map(describe, runs.events))


def cancel(runs: BatchRuns, job_id: str) -> None:
    asyncio.run(runs.batch().cancel(job_id, on_event=runs.events.append))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (BUSY, "503: try later"),
        (Wrong(429, b"slow down"), "429"),
        (Wrong(200, b"<html>"), "the reply was not a JSON object"),
        (Wrong(200, b"[]"), "the reply was not a JSON object"),
        (Wrong(lost="all"), "RemoteProtocolError"),
        (Wrong(lost="half"), "RemoteProtocolError"),
    ],
    ids=["503", "429", "HTML", "a list", "no reply", "half a reply"],
)
def test_a_job_that_cannot_be_looked_at_stays_pending(behind: tuple[BatchRuns, Proxy], wrong: Wrong, why: str) -> None:
    runs, proxy = behind
    proxy.wrong[LOOK] = [wrong]
    assert runs.run_batch(questions(30)).rows == {"pending": 30}
    assert f"cannot be read at the moment ({why}" in said(runs)
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(30)).rows == {"enriched": 30}
    assert runs.times_asked().total() == rightly_answered(runs) == 30


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_look_at_a_job_ends_the_run_and_loses_nothing(
    behind: tuple[BatchRuns, Proxy], status: int
) -> None:
    runs, proxy = behind
    proxy.wrong[LOOK] = [Wrong(status, b'{"error": {"message": "no"}}')]
    with pytest.raises(GeminiRefused, match=rf"refuses to show the batch job .*{status}.*stay pending"):
        runs.run_batch(questions(30))
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(30)).rows == {"enriched": 30}
    assert runs.times_asked().total() == rightly_answered(runs) == 30


def test_a_download_that_breaks_off_is_repeated_and_each_result_counts_once(behind: tuple[BatchRuns, Proxy]) -> None:
    runs, proxy = behind
    assert runs.run_batch(questions(1000)).rows == {"pending": 1000}
    runs.simulator.let_jobs_age(SLOW)
    proxy.wrong[DOWNLOAD] = [Wrong(lost="half"), BUSY]
    report = runs.run_batch(questions(1000), options={"waits": True, "poll_s": 0.1})
    assert report.rows == {"enriched": 1000}
    assert report.calls == report.least_calls == 50
    assert runs.outcomes() == {"answered": 50}
    assert "collected: 1000 of 1000 rows answered" in said(runs)
    assert runs.times_asked().total() == rightly_answered(runs) == 1000


def test_a_cancellation_that_fails_is_reported_and_the_job_goes_on(behind: tuple[BatchRuns, Proxy]) -> None:
    runs, proxy = behind
    runs.run_batch(questions(30))
    proxy.wrong[CANCEL] = [BUSY] * 10
    cancel(runs, runs.jobs()[0].job_id)
    assert "could not be cancelled (503" in said(runs)
    assert runs.jobs()[0].state == "open"
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(30)).rows == {"enriched": 30}


def test_a_job_that_another_process_collects_is_not_cancelled(behind: tuple[BatchRuns, Proxy]) -> None:
    runs, _ = behind
    runs.run_batch(questions(30))
    [job] = runs.jobs()
    with LeaseHolder(runs.warehouse) as other:
        with runs.warehouse.transaction() as connection:
            other.claim(connection, [job.job_id])
        cancel(runs, job.job_id)
        assert "is being submitted or collected by another process" in said(runs)
        assert runs.jobs()[0].state == "open"
    cancel(runs, job.job_id)
    assert runs.jobs()[0].state == "cancelled"


def test_a_job_whose_creation_is_uncertain_is_cancelled_once_it_is_found(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW, lost_replies=1)
    with proxy_to(runs.simulator.url) as proxy:
        runs.url = proxy.url
        proxy.wrong[LIST] = [BUSY] * 3
        assert runs.run_batch(questions(30), options={"confirm_s": SLOW}).rows == {"pending": 30}
        [job] = runs.jobs()
        cancel(runs, job.job_id)
        assert "is not confirmed yet (503" in said(runs)
        assert "cannot be cancelled yet" in said(runs)
        assert runs.jobs()[0].state == "posting"
        proxy.wrong.clear()
        cancel(runs, job.job_id)
        assert runs.jobs()[0].state == "cancelled"
    assert runs.run(questions(30)).rows == {"enriched": 30}, "the rows are free"


def test_a_job_that_waits_to_be_created_is_cancelled_without_a_request(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW, most_jobs=1)
    runs.run_batch(questions(20))
    runs.run_batch(questions(20, start=20))
    waiting = runs.jobs()[1]
    assert waiting.state == "prepared"
    cancel(runs, waiting.job_id)
    assert [job.state for job in runs.jobs()] == ["open", "cancelled"]
    assert runs.run(questions(20, start=20)).rows == {"enriched": 20}, "the rows are free"
