"""Agreement against values worked out by hand, against published ones, and against what is true by definition."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.evaluation.agreement import (
    Scores,
    cohen_kappa,
    difference,
    estimate,
    estimate_kappa,
    exact_share,
    word_f1,
)

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
    assert word_f1(second, first) == pytest.approx(similar)


def scored(*scores: float) -> Scores:
    return Scores.of([[score] for score in scores])


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for experiment in range(100):
        chance = Random(experiment)
        found = estimate(scored(*(chance.random() < 0.8 for _ in range(60))), seed=experiment)
        assert found.low <= found.value <= found.high
        covered += found.low <= 0.8 <= found.high
    assert 88 <= covered <= 100


def test_the_interval_of_a_kappa_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for experiment in range(100):
        chance = Random(experiment)
        first = [chance.random() < 0.5 for _ in range(80)]
        second = [value if chance.random() < 0.8 else not value for value in first]
        found = estimate_kappa(first, second, seed=experiment)
        assert found.value == pytest.approx(cohen_kappa(first, second))
        covered += found.low <= 0.6 <= found.high  # agreement of 0.8, chance of 0.5
    assert 88 <= covered <= 100


def test_an_estimate_is_the_same_each_time_and_narrower_with_more_rows() -> None:
    few = estimate(scored(*[1] * 15, *[0] * 5))
    many = estimate(scored(*[1] * 150, *[0] * 50))
    assert few == estimate(scored(*[1] * 15, *[0] * 5))
    assert many.high - many.low < (few.high - few.low) / 2


def test_a_difference_over_the_same_rows_is_narrower_than_over_different_ones() -> None:
    hard = [float(number % 2) for number in range(100)]
    slightly_worse = [0.0, 0.0, *hard[2:]]
    same_rows = difference(scored(*hard), scored(*slightly_worse))
    other_rows = difference(scored(*hard), scored(*slightly_worse[::-1]))
    assert same_rows.value == other_rows.value == pytest.approx(0.01)
    assert same_rows.high - same_rows.low < (other_rows.high - other_rows.low) / 4


def test_rows_without_a_score_count_as_none_and_rows_with_several_are_drawn_as_one() -> None:
    assert estimate(Scores.of([[1.0], [], [0.0]])).value == 0.5
    assert estimate(Scores.of([[1.0], [], [0.0]])).rows == 2
    once, thrice = estimate(scored(*[1, 0] * 20)), estimate(Scores.of([[value] * 3 for value in [1, 0] * 20]))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


def test_no_rows_agree_and_one_row_has_no_width() -> None:
    assert exact_share([], []) == 1
    assert cohen_kappa([], []) == 1
    one = estimate(scored(0))
    assert (one.value, one.low, one.high, one.rows) == (0, 0, 0, 1)
