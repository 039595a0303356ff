"""How evaluations are asked: resumed, within quota and budget, and never into the cache."""

from __future__ import annotations

from contextlib import closing

import pytest

from roadmap_assets.errors import GeminiRefused, InvalidSetting
from roadmap_assets.simulator.faults import Drop, Edit, Rule, Status
from roadmap_assets_tests.evaluation.conftest import StartKitchen


def test_an_evaluation_never_writes_into_the_cache(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Edit("long_text", topic="Dish 3"), topic="Dish 3"))
    started.batch().run()
    assert started.sql("SELECT count(*) FROM enrichments") == [(0,)]
    assert started.sql("SELECT count(*) FROM enrichment_failures") == [(0,)]
    assert started.sql("SELECT count(*) FROM enrichment_leases") == [(0,)]


def test_a_finished_evaluation_is_reported_again_without_a_call(kitchen: StartKitchen) -> None:
    started = kitchen()
    first = started.batch().run()
    calls = len(started.simulator.requests)
    finished_at = started.sql("SELECT finished_at FROM evaluations")
    assert started.batch().run() == first
    assert len(started.simulator.requests) == calls
    assert started.sql("SELECT finished_at FROM evaluations") == finished_at
    assert {plan.calls for plan in started.batch().plan().values()} == {0}


def test_an_evaluation_that_was_stopped_resumes_and_pays_only_for_what_is_missing(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Status(429, quota="day"), calls=(31,)))
    report = started.batch().run()
    assert not report.complete
    assert report.verdict.startswith("Incomplete: the day's quota is used up")
    assert started.sql("SELECT verdict, finished_at FROM evaluations") == [("", None)]
    with closing(started.access.open_limiter()) as limiter:
        limiter.reset()
    resumed = started.batch().run()
    assert resumed.complete
    assert resumed.calls == 55  # 54, and the one that was refused
    assert started.sql(
        "SELECT max(times) FROM (SELECT count(*) AS times FROM evaluation_answers WHERE outcome = 'answered' "
        "GROUP BY arm, row_id)"
    ) == [(1,)]


def test_a_batch_whose_reply_was_lost_is_sent_again_as_it_was(kitchen: StartKitchen) -> None:
    report = kitchen(Rule(Drop(), calls=(1,))).batch().run()
    assert report.complete
    assert report.calls == 55
    figures = report.figures.arms["batch_20"]
    assert (figures.calls, figures.answered, figures.asked_again, figures.breaches) == (3, 40, 0, 0)


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Status(429, retry_delay_s=0.5), calls=(1, 2)))
    report = started.batch().run()
    assert report.complete
    assert report.calls == 56
    first, second, third, *_ = (request.at for request in started.simulator.requests if request.topics)
    assert min(second - first, third - second) >= 0.5


def test_the_budget_holds(kitchen: StartKitchen) -> None:
    started = kitchen(budget_usd=0.15)
    report = started.batch().run()
    assert not report.complete
    assert "budget" in report.stop_reason
    [(spent,)] = started.sql("SELECT sum(cost_usd) FROM api_calls")
    assert 0 < spent <= 0.15


def test_the_limiter_holds(kitchen: StartKitchen) -> None:
    started = kitchen(rpm=30, quota_window_s=3.0, concurrency=16)
    report = started.batch().run()
    assert (report.complete, report.calls) == (True, 54)
    times = [at for (at,) in started.sql("SELECT epoch(started_at) FROM api_calls ORDER BY started_at")]
    assert all(later - earlier >= 2.9 for earlier, later in zip(times, times[30:], strict=False))


def test_a_refused_key_ends_the_evaluation_with_its_reason(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Status(400, reason="API_KEY_INVALID")))
    with pytest.raises(GeminiRefused, match="refuses the request"):
        started.batch().run()
    assert len(started.simulator.requests) == 1


def test_the_price_is_known_before_anything_is_asked(kitchen: StartKitchen) -> None:
    started = kitchen()
    plans = started.batch().plan()
    assert {arm: plan.calls for arm, plan in plans.items()} == {
        "batch_20": 2,
        "batch_5": 8,
        "single": 40,
        "reversed": 2,
        "repeat": 2,
    }
    assert started.simulator.requests == []
    priced = sum(plan.cost_usd or 0 for plan in plans.values())
    assert 0 < (started.batch().run().cost_usd or 0) <= priced


@pytest.mark.parametrize(("rows", "settings", "wrong"), [(2, {}, "at least 3 rows"), (9, {"batch_size": 1}, "is 1")])
def test_what_cannot_be_compared_is_refused(
    kitchen: StartKitchen, rows: int, settings: dict[str, int], wrong: str
) -> None:
    with pytest.raises(InvalidSetting, match=wrong):
        kitchen(**settings).batch(rows)
