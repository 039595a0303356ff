"""Topics are claimed in parts, so that the first are asked while the database claims the others."""

from __future__ import annotations

import time
from collections.abc import Collection

import pytest

from roadmap_assets.enrichment.engine import claims
from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.leases import Claim, LeaseHolder
from roadmap_assets_tests.enrichment.engine.runs import Start, on_both, questions

pytestmark = on_both


def test_topics_that_are_claimed_in_parts_fill_the_same_batches(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FIRST_KEYS", 30)
    monkeypatch.setattr(claims, "KEYS_A_CLAIM", 50)
    runs = start()
    assert runs.run(questions(134)).complete
    assert sorted(len(request.topics) for request in runs.simulator.requests) == [14, *[20] * 6]


def test_the_first_topics_are_asked_while_the_others_are_claimed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FIRST_KEYS", 20)
    runs = start()
    claim = LeaseHolder.claim

    def claim_late(holder: LeaseHolder, connection: Connection, keys: Collection[str]) -> Claim:
        deadline = time.monotonic() + 60
        while len(keys) == 5 and not runs.calls:
            assert time.monotonic() < deadline, "nothing is asked before all is claimed"
            time.sleep(0.01)
        return claim(holder, connection, keys)

    monkeypatch.setattr(LeaseHolder, "claim", claim_late)
    assert runs.run(questions(25)).complete
    assert [len(request.topics) for request in runs.simulator.requests] == [20, 5]


def test_an_error_while_the_others_are_claimed_ends_the_run(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FIRST_KEYS", 20)
    runs = start()
    claim = LeaseHolder.claim

    def claim_once(holder: LeaseHolder, connection: Connection, keys: Collection[str]) -> Claim:
        if len(keys) == 5:
            raise WarehouseUnwritable("the disk is full; make room")
        return claim(holder, connection, keys)

    monkeypatch.setattr(LeaseHolder, "claim", claim_once)
    with pytest.raises(WarehouseUnwritable, match="the disk is full"):
        runs.run(questions(25))
    monkeypatch.undo()
    again = runs.run(questions(25))
    assert again.complete
    assert runs.calls == 2, "no topic is asked twice"
