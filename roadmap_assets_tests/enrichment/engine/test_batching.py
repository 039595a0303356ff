"""Packing: as few batches as the limits allow, in order, and none that passes them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.engine.batching import Item, Pool, halves
from roadmap_assets.enrichment.questions import Question
from roadmap_assets_tests.enrichment.engine.runs import questions


def sized(tokens: int) -> Question:
    """A question of about this many tokens."""
    return Question(key="k", topic="", description="x" * 4 * max(0, tokens - 18), context="")


def pool_of(*items: Item, size: int = 20, tokens: int = 16_000, fixed: int = 0) -> Pool:
    pool = Pool(size=size, tokens=tokens, fixed_tokens=fixed)
    pool.add(items)
    return pool


@pytest.mark.parametrize(
    ("count", "batches"), [(0, 0), (1, 1), (20, 1), (21, 2), (134, 7), (140, 7), (141, 8), (400, 20)]
)
def test_so_many_batches(count: int, batches: int) -> None:
    assert sum(1 for _ in pool_of().sizes(questions(count))) == batches


@given(st.lists(st.integers(20, 900)), st.integers(1, 20), st.integers(100, 1000))
def test_batches_are_in_order_within_the_limits_and_as_full_as_these_allow(
    tokens: list[int], size: int, limit: int
) -> None:
    items = [Item(sized(count)) for count in tokens]
    pool = pool_of(*items, size=size, tokens=limit, fixed=30)
    sizes = list(pool.sizes(item.question for item in items))
    batches = []
    while batch := pool.take(partial=True):
        batches.append(batch)
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        cost = 30 + sum(item.question.tokens for item in batch)
        assert len(batch) == 1 or (len(batch) <= size and cost <= limit)
    for batch, following in pairwise(batches):
        cost = 30 + sum(item.question.tokens for item in [*batch, following[0]])
        assert len(batch) == size or cost > limit


def test_a_batch_that_others_could_fill_is_not_given_out_unless_asked_for() -> None:
    pool = pool_of(*(Item(question) for question in questions(25)))
    assert len(pool.take(partial=False)) == 20
    assert pool.take(partial=False) == []
    assert len(pool) == 5
    assert len(pool.take(partial=True)) == 5
    assert pool.take(partial=True) == []


def test_a_batch_that_is_full_by_tokens_is_full() -> None:
    pool = pool_of(Item(sized(600)), Item(sized(600)), tokens=1000)
    assert len(pool.take(partial=False)) == 1
    assert len(pool.take(partial=False)) == 0


def test_whether_anything_that_waits_was_asked_before() -> None:
    fresh, again = Item(sized(20)), Item(sized(20), asked=1)
    pool = pool_of(fresh)
    assert pool.nothing_asked
    pool.add([again])
    assert not pool.nothing_asked
    pool.add([fresh])
    assert not pool.nothing_asked, "wherever it stands"
    assert pool.take_all() == [fresh, again, fresh]
    assert pool.nothing_asked


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (2, [1, 1]), (3, [2, 1]), (20, [10, 10])])
def test_halves(count: int, sizes: list[int]) -> None:
    items = [Item(question) for question in questions(count)]
    divided = halves(items)
    assert [len(half) for half in divided] == sizes
    assert [item for half in divided for item in half] == items
