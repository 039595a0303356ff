"""What becomes of unanswered topics: the table, row by row."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.recovery import Recovery, backoff_s, recover, recover_unanswered
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.enrichment.providers.reply import Matched, Rejection, RejectionKind
from roadmap_assets_tests.enrichment.engine.runs import questions

ATTEMPTS = 4


def after(
    count: int, answered: int, rejected: RejectionKind, outcome: Outcome, *, damage: str | None = None, asked: int = 0
) -> Recovery:
    """What is done when the first `answered` of `count` topics were answered and the others rejected."""
    items = [Item(question, asked=asked) for question in questions(count)]
    matched = Matched(
        answers={str(place): {} for place in range(answered)},
        rejected={str(place): Rejection(rejected, "why") for place in range(answered, count)},
        unknown=0,
        damage=damage,
    )
    return recover(items, outcome, matched, attempts=ATTEMPTS)


def shape(recovery: Recovery) -> tuple[int, list[int], list[str]]:
    """How many are packed again, the sizes of what is sent apart, and the reasons of what has failed."""
    return len(recovery.again), [len(batch) for batch in recovery.apart], [reason for _, reason in recovery.failed]


STOP = Outcome(kind="replied", detail="STOP")
CUT = Outcome(kind="replied", detail="MAX_TOKENS", cut=True)
BLOCKED = Outcome(kind="blocked", detail="SAFETY", cut=True)


@pytest.mark.parametrize(
    ("given", "expected", "why"),
    [
        ((20, 19, "missing", STOP), (1, [], []), "packed with others"),
        ((20, 18, "swapped", STOP), (2, [], []), "packed with others"),
        ((20, 19, "rule", STOP), (1, [], []), "once more"),
        ((20, 12, "missing", CUT), (0, [8], []), "the reply was good for the greater part"),
        ((20, 2, "missing", CUT), (0, [9, 9], []), "smaller batches"),
        ((20, 0, "missing", BLOCKED), (0, [10, 10], []), "halves"),
        ((2, 0, "missing", BLOCKED), (0, [1, 1], []), "down to single topics"),
        ((1, 0, "missing", BLOCKED), (0, [], ["blocked"]), "alone, it is to blame"),
        ((1, 0, "missing", CUT), (0, [1], []), "alone, it is asked again"),
        ((20, 20, "missing", STOP), (0, [], []), "nothing is left"),
    ],
)
def test_where_topics_go(given: tuple[Any, ...], expected: tuple[int, list[int], list[str]], why: str) -> None:
    assert shape(after(*given)) == expected, why


@pytest.mark.parametrize("rejected", ["missing", "doubled", "swapped"])
def test_a_topic_is_asked_so_often_and_then_given_up(rejected: RejectionKind) -> None:
    assert shape(after(20, 19, rejected, STOP, asked=ATTEMPTS - 1)) == (0, [], [rejected])
    assert shape(after(20, 19, rejected, STOP, asked=ATTEMPTS - 2))[2] == []


def test_a_single_topic_whose_replies_are_of_no_use_is_given_up_in_the_end() -> None:
    assert shape(after(1, 0, "missing", STOP, asked=ATTEMPTS - 2, damage="the reply is not JSON")) == (0, [1], [])
    last = after(1, 0, "missing", STOP, asked=ATTEMPTS - 1, damage="the reply is not JSON")
    assert shape(last) == (0, [], ["unusable"])
    assert last.failed[0][0].last_error == "the reply is not JSON"


def test_a_rule_is_broken_twice_at_most() -> None:
    items = [Item(questions(1)[0])]
    broken = Matched(answers={}, rejected={"0": Rejection("rule", "tldr has 15 words")}, unknown=0, damage=None)
    assert shape(recover(items, STOP, broken, attempts=ATTEMPTS)) == (1, [], [])
    then = recover(items, STOP, broken, attempts=ATTEMPTS)
    assert shape(then) == (0, [], ["rule"])
    assert then.failed[0][0].last_error == "rule: tldr has 15 words"


@pytest.mark.parametrize(("count", "expected"), [(20, (0, [10, 10], [])), (1, (0, [], ["unavailable"]))])
def test_a_batch_that_nobody_answered(count: int, expected: tuple[int, list[int], list[str]]) -> None:
    items = [Item(question) for question in questions(count)]
    assert shape(recover_unanswered(items, "503", attempts=ATTEMPTS)) == expected
    assert {(item.asked, item.last_error) for item in items} == {(1, "503")}


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ((20, 19, "missing", STOP), "Asking again for 1 row..."),
        ((20, 0, "missing", BLOCKED), "Falling back to smaller batches..."),
        ((20, 12, "missing", CUT), "Asking the rest again..."),
        ((1, 0, "missing", BLOCKED), "Giving up 1 row."),
    ],
)
def test_the_remedy_in_words(given: tuple[Any, ...], remedy: str) -> None:
    assert after(*given).remedy == remedy


@given(st.integers(1, 50), st.integers())
def test_backoff_doubles_with_jitter_up_to_half_a_minute(attempt: int, seed: int) -> None:
    most = min(30.0, 2.0 ** (attempt - 1))
    assert most / 2 <= backoff_s(attempt, requested_s=None, randomness=random.Random(seed)) <= most


@pytest.mark.parametrize(
    ("attempt", "requested_s", "least", "most", "why"),
    [
        (1, 3.0, 3.0, 3.0, "as requested"),
        (1, 0.0, 0.0, 0.0, "as requested"),
        (3, 57.0, 57.0, 57.0, "as requested"),
        (4, 0.1, 4.0, 8.0, "the server asked for too little before"),
    ],
)
def test_a_wait_that_is_told(attempt: int, requested_s: float, least: float, most: float, why: str) -> None:
    assert least <= backoff_s(attempt, requested_s=requested_s, randomness=random.Random(1)) <= most, why


def test_those_that_failed_together_do_not_come_back_together() -> None:
    assert len({backoff_s(3, requested_s=None, randomness=random.Random(seed)) for seed in range(20)}) == 20


def test_the_rule_that_was_broken_travels_with_the_topic() -> None:
    (again,) = after(2, 1, "rule", STOP).again
    assert again.question.wire == {**questions(2)[1].wire, "last_answer_rejected": "why"}
    assert again.question == questions(2)[1]
    assert again.question.tokens > questions(2)[1].tokens
    (missing,) = after(2, 1, "missing", STOP).again
    assert "last_answer_rejected" not in missing.question.wire
