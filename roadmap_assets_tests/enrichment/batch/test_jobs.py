"""Batch jobs from submission to stored answers, with the faults that the real server has shown."""

from __future__ import annotations

import asyncio
import json
import time

import httpx2
import pytest

from roadmap_assets.enrichment.cost import Prices
from roadmap_assets.enrichment.engine.events import describe
from roadmap_assets.simulator.faults import Edit, Finish, Rule
from roadmap_assets.warehouse import rows
from roadmap_assets_tests.enrichment.batch.conftest import StartJobs, on_both
from roadmap_assets_tests.enrichment.engine.runs import questions, rightly_answered

pytestmark = on_both

SLOW = 3600.0


def test_two_thousand_topics_are_one_job_of_a_hundred_requests_at_half_the_price(
    start_jobs: StartJobs, priced: Prices
) -> None:
    runs = start_jobs(runs={"prices": priced})
    report = runs.run_batch(questions(2000), options={"waits": True})
    assert report.rows == {"enriched": 2000}
    assert rightly_answered(runs) == 2000
    [job] = runs.jobs()
    assert (job.state, job.requests, job.rows) == ("collected", 100, 2000)
    assert len(runs.created()) == 1
    assert report.calls == report.least_calls == 100
    assert report.calls_by_service == {"batch": 100}
    [(tokens, cost)] = runs.rows("SELECT sum(input_tokens) + sum(output_tokens), sum(cost_usd) FROM api_calls")
    assert report.cost_usd == pytest.approx(cost) == pytest.approx(0.5 * int(tokens) * 10e-6)
    assert runs.run_batch(questions(2000)).rows == {"hit": 2000}
    assert len(runs.created()) == 1


def test_a_run_that_does_not_wait_leaves_its_rows_pending_and_the_next_collects_them(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW, running_s=SLOW)
    assert runs.run_batch(questions(50)).rows == {"pending": 50}
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(50)).rows == {"pending": 50}
    runs.simulator.let_jobs_age(SLOW)
    report = runs.run_batch(questions(50), options={"waits": True, "poll_s": 0.1})
    assert report.rows == {"enriched": 50}
    assert rightly_answered(runs) == 50
    assert runs.times_asked().total() == 50
    assert len(runs.created()) == 1


def test_pending_rows_are_found_by_several_queries(start_jobs: StartJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "KEYS_A_QUERY", 20)
    runs = start_jobs(pending_s=SLOW)
    assert runs.run_batch(questions(50)).rows == {"pending": 50}
    assert runs.run_batch(questions(60)).rows == {"pending": 60}
    assert runs.times_asked().total() == 60


def test_no_answer_is_at_a_wrong_topic_although_every_key_is_wrong(start_jobs: StartJobs) -> None:
    runs = start_jobs(
        permute_keys=True, wrong_keys=0.05, errors=0.05, missing=2, lost_keys=0.1, shuffle=True, seed=4, faulty_jobs=1
    )
    report = runs.run_batch(questions(2000), options={"waits": True})
    assert report.rows == {"enriched": 2000}
    assert rightly_answered(runs) == 2000
    outcomes = runs.outcomes()
    assert outcomes["answered"] == 100, "a result under a wrong key is used, not paid for again"
    _, *others = runs.created()
    assert sum(map(len, others)) == 20 * (outcomes["busy"] + 2), "only what failed or is missing is asked again"
    assert [job.state for job in runs.jobs()] == ["collected"] * len(runs.created())


def test_an_error_with_details_costs_its_request_and_not_the_job(start_jobs: StartJobs) -> None:
    runs = start_jobs(errors=0.3, error_objects=True, seed=2, faulty_jobs=1)
    report = runs.run_batch(questions(400), options={"waits": True})
    assert report.rows == {"enriched": 400}
    assert rightly_answered(runs) == 400
    assert len(runs.created()) == 2
    assert runs.outcomes()["busy"] > 0


def test_blocked_and_cut_results_go_through_the_same_recovery_in_next_jobs(start_jobs: StartJobs) -> None:
    rules = (
        Rule(Finish("SAFETY"), topic="Topic 3"),
        Rule(Finish("MAX_TOKENS"), topic="Topic 25", first=1),
        Rule(Edit("omit"), topic="Topic 45", first=1),
    )
    runs = start_jobs(*rules)
    report = runs.run_batch(questions(60), options={"waits": True})
    assert report.rows == {"enriched": 59, "failed": 1}
    assert rightly_answered(runs) == 59
    assert runs.failed()["Topic 3"][0] == "blocked"
    assert len(runs.created()) > 2, "a blocked request is halved from job to job"


def test_a_topic_that_no_job_answers_fails_after_its_attempts(start_jobs: StartJobs) -> None:
    runs = start_jobs(errors=1)
    report = runs.run_batch(questions(20), options={"waits": True}, attempts=3)
    assert report.rows == {"failed": 20}
    assert len(runs.created()) == 3
    assert runs.failed()["Topic 0"][0] == "unavailable"


@pytest.mark.parametrize(
    ("behaviour", "state", "said"),
    [
        ({"end": "failed"}, "failed", "has failed (The batch failed.)"),
        ({"end": "expired"}, "expired", "has expired (the job is expired)"),
        ({"end": "stuck", "expires_after_s": 0}, "expired", "has expired"),
    ],
)
def test_a_job_that_ends_without_results_releases_its_rows_with_the_reason(
    start_jobs: StartJobs, behaviour: dict[str, object], state: str, said: str
) -> None:
    runs = start_jobs(**behaviour, faulty_jobs=1)
    report = runs.run_batch(questions(30), options={"waits": True})
    assert report.rows == {"deferred": 30}, "this run does not submit them again, or it might never end"
    assert said in report.stop_reason
    [job] = runs.jobs()
    assert job.state == state
    assert not runs.failed(), "that is no fault of the topics"
    assert runs.run_batch(questions(30), options={"waits": True}).rows == {"enriched": 30}
    assert rightly_answered(runs) == 30


def test_a_job_that_was_cancelled_from_the_console_or_deleted_releases_its_rows(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW)
    for way, state in (("POST", "cancelled"), ("DELETE", "lost")):
        runs.run_batch(questions(10))
        name = runs.jobs()[-1].name
        url = f"{runs.simulator.url}/v1beta/{name}"
        httpx2.request(way, url + (":cancel" if way == "POST" else ""))
        followed = runs.follow()
        assert [*followed.ended.values()] == [state]
        assert runs.jobs()[-1].state == state
    assert runs.run(questions(10)).rows == {"enriched": 10}, "the rows are free"


def test_a_live_run_asks_no_row_of_a_pending_job_until_it_is_cancelled(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW)
    assert runs.run_batch(questions(30)).rows == {"pending": 30}
    report = runs.run(questions(50))
    assert report.rows == {"pending": 30, "enriched": 20}
    assert report.calls == report.least_calls == 1
    assert not report.complete
    assert max(runs.times_asked().values()) == 1
    [job] = runs.jobs()
    asyncio.run(runs.batch().cancel(job.job_id))
    assert runs.jobs()[0].state == "cancelled"
    assert runs.run(questions(50)).rows == {"enriched": 30, "hit": 20}
    assert rightly_answered(runs) == 50


def test_a_live_run_may_ask_the_rows_of_a_job_that_must_have_expired(start_jobs: StartJobs) -> None:
    runs = start_jobs(end="stuck")
    assert runs.run_batch(questions(10), options={"lifetime_s": 1.0}).rows == {"pending": 10}
    time.sleep(1.0)
    assert runs.run(questions(10)).rows == {"enriched": 10}


def test_a_stuck_job_is_cancelled_and_its_rows_are_asked_live_by_choice(start_jobs: StartJobs, priced: Prices) -> None:
    runs = start_jobs(end="stuck", runs={"prices": priced})
    assert runs.run_batch(questions(30)).rows == {"pending": 30}
    report = runs.run_batch(questions(30), options={"live_after_s": 0.0})
    assert report.rows == {"enriched": 30}
    assert report.calls_by_service == {"standard": 2}
    assert runs.jobs()[0].state == "cancelled"
    assert rightly_answered(runs) == 30


def test_a_lost_reply_makes_no_second_job(start_jobs: StartJobs) -> None:
    runs = start_jobs(lost_replies=1)
    report = runs.run_batch(questions(30), options={"waits": True, "confirm_s": SLOW})
    assert report.rows == {"enriched": 30}
    assert len(runs.created()) == 1
    assert any(request.path.endswith("/batches") for request in runs.simulator.requests), "the list was searched"


def test_a_creation_that_had_no_effect_is_repeated_once_that_is_certain(start_jobs: StartJobs) -> None:
    runs = start_jobs(refused_creations=1)
    assert runs.run_batch(questions(30), options={"confirm_s": SLOW}).rows == {"pending": 30}
    assert runs.jobs()[0].state == "posting"
    assert not runs.created()
    report = runs.run_batch(questions(30), options={"waits": True, "poll_s": 0.1})
    assert report.rows == {"enriched": 30}
    assert len(runs.created()) == 1


def test_jobs_are_split_by_the_limits_and_wait_for_each_other(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=0.3)
    report = runs.run_batch(
        questions(200), options={"waits": True, "enqueued_tokens": 3000, "max_jobs": 2, "poll_s": 0.1}
    )
    assert report.rows == {"enriched": 200}
    assert rightly_answered(runs) == 200
    jobs = runs.jobs()
    assert len(jobs) > 3
    assert all(job.input_tokens <= 3000 for job in jobs)
    assert sum(job.requests for job in jobs) == 10


def test_a_job_that_gemini_does_not_take_yet_waits_for_another_to_end(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW, most_jobs=1)
    assert runs.run_batch(questions(20)).rows == {"pending": 20}
    assert runs.run_batch(questions(20, start=20)).rows == {"pending": 20}
    waiting = runs.jobs()[1]
    assert waiting.state == "prepared"
    assert "429" in waiting.reason
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(40)).rows == {"enriched": 20, "pending": 20}
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(40)).rows == {"hit": 20, "enriched": 20}
    assert len(runs.created()) == 2


def test_only_as_much_is_submitted_as_the_budget_allows(start_jobs: StartJobs, priced: Prices) -> None:
    runs = start_jobs(runs={"prices": priced})
    one = runs.run_batch(questions(20, start=1000), options={"waits": True}).cost_usd
    assert one
    report = runs.run_batch(questions(200), options={"waits": True}, budget_usd=4 * one)
    assert report.cost_usd is not None
    assert 0 < report.cost_usd <= 4 * one
    assert report.rows["deferred"] > 0
    assert "budget" in report.stop_reason


def test_an_answer_that_breaks_a_rule_is_asked_again_with_the_rule(start_jobs: StartJobs) -> None:
    runs = start_jobs(Rule(Edit("bad_level"), topic="Topic 7", first=1))
    report = runs.run_batch(questions(20), options={"waits": True})
    assert report.rows == {"enriched": 20}
    first, second = runs.created()
    assert (len(first), len(second)) == (20, 1), "only the topic whose answer broke the rule"


def test_the_requests_of_a_job_are_those_of_a_live_call(start_jobs: StartJobs) -> None:
    runs = start_jobs()
    runs.run_batch(questions(40))
    provider = runs.batch().options.open_provider()
    line = json.loads(provider.line("1", questions(20, start=20), first_id=20))
    assert line["key"] == "1"
    assert line["request"]["systemInstruction"]["parts"][0]["text"] == runs.profile.instructions
    assert line["request"]["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": runs.profile.reply_schema,
    }
    topics = json.loads(line["request"]["contents"][0]["parts"][0]["text"])["topics"]
    assert [topic["id"] for topic in topics] == [str(number) for number in range(20, 40)]


def files_at(url: str) -> list[str]:
    """The display names of the files that the server has."""
    listed = httpx2.get(f"{url}/v1/files", params={"pageSize": 100}).json().get("files", [])
    return [file["displayName"] for file in listed]


def upload(url: str, name: str) -> None:
    """Upload a file of this display name."""
    start = {"x-goog-upload-command": "start"}
    begun = httpx2.post(f"{url}/upload/v1/files", headers=start, json={"file": {"displayName": name}})
    rest = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    httpx2.post(begun.headers["x-goog-upload-url"], headers=rest, content=b"{}")


def test_the_files_of_a_job_are_deleted_once_its_results_are_stored(start_jobs: StartJobs) -> None:
    runs = start_jobs(pending_s=SLOW)
    upload(runs.simulator.url, "of someone else")
    runs.run_batch(questions(50))
    [job] = runs.jobs()
    assert files_at(runs.simulator.url) == [f"roadmap-assets-{job.job_id}", "of someone else"]
    runs.simulator.let_jobs_age(SLOW)
    assert runs.run_batch(questions(50)).rows == {"enriched": 50}
    assert files_at(runs.simulator.url) == ["of someone else"]


@pytest.mark.parametrize("end", ["failed", "expired"])
def test_the_files_of_a_job_without_results_are_deleted_too(start_jobs: StartJobs, end: str) -> None:
    runs = start_jobs(end=end, faulty_jobs=1)
    runs.run_batch(questions(20))
    assert [job.state for job in runs.jobs()] == [end]
    assert files_at(runs.simulator.url) == []


def test_files_that_cannot_be_deleted_are_reported_and_cost_nothing(start_jobs: StartJobs) -> None:
    runs = start_jobs(keeps_files=True)
    report = runs.run_batch(questions(20), options={"waits": True})
    assert report.rows == {"enriched": 20}
    assert [job.state for job in runs.jobs()] == ["collected"]
    assert any("has left files at Gemini (403" in describe(event) for event in runs.events)
