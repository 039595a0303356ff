"""Whether a batch without a reply is at fault or the provider: the table, row by row."""

from __future__ import annotations

import pytest

from roadmap_assets.enrichment.engine.outage import (
    MAX_UNANSWERED_BATCHES,
    MAX_USELESS_REPLIES,
    Health,
    judge_isolated,
    judge_unanswered,
)
from roadmap_assets.enrichment.providers.base import Kind


@pytest.mark.parametrize(
    ("kind", "reachable", "others_answered", "unanswered_batches", "verdict", "why"),
    [
        ("dropped", False, False, 1, "stop", "no connection: no batch can be sent"),
        ("dropped", False, True, 0, "stop", "others were answered before the connection was lost"),
        ("busy", True, True, 0, "requeue", "the quota is shared, and others used it"),
        ("busy", True, False, 1, "stop", "the quota lets nobody through"),
        ("unavailable", True, True, 0, "isolate", "only this batch gets no reply"),
        ("timeout", True, True, 0, "isolate", "only this batch gets no reply"),
        ("unavailable", True, False, 1, "isolate", "others may be answered yet"),
        ("unavailable", True, False, MAX_UNANSWERED_BATCHES - 1, "isolate", "one bad topic may do that"),
        ("unavailable", True, False, MAX_UNANSWERED_BATCHES, "stop", "nobody is answered"),
    ],
)
def test_a_batch_without_a_reply(
    kind: Kind, reachable: bool, others_answered: bool, unanswered_batches: int, verdict: str, why: str
) -> None:
    decided = judge_unanswered(
        kind, reachable=reachable, others_answered=others_answered, unanswered_batches=unanswered_batches
    )
    assert decided == verdict, why


@pytest.mark.parametrize(
    ("rows", "others_answered", "verdict"),
    [(20, False, "isolate"), (20, True, "isolate"), (1, True, "isolate"), (1, False, "stop")],
)
def test_an_isolated_batch_is_bisected_unless_a_single_topic_is_all_that_is_known(
    rows: int, others_answered: bool, verdict: str
) -> None:
    assert judge_isolated(rows, others_answered=others_answered) == verdict


def test_useless_replies_in_a_row_end_the_run_and_a_usable_one_ends_the_row() -> None:
    health = Health()
    for number in range(MAX_USELESS_REPLIES - 1):
        health.record_useless(sent_at=float(number), now=float(number))
    assert not health.replies_are_useless
    health.record_usable(sent_at=100.0)
    for number in range(200, 200 + MAX_USELESS_REPLIES):
        assert not health.replies_are_useless
        health.record_useless(sent_at=float(number), now=float(number))
    assert health.replies_are_useless


def test_replies_to_requests_sent_before_the_first_useless_one_arrived_count_neither_way() -> None:
    health = Health()
    health.record_useless(sent_at=1.0, now=10.0)
    for _ in range(3 * MAX_USELESS_REPLIES):
        health.record_useless(sent_at=2.0, now=11.0)
    assert not health.replies_are_useless
    health.record_usable(sent_at=3.0)
    for _ in range(MAX_USELESS_REPLIES - 1):
        health.record_useless(sent_at=12.0, now=13.0)
    assert health.replies_are_useless, "the row goes on"


def test_a_usable_reply_ends_the_row_of_unanswered_batches() -> None:
    health = Health()
    health.unanswered_batches = 2
    health.record_usable(sent_at=0.0)
    assert (health.usable_replies, health.unanswered_batches) == (1, 0)
