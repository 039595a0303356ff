"""Two profiles on the same rows, and a judge whose preference is planted."""

from __future__ import annotations

from collections import Counter

import pytest

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.evaluation.judge import sign_test
from roadmap_assets.evaluation.run import CompareEvaluation
from roadmap_assets.simulator.answers import Bias
from roadmap_assets_tests.evaluation.conftest import Kitchen, StartKitchen, table


def levels(started: Kitchen) -> dict[str, dict[str, str]]:
    """row -> side -> level, as they are stored."""
    found: dict[str, dict[str, str]] = {}
    for row, side, level in started.sql(
        "SELECT row_id, arm, json_extract_string(answer, '$.challenge') FROM evaluation_answers WHERE arm IN ('a', 'b')"
    ):
        found.setdefault(row, {})[side] = level
    return found


def test_equal_answers_agree_and_leave_nothing_to_judge(kitchen: StartKitchen) -> None:
    report = kitchen().compare(judge="judge").run().as_json()
    assert {name: found["value"] for name, found in report["agreement"].items()} == {"tldr": 1.0, "challenge": 1.0}
    assert report["differences"] == []
    assert (report["judge"]["pairs"], report["calls"]) == (0, 4)


def test_differences_are_shown_with_both_answers(kitchen: StartKitchen) -> None:
    started = kitchen(bias=Bias(noise=0.2))
    report = started.compare(100).run().as_json()
    truth = {row: sides for row, sides in levels(started).items() if sides["a"] != sides["b"]}
    shown = {one["row"]: {"a": one["a"], "b": one["b"]} for one in report["differences"]}
    assert shown == truth
    assert report["agreement"]["challenge"]["value"] == pytest.approx(1 - len(truth) / 100)
    assert report["verdict"].startswith("tldr: 100% agreement")


def test_a_preference_is_found_in_both_orders(kitchen: StartKitchen) -> None:
    started = kitchen(bias=Bias(noise=0.3, prefers="challenge: expert"))
    report = started.compare(100, judge="judge").run().as_json()
    truth = Counter(
        "a" if sides["a"] == "expert" else "b" for sides in levels(started).values() if sides["a"] != sides["b"]
    )
    judge = report["judge"]
    assert judge["wins"] == truth
    assert (judge["ties"], judge["order_disagreements"]) == (0, 0)
    assert judge["p_value"] == pytest.approx(sign_test(truth["a"], truth["b"]))


def test_a_judge_that_goes_by_the_order_finds_only_ties(kitchen: StartKitchen) -> None:
    # Without a preference the simulator chooses by the topic: the same place, whichever answer is there.
    report = kitchen(bias=Bias(noise=0.3)).compare(100, judge="judge").run().as_json()
    judge = report["judge"]
    assert judge["wins"] == {"a": 0, "b": 0}
    assert judge["ties"] == judge["pairs"] > 20
    assert judge["order_disagreements"] > 0
    assert "the judge judge prefers neither" in report["verdict"]


@pytest.mark.parametrize(("wins", "losses", "p"), [(0, 0, 1), (5, 5, 1), (9, 1, 0.0215), (0, 6, 0.03125)])
def test_the_sign_test_has_the_values_of_the_tables(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(p, abs=5e-5)


def test_a_comparison_resumes_and_the_judge_with_it(kitchen: StartKitchen) -> None:
    started = kitchen(bias=Bias(noise=0.3))
    started.compare(40, judge="judge").run()
    calls = len(started.simulator.requests)
    assert started.compare(40, judge="judge").run().complete
    assert len(started.simulator.requests) == calls


def test_the_judge_is_in_the_estimate(kitchen: StartKitchen) -> None:
    plans = kitchen().compare(40, judge="judge").plan()
    assert {arm: plan.calls for arm, plan in plans.items()} == {"a": 2, "b": 2, "judge": 8, "judge_swapped": 8}
    assert list(kitchen().compare(40).plan()) == ["a", "b"]


def test_profiles_without_a_common_column_are_refused(kitchen: StartKitchen) -> None:
    access = kitchen().access
    other = type(access)(access.settings.changed(profile="roadmap_assets.evaluation.judge:Judgement"))
    with pytest.raises(InvalidSetting, match="no column in common"):
        CompareEvaluation(
            table(3), sides=(access, other), compared=("a", "b"), judge=None, warehouse=kitchen().warehouse
        )
