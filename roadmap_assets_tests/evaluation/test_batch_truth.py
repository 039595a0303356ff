"""Every figure of `evaluate batch` against a truth that was planted in the simulator."""

from __future__ import annotations

import pytest

from roadmap_assets.simulator.answers import Bias
from roadmap_assets.simulator.faults import Edit, Rule
from roadmap_assets_tests.evaluation.conftest import StartKitchen

CLEAN = "Within noise: batches of 20 cost no quality here"


def test_a_model_without_errors_agrees_everywhere(kitchen: StartKitchen) -> None:
    report = kitchen().batch(200).run().as_json()
    for column in ("tldr", "challenge"):
        assert {found["value"] for found in report["agreement"][column].values()} == {1.0}
        assert report["noise_floor"][column]["value"] == 1.0
        assert report["drift"][column]["difference"]["value"] == 0.0
    assert {found["value"] for found in report["kappa"]["challenge"].values()} == {1.0}
    assert (report["verdict"], report["findings"], report["complete"]) == (CLEAN, [], True)


def test_a_drift_of_ten_points_is_found_in_200_rows(kitchen: StartKitchen) -> None:
    report = kitchen(bias=Bias(drift=0.10)).batch(200).run().as_json()
    drift = report["drift"]["challenge"]
    assert drift["difference"]["low"] <= 0.10 <= drift["difference"]["high"]
    assert drift["difference"]["low"] > 0
    assert (drift["first"]["value"], drift["middle"]["value"]) == (1.0, 1.0)
    assert drift["last"]["value"] == pytest.approx(0.90, abs=0.05)
    [finding] = [one for one in report["findings"] if "last third" in one]
    assert finding.startswith("challenge: worse in the last third of a batch")
    assert report["verdict"].startswith("Batches of 20 cost quality here: ")
    assert finding in report["verdict"]
    assert not any(one.startswith("tldr") for one in report["findings"])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_no_drift_is_found_where_there_is_only_noise(kitchen: StartKitchen, seed: int) -> None:
    report = kitchen(bias=Bias(noise=0.10, seed=seed)).batch(200).run().as_json()
    assert report["verdict"] == CLEAN
    # Of two answers that are each wrong with 0.1, 0.82 are equal: both right, or both wrong the same way.
    assert report["noise_floor"]["challenge"]["low"] <= 0.82 <= report["noise_floor"]["challenge"]["high"]
    for pair in report["agreement"]["challenge"].values():
        assert pair["value"] == pytest.approx(0.82, abs=0.08)


def test_a_model_that_is_weak_at_long_batches_is_found_out(kitchen: StartKitchen) -> None:
    report = kitchen(bias=Bias(long_batches=0.15)).batch(200).run().as_json()
    agreement = report["agreement"]["challenge"]
    assert agreement["batch_5_vs_single"]["value"] == 1.0
    assert agreement["batch_20_vs_single"]["value"] == pytest.approx(0.85, abs=0.06)
    assert any("batches of 5 by 100%" in finding for finding in report["findings"])


def test_kappa_is_what_the_planted_errors_leave(kitchen: StartKitchen) -> None:
    report = kitchen(bias=Bias(long_batches=0.15)).batch(200).run().as_json()
    # Levels are about equally frequent, so chance agrees in half of the rows: (0.85 - 0.5) ÷ (1 - 0.5).
    found = report["kappa"]["challenge"]["batch_20_vs_single"]
    assert found["value"] == pytest.approx(0.70, abs=0.12)


def test_broken_rules_are_counted_before_they_are_asked_again(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Edit("long_text", topic="Dish 3"), topic="Dish 3", times=1))
    arms = started.batch(40).run().as_json()["arms"]
    assert {arm: figures["breaches"] for arm, figures in arms.items()} == {
        "batch_20": 1,
        "batch_5": 0,
        "single": 0,
        "reversed": 0,
        "repeat": 0,
    }
    assert arms["batch_20"]["breach_share"] == 1 / 40
    assert (arms["batch_20"]["asked_again"], arms["batch_20"]["answered"], arms["batch_20"]["calls"]) == (1, 40, 3)


def test_a_row_is_asked_again_once_and_no_more(kitchen: StartKitchen) -> None:
    started = kitchen(Rule(Edit("long_text", topic="Dish 3"), topic="Dish 3"))
    report = started.batch(40).run().as_json()
    asked = started.sql("SELECT arm, count(*) FROM evaluation_answers WHERE topic = 'Dish 3' GROUP BY arm")
    assert dict(asked) == dict.fromkeys(report["arms"], 2)
    assert {figures["answered"] for figures in report["arms"].values()} == {39}
    assert (report["complete"], report["verdict"]) == (True, CLEAN)


def test_more_broken_rules_in_batches_than_alone_are_found(kitchen: StartKitchen) -> None:
    in_long_batches = Rule(Edit("long_text", topic="Dish 3"), topic="Dish 3")
    started = kitchen(
        *(Rule(Edit("long_text", topic="*"), topic=f"Dish {number}", times=1) for number in (3, 33)), in_long_batches
    )
    report = started.batch(40).run().as_json()
    assert report["arms"]["batch_20"]["breach_share"] == 1.0
    assert any("batches of 20 keep the rules in 0% of the rows" in finding for finding in report["findings"])


def test_calls_and_cost_of_each_arm_are_those_of_the_ledger(kitchen: StartKitchen) -> None:
    started = kitchen()
    report = started.batch(40).run().as_json()
    calls = {arm: figures["calls"] for arm, figures in report["arms"].items()}
    assert calls == {"batch_20": 2, "batch_5": 8, "single": 40, "reversed": 2, "repeat": 2}
    assert started.sql("SELECT count(*), sum(cost_usd) FROM api_calls") == [
        (54, pytest.approx(sum(figures["cost_usd"] for figures in report["arms"].values())))
    ]
    assert report["cost_usd"] == pytest.approx(started.sql("SELECT sum(cost_usd) FROM api_calls")[0][0])
    assert report["arms"]["single"]["cost_usd"] > 5 * report["arms"]["batch_20"]["cost_usd"]
