"""Agreement against values worked out by hand, against published ones, and against what is true by definition."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.evaluation.agreement import cohen_kappa, estimate, exact_share, similarity, word_f1

LEVELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)


def columns(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [first for first, _ in pairs], [second for _, second in pairs]


@pytest.mark.parametrize(
    ("yes_yes", "yes_no", "no_yes", "no_no", "kappa"),
    [
        pytest.param(20, 5, 10, 15, 0.4, id="the grant applications of the textbooks"),
        pytest.param(45, 15, 25, 15, 0.1304, id="the same agreement, by chance to a larger part"),
        pytest.param(25, 35, 5, 35, 0.2593, id="the same agreement, by chance to a smaller part"),
        pytest.param(10, 0, 0, 10, 1.0, id="perfect"),
        pytest.param(0, 10, 10, 0, -1.0, id="always the opposite"),
        pytest.param(5, 5, 5, 5, 0.0, id="chance"),
        pytest.param(9, 0, 0, 0, 1.0, id="one value only"),
    ],
)
def test_kappa_is_that_of_the_contingency_table(
    yes_yes: int, yes_no: int, no_yes: int, no_no: int, kappa: float
) -> None:
    pairs = [("y", "y")] * yes_yes + [("y", "n")] * yes_no + [("n", "y")] * no_yes + [("n", "n")] * no_no
    assert cohen_kappa(*columns(pairs)) == pytest.approx(kappa, abs=5e-5)


@given(LEVELS)
def test_kappa_is_symmetric_and_never_above_the_exact_share(pairs: list[tuple[str, str]]) -> None:
    first, second = columns(pairs)
    kappa = cohen_kappa(first, second)
    assert kappa == pytest.approx(cohen_kappa(second, first))
    assert -1 <= kappa <= exact_share(first, second) + 1e-12


@pytest.mark.parametrize(
    ("first", "second", "similar"),
    [
        ("Cache responses close to users", "Cache responses close to users", 1.0),
        ("Cache responses close to users", "cache Responses, close to users!", 1.0),
        ("Cache responses close to users", "Cache pages close to readers", 0.6),
        ("a a b", "a b b", 2 / 3),
        ("one", "two", 0.0),
        ("", "", 1.0),
        ("", "something", 0.0),
    ],
)
def test_similarity_is_the_f1_of_the_words(first: str, second: str, similar: float) -> None:
    assert word_f1(first, second) == pytest.approx(similar)
    assert similarity([first], [second]) == pytest.approx(similar)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for experiment in range(100):
        chance = Random(experiment)
        second = [chance.random() < 0.8 for _ in range(60)]
        found = estimate(exact_share, [True] * 60, second, seed=experiment)
        assert found.low <= found.value <= found.high
        covered += found.low <= 0.8 <= found.high
    assert 88 <= covered <= 100


def test_an_estimate_is_the_same_each_time_and_narrower_with_more_rows() -> None:
    few = estimate(exact_share, ["a"] * 20, ["a"] * 15 + ["b"] * 5)
    many = estimate(exact_share, ["a"] * 200, ["a"] * 150 + ["b"] * 50)
    assert few == estimate(exact_share, ["a"] * 20, ["a"] * 15 + ["b"] * 5)
    assert many.high - many.low < (few.high - few.low) / 2
    assert few.overlaps(many)


def test_no_rows_agree_and_one_row_has_no_width() -> None:
    assert exact_share([], []) == 1
    assert cohen_kappa([], []) == 1
    one = estimate(exact_share, ["a"], ["b"])
    assert (one.value, one.low, one.high, one.rows) == (0, 0, 0, 1)
