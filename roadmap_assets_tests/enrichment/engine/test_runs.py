"""What a run asks and what it does not, over real HTTP: packing, caching, leases, and texts that look alike."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from typing import Any

import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.engine.events import CacheChecked, Progress
from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.errors import SimulatorAnswered
from roadmap_assets.simulator.delivery import SeenRequest
from roadmap_assets.simulator.faults import Edit, Finish, Hang, Rule, Status
from roadmap_assets_tests.enrichment.engine.runs import NO_LIMIT, Start, ask, on_both, questions
from roadmap_assets_tests.fake_clock import FakeClock

pytestmark = on_both

# ------------------------------------------------------------------------------------------------- packing and caching


@pytest.mark.parametrize(
    ("rules", "calls", "why"),
    [
        ((), 7, "six full batches, and the last one at once"),
        ((Rule(Edit("omit"), first=7),), 8, "the seven stragglers share a call"),
    ],
)
def test_134_topics(start: Start, rules: tuple[Rule, ...], calls: int, why: str) -> None:
    runs = start(*rules)
    report = runs.run(questions(134))
    assert report.complete
    assert (runs.calls, report.calls, report.least_calls) == (calls, calls, 7), why


def test_at_the_start_a_batch_that_is_not_full_is_sent_with_the_others(start: Start) -> None:
    runs = start(Rule(Hang(seconds=0.3)))
    assert runs.run(questions(25)).complete
    full, rest = sorted(runs.simulator.requests, key=lambda request: -len(request.topics))
    assert (len(full.topics), len(rest.topics)) == (20, 5)
    assert full.finished_at is not None
    assert rest.at < full.finished_at


def test_a_batch_that_is_not_full_waits_for_what_could_fill_it(start: Start) -> None:
    runs = start(Rule(Edit("omit"), first=2), Rule(Hang(seconds=0.3), calls=(3,)))
    report = runs.run(questions(60))
    assert report.complete
    assert runs.calls == 4
    late, last = runs.simulator.requests[2:]
    assert late.finished_at is not None
    assert last.at >= late.finished_at
    assert len(last.topics) == 2


def test_leftovers_fill_batches_that_were_not_sent_yet(start: Start) -> None:
    runs = start(Rule(Edit("omit"), first=1))
    report = runs.run(questions(39), concurrency=1)
    assert report.complete
    assert [len(request.topics) for request in runs.simulator.requests] == [20, 20]


def test_k_changed_of_n_cost_a_call_for_each_twenty(start: Start) -> None:
    runs = start()
    runs.run(questions(134))
    changed = [
        ask(f"Topic {number}", "A new text.") if number % 6 == 0 else ask(f"Topic {number}") for number in range(134)
    ]
    report = runs.run(changed)
    assert report.rows == {"hit": 111, "enriched": 23}
    assert (report.calls, report.least_calls, runs.calls) == (2, 2, 9)
    again = runs.run(changed)
    assert (again.rows, again.calls, runs.calls) == ({"hit": 134}, 0, 9)


def test_one_question_for_rows_that_share_a_key(start: Start) -> None:
    runs = start()
    rows = questions(30) + questions(30)
    report = runs.run(rows)
    assert report.rows == {"enriched": 60}
    assert len(report.statuses) == 30
    assert [len(request.topics) for request in runs.simulator.requests] == [20, 10]
    checked = next(event for event in runs.events if isinstance(event, CacheChecked))
    plan = checked.plan
    assert (plan.rows, plan.hits, plan.misses, plan.calls) == (60, 0, 60, 2)
    last = [event for event in runs.events if isinstance(event, Progress)][-1]
    assert (last.done, last.total, last.calls, last.seconds_left) == (60, 60, 2, 0.0)
    assert runs.run(rows).rows == {"hit": 60}


def test_another_profile_prompt_or_model_is_a_miss_and_the_old_rows_stay(start: Start) -> None:
    runs = start(options={"model_version": "another-model"}, model="simulator")
    runs.run(questions(20))
    runs.profile = load_profile("study")
    assert runs.run(questions(20, profile=runs.profile)).rows == {"enriched": 20}
    runs.model = "another-model"
    assert runs.run(questions(20, profile=runs.profile, model=runs.model)).rows == {"enriched": 20}
    assert runs.calls == 3
    runs.profile, runs.model = load_profile("summary"), "simulator"
    assert runs.run(questions(20)).rows == {"hit": 20}
    stored = runs.rows(
        "SELECT profile, model, count(*) FROM enrichments GROUP BY profile, model ORDER BY profile, model"
    )
    assert stored == [("study", "another-model", 20), ("study", "simulator", 20), ("summary", "simulator", 20)]


def test_answers_of_the_simulator_are_never_kept_as_a_real_models(start: Start) -> None:
    runs = start(model="gemini-3.5-flash-lite")
    with pytest.raises(SimulatorAnswered, match="not kept as those of gemini"):
        runs.run(questions(40, model="gemini-3.5-flash-lite"))
    assert runs.answers() == {}
    assert {answered for _, _, _, answered in runs.ledger()} == {0}


def test_a_change_beyond_the_cut_is_no_miss(start: Start) -> None:
    runs = start()
    runs.run([ask("Topic", "A sentence. " * 20 + "The end.", chars=100)])
    assert runs.run([ask("Topic", "A sentence. " * 20 + "Another end.", chars=100)]).rows == {"hit": 1}
    assert runs.run([ask("Topic", "A sentence! " * 20, chars=100)]).rows == {"enriched": 1}


def test_a_batch_keeps_to_its_tokens(start: Start) -> None:
    runs = start()
    asked = [ask(f"Topic {number}", f"Word{number} " * 300) for number in range(40)]
    engine = runs.engine(batch_tokens=4000)
    report = asyncio.run(engine.run(asked))
    assert report.complete
    sizes = [len(request.topics) for request in runs.simulator.requests]
    assert max(sizes) < 20
    assert report.calls == report.least_calls == len(sizes)
    seen = [request.input_tokens for request in runs.simulator.requests]
    assert max(seen) <= 4000
    assert min(sorted(seen)[1:]) > 4000 - engine.config.fixed_tokens - 700, "and makes use of them"


def test_a_topic_that_passes_the_tokens_alone_goes_alone(start: Start) -> None:
    runs = start()
    asked = [*questions(5), ask("Long", "Many words here. " * 500, chars=10_000), *questions(5, start=5)]
    report = runs.run(asked, batch_tokens=1500, concurrency=1)
    assert report.complete
    assert [len(request.topics) for request in runs.simulator.requests] == [5, 1, 5]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_so_many_calls_are_in_flight_and_no_more(start: Start, concurrency: int) -> None:
    runs = start(options={"latency_s": 0.1})
    runs.run(questions(180), concurrency=concurrency)
    assert most_at_once(runs.simulator.requests) == concurrency


def most_at_once(requests: list[SeenRequest]) -> int:
    steps = [(r.at, 1) for r in requests] + [(r.finished_at or 0.0, -1) for r in requests]
    total = most = 0
    for _, step in sorted(steps):
        total += step
        most = max(most, total)
    return most


def test_every_attempt_takes_a_permit_and_is_corrected_to_the_tokens_it_used(start: Start) -> None:
    limits = Limits(rpm=50, tpm=1_000_000, rpd=50)
    runs = start(Rule(Edit("omit"), calls=(1, 2)), Rule(Status(503), calls=(3,)), limits=limits)
    runs.run(questions(60), concurrency=1)
    with closing(runs.limiter()) as limiter:
        state = limiter.state()
    assert state.requests_in_window == state.requests_today == runs.calls == 5
    used = sum(request.input_tokens for request in runs.simulator.requests if request.status == 200)
    (estimated,) = [request.input_tokens for request in runs.simulator.requests if request.status == 503]
    schema = len(str(runs.profile.reply_schema)) / 4  # is in our estimate and not in the simulator's count
    assert state.tokens_in_window - used == pytest.approx(estimated + schema, rel=0.1)


def test_the_time_left_counts_the_wait_for_the_quota(start: Start) -> None:
    runs = start(limits=Limits(rpm=2, tpm=0, rpd=0), clock=FakeClock(quiet_s=0.03))
    assert runs.run(questions(80), concurrency=1).complete
    left = [event.seconds_left for event in runs.events if isinstance(event, Progress)]
    assert [round(seconds or 0) for seconds in left] == [61, 61, 0, 0]


def test_no_more_is_sent_than_the_limiter_grants(start: Start) -> None:
    # The limiter adds 1 s to a real minute, for the time from a permit to the call; it would add 0.05 s to 3 s.
    runs = start(limits=Limits(rpm=4, tpm=0, rpd=0, window_s=4.0), clock=SystemClock())
    assert runs.run(questions(120)).complete
    sent = runs.rows("SELECT started_at FROM api_calls ORDER BY 1")
    assert len(sent) == 6
    assert all((later - earlier).total_seconds() >= 3.0 for (earlier,), (later,) in zip(sent, sent[4:], strict=False))


# -------------------------------------------------------------------------------------------------------- several runs


def test_two_runs_at_once_ask_once(start: Start) -> None:
    runs = start(options={"latency_s": 0.2}, clock=SystemClock())

    async def both() -> list[Any]:
        return await asyncio.gather(*(runs.engine().run(questions(134)) for _ in range(2)))

    one, other = asyncio.run(both())
    assert runs.calls == one.calls + other.calls == 7
    assert one.complete
    assert other.complete
    assert sorted([one.rows["enriched"], other.rows["enriched"]]) == [0, 134]


def test_what_failed_in_a_run_that_was_waited_for_is_not_asked_once_more(start: Start) -> None:
    runs = start(Rule(Finish("SAFETY"), topic="Topic 0"), options={"latency_s": 0.2}, clock=SystemClock())

    async def both() -> list[Any]:
        return await asyncio.gather(*(runs.engine().run(questions(2)) for _ in range(2)))

    for report in asyncio.run(both()):
        assert report.rows["failed"] == 1
        assert "SAFETY" in next(iter(report.failures.values()))
    assert runs.calls == 3


def test_a_failure_is_tried_by_some_runs_and_then_given_up(start: Start) -> None:
    runs = start(Rule(Finish("SAFETY"), topic="Topic 0"))
    runs.run(questions(2), failure_runs=3)
    for tries in (2, 3):
        calls = runs.calls
        report = runs.run(questions(2), failure_runs=3)
        assert (report.rows, report.calls, runs.calls - calls) == ({"hit": 1, "failed": 1}, 1, 1)
        assert runs.failed() == {"Topic 0": ("blocked", "SAFETY", tries)}
    calls = runs.calls
    plan = runs.engine(failure_runs=3).plan(questions(2))
    assert (plan.hits, plan.misses, plan.given_up, plan.calls) == (1, 0, 1, 0)
    report = runs.run(questions(2), failure_runs=3)
    assert (report.rows, report.calls, runs.calls) == ({"hit": 1, "failed": 1}, 0, calls)
    assert list(report.failures.values()) == ["blocked, in 3 runs: SAFETY"]


def test_a_topic_that_no_request_can_hold_fails_alone(start: Start) -> None:
    runs = start(limits=Limits(rpm=0, tpm=2_000, rpd=0))
    long = ask("Kilns", "A kiln fires clay. " * 500, chars=10_000)
    report = runs.run([*questions(2), long])
    assert (report.rows, report.calls) == ({"enriched": 2, "failed": 1}, 1)
    assert re.match(r"too_long: .* 2000 a minute", report.failures[long.key])
    assert runs.run([long]).rows == {"failed": 1}
    runs.limits = NO_LIMIT
    assert runs.run([long]).rows == {"enriched": 1}


def test_a_failure_that_is_answered_later_is_forgotten(start: Start) -> None:
    runs = start(Rule(Finish("SAFETY"), topic="Topic 0", times=2))
    assert runs.run(questions(2)).rows == {"enriched": 1, "failed": 1}
    assert runs.run(questions(2)).rows == {"hit": 1, "enriched": 1}
    assert runs.failed() == {}


@pytest.mark.parametrize(
    ("description", "why"),
    [
        ("The same text for all of them. It says little.", "one text may have one answer"),
        ("", "answers are made of the names"),
    ],
)
def test_topics_that_look_alike_are_asked_once(start: Start, description: str, why: str) -> None:
    runs = start()
    assert runs.run([ask(f"Topic {number}", description) for number in range(40)]).complete
    assert runs.calls == 2, why
