"""A second attempt may ask another model: only what the first left unanswered, and never to the harm of a run."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from roadmap_assets.enrichment.cost import Price, Prices
from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.simulator.faults import Drop, Edit, Garble, Rule, Status
from roadmap_assets_tests.enrichment.engine.runs import Runs, Start, on_both, questions, rightly_answered

pytestmark = on_both

STRONG = "gemini-strong"
WEAK = Rule(Edit("long_text", topic="Topic 3"), topic="Topic 3")
"""The first model never keeps the rule for one topic."""


def strong(start: Start, *rules: Rule, **options: object) -> Runs:
    return start(*rules, options={"model_version": STRONG}, model=STRONG, **options)


def with_price(prices: Prices, dollars: float) -> Prices:
    """The prices, with one for the fallback model: dollars per million tokens."""
    strong = Price(input=dollars, output=dollars)
    return replace(prices, models={**prices.models, STRONG: strong})


def asked_of(runs: Runs) -> list[int]:
    """Topics of each request."""
    return [len(request.topics) for request in runs.simulator.requests]


def test_a_row_whose_answer_broke_a_rule_is_asked_of_the_fallback_model(start: Start) -> None:
    first, second = start(WEAK), strong(start)
    report = first.run(questions(40), fallback=second.engine().config)
    assert (report.complete, rightly_answered(first)) == (True, 40)
    assert (asked_of(first), asked_of(second)) == ([20, 20], [1])
    assert second.simulator.requests[0].topics == ("Topic 3",)


def test_without_a_fallback_model_the_same_row_fails(start: Start) -> None:
    runs = start(WEAK)
    assert runs.run(questions(40)).rows == {"enriched": 39, "failed": 1}


@pytest.mark.parametrize(
    ("fault", "left_out"), [(Edit("omit"), 1), (Garble("not_json"), 20), (Edit("double"), 1)], ids=lambda it: str(it)
)
def test_rows_without_an_answer_are_asked_of_the_fallback_model(
    start: Start, fault: Edit | Garble, left_out: int
) -> None:
    first, second = start(Rule(fault, calls=(1,))), strong(start)
    report = first.run(questions(40), concurrency=1, fallback=second.engine().config)
    assert (report.complete, rightly_answered(first)) == (True, 40)
    assert asked_of(first) == [20, 20]
    assert sum(asked_of(second)) == left_out


def test_rows_that_were_never_asked_do_not_share_a_call_with_those_for_the_fallback(start: Start) -> None:
    """41 rows leave a batch of one, which leftovers of the first model could fill."""
    first, second = start(Rule(Edit("omit"), first=2)), strong(start)
    report = first.run(questions(41), concurrency=1, fallback=second.engine().config)
    assert report.complete
    assert (asked_of(first), asked_of(second)) == ([20, 20, 1], [2])


def test_an_answer_names_the_model_that_gave_it_and_is_found_by_the_question_as_it_was_asked(start: Start) -> None:
    first, second = start(WEAK), strong(start)
    asked = questions(40)
    first.run(asked, fallback=second.engine().config)
    assert dict(first.rows("SELECT model, count(*) FROM enrichments GROUP BY model")) == {"simulator": 39, STRONG: 1}
    [(key, version)] = first.rows(f"SELECT key, model_version FROM enrichments WHERE model = '{STRONG}'")
    assert (key, version) == (asked[3].key, STRONG)
    calls = first.calls
    for fallback in (second.engine().config, None):
        again = first.run(asked, fallback=fallback)
        assert (again.rows, again.calls, first.calls) == ({"hit": 40}, 0, calls)


def test_the_cost_of_each_model_is_counted_at_its_own_price(start: Start, priced: Prices) -> None:
    table = with_price(priced, 50.0)
    first, second = start(WEAK, prices=table), strong(start, prices=table)
    report = first.run(questions(40), fallback=second.engine().config)
    assert list(report.by_model) == ["simulator", STRONG]
    assert [spent.calls for spent in report.by_model.values()] == [2, 1]
    per_token = [
        (spent.cost_usd or 0) / (spent.input_tokens + spent.output_tokens) for spent in report.by_model.values()
    ]
    assert per_token == pytest.approx([10e-6, 50e-6])
    assert report.cost_usd == pytest.approx(sum(spent.cost_usd or 0 for spent in report.by_model.values()))


def test_the_budget_counts_the_fallback_at_its_own_price(start: Start, priced: Prices) -> None:
    """A call of the first model costs some cents, one of the second more than is left."""
    table = with_price(priced, 1e4)
    first, second = start(WEAK, prices=table), strong(start, prices=table)
    report = first.run(questions(40), fallback=second.engine(budget_usd=1.0).config, budget_usd=1.0)
    assert report.rows == {"enriched": 39, "deferred": 1}
    assert "budget" in report.stop_reason
    assert second.calls == 0


def test_each_model_has_a_quota_of_its_own(start: Start) -> None:
    """Two calls use up the day of the first model; the third is one of the other's."""
    day = Limits(rpm=0, tpm=0, rpd=2)
    first, second = start(WEAK, limits=day), strong(start, limits=day)
    report = first.run(questions(40), fallback=second.engine().config)
    assert report.complete
    assert (first.calls, second.calls) == (2, 1)


@pytest.mark.parametrize(
    ("fault", "calls"),
    [(Status(429, quota="day"), 1), (Status(429, retry_delay_s=4000), 1), (Status(503), 4), (Drop(), 4)],
    ids=["day exhausted", "a long wait", "overloaded", "dropped"],
)
def test_a_fallback_that_takes_no_calls_is_left_out(start: Start, fault: Status | Drop, calls: int) -> None:
    """The first model is asked again, as if there were no other."""
    first, second = start(Rule(Edit("omit"), first=3)), strong(start, Rule(fault))
    report = first.run(questions(100), concurrency=1, fallback=second.engine().config)
    assert (report.complete, rightly_answered(first)) == (True, 100)
    assert (second.calls, asked_of(first)) == (calls, [20] * 5 + [3])


def test_a_fallback_whose_own_day_is_used_up_is_left_out(start: Start) -> None:
    """Known to the limiter, without a request."""
    first = start(Rule(Edit("omit"), first=3))
    second = strong(start, limits=Limits(rpm=0, tpm=0, rpd=1))
    second.run(questions(1, start=500, model=STRONG))
    assert second.calls == 1
    report = first.run(questions(100), fallback=second.engine().config)
    assert (report.complete, rightly_answered(first) - 1) == (True, 100)
    assert second.calls == 1


def test_a_fallback_model_that_is_refused_is_named(start: Start) -> None:
    first = start(WEAK)
    second = start(options={"model_version": STRONG, "models": ("another",)}, model=STRONG)
    with pytest.raises(GeminiRefused, match=rf"ROADMAP_FALLBACK_MODEL \({STRONG}\)"):
        first.run(questions(40), fallback=second.engine().config)
    assert rightly_answered(first) == 39


def test_a_topic_that_both_models_fail_is_given_up_after_the_second(start: Start) -> None:
    first, second = start(WEAK), strong(start, WEAK)
    report = first.run(questions(40), fallback=second.engine().config)
    assert report.rows == {"enriched": 39, "failed": 1}
    assert (first.calls, second.calls) == (2, 1)
    asked: Question = questions(4)[3]
    assert "rule" in report.failures[asked.key]
