from __future__ import annotations

import json
from pathlib import Path

import pytest

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.simulator.faults import (
    BlockPrompt,
    Cut,
    Drip,
    Drop,
    Edit,
    Fault,
    FaultCursor,
    FaultPlan,
    Finish,
    Garble,
    Hang,
    Rule,
    Status,
)

BUSY = Status(503)
BROKEN = Status(500)


def faults_of(plan: FaultPlan, *, calls: int) -> list[Fault | None]:
    """What happens to calls that ask for one topic named after the number of the call: "call 1", "call 2", …"""
    cursor = FaultCursor(plan)
    return [cursor.next([f"call {number}", "other"]) for number in range(1, calls + 1)]


@pytest.mark.parametrize(
    ("rules", "expected", "why"),
    [
        ((), [None, None, None], "no rule, no fault"),
        ((Rule(BUSY),), [BUSY, BUSY, BUSY], "no condition: every call"),
        ((Rule(BUSY, calls=(1, 3)),), [BUSY, None, BUSY], "the calls named"),
        ((Rule(BUSY, first=2),), [BUSY, BUSY, None], "the first calls only"),
        ((Rule(BUSY, topic="call 2"),), [None, BUSY, None], "calls with the topic"),
        ((Rule(BUSY, topic="call"),), [None, None, None], "the topic's whole name"),
        ((Rule(BUSY, times=1),), [BUSY, None, None], "at most this often"),
        ((Rule(BUSY, times=1), Rule(BROKEN, times=1)), [BUSY, BROKEN, None], "one after the other"),
        ((Rule(BUSY, calls=(2,)), Rule(BROKEN)), [BROKEN, BUSY, BROKEN], "the first rule that holds"),
        ((Rule(BUSY, first=2, topic="call 3"),), [None, None, None], "every condition must hold"),
        ((Rule(BUSY, probability=0),), [None, None, None], "never, by chance"),
    ],
)
def test_rules_choose_calls(rules: tuple[Rule, ...], expected: list[Fault | None], why: str) -> None:
    assert faults_of(FaultPlan(rules), calls=3) == expected, why


def test_chance_is_the_share_named_and_the_same_for_the_same_seed() -> None:
    plan = FaultPlan((Rule(BUSY, probability=0.3),), seed=4)
    happened = faults_of(plan, calls=1000)

    assert 250 < happened.count(BUSY) < 350
    assert faults_of(plan, calls=1000) == happened
    assert faults_of(FaultPlan(plan.rules, seed=5), calls=1000) != happened


def test_reset_begins_the_plan_anew() -> None:
    cursor = FaultCursor(FaultPlan((Rule(BUSY, times=1), Rule(BROKEN, calls=(2,)))))
    first = [cursor.next([]) for _ in range(3)]
    cursor.reset()
    assert [cursor.next([]) for _ in range(3)] == first == [BUSY, BROKEN, None]


def test_a_plan_is_loaded_from_json(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    rules = [
        {"fault": {"kind": "status", "code": 429, "quota": "day", "retry_delay_s": 3.5}, "calls": [2, 4]},
        {"fault": {"kind": "status", "code": 502, "body": "<html>"}, "probability": 0.25},
        {"fault": {"kind": "drop", "at": "middle", "reset": True}, "first": 2},
        {"fault": {"kind": "hang"}, "times": 1},
        {"fault": {"kind": "drip", "pause_s": 0.5, "chunk_bytes": 1}},
        {"fault": {"kind": "edit", "what": "omit", "topic": "React"}, "topic": "React"},
        {"fault": {"kind": "garble", "what": "html"}},
        {"fault": {"kind": "cut", "keep": 0.5}},
        {"fault": {"kind": "finish", "reason": "SAFETY", "content": True}},
        {"fault": {"kind": "block_prompt", "reason": "OTHER"}},
    ]
    path.write_text(json.dumps({"seed": 7, "rules": rules}))

    assert FaultPlan.load(path) == FaultPlan(
        (
            Rule(Status(429, quota="day", retry_delay_s=3.5), calls=(2, 4)),
            Rule(Status(502, body="<html>"), probability=0.25),
            Rule(Drop("middle", reset=True), first=2),
            Rule(Hang(), times=1),
            Rule(Drip(0.5, chunk_bytes=1)),
            Rule(Edit("omit", topic="React"), topic="React"),
            Rule(Garble("html")),
            Rule(Cut(0.5)),
            Rule(Finish("SAFETY", content=True)),
            Rule(BlockPrompt("OTHER")),
        ),
        seed=7,
    )


@pytest.mark.parametrize(
    ("text", "named", "why"),
    [
        ("{", "file", "not JSON"),
        ('{"rule": []}', "rule", "an unknown name at the top"),
        ('{"rules": [{"fault": {"kind": "stats"}}]}', "rules.0.fault", "an unknown kind"),
        ('{"rules": [{"fault": {"kind": "status", "code": 200}}]}', "code", "a status that is no error"),
        ('{"rules": [{"fault": {"kind": "status", "code": 503, "retry": 3}}]}', "retry", "an unknown name in a fault"),
        ('{"rules": [{"fault": {"kind": "hang"}, "call": 3}]}', "call", "an unknown name in a rule"),
        ('{"rules": [{"fault": {"kind": "edit", "what": "lie"}}]}', "what", "an edit there is not"),
    ],
)
def test_a_plan_that_is_not_valid_is_refused_by_name(tmp_path: Path, text: str, named: str, why: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        FaultPlan.load(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value), why


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="cannot read the fault plan"):
        FaultPlan.load(tmp_path / "none.json")
