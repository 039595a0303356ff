"""Tables `evaluations` and `evaluation_answers`: what was asked to measure a batch size, a model or a prompt.

These answers never enter the cache: an evaluation asks on purpose what is answered already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table
from roadmap_assets.warehouse.rows import insert_rows, utc_now

EVALUATIONS = Table(
    "evaluations",
    "One row per evaluation",
    ("evaluation_id",),
    (
        Column("evaluation_id", "VARCHAR", "Hash over rows, texts, profiles, models and arms"),
        Column("kind", "VARCHAR", "batch, compare or gold"),
        Column("profile", "VARCHAR", "Name of the profile"),
        Column("fingerprint", "VARCHAR", "Changes with the profile's columns, rules and prompt"),
        Column("model", "VARCHAR", "Model asked"),
        Column("rows", "INTEGER", "Rows asked in each arm"),
        Column("started_at", "TIMESTAMP", "When it was first started (UTC)"),
        Column("finished_at", "TIMESTAMP", "When every row had been asked in every arm (UTC)", nullable=True),
        Column("verdict", "VARCHAR", "The result in a sentence; empty until it is finished"),
        Column("report", "JSON", "The whole report as --json prints it; null until it is finished", nullable=True),
    ),
)
EVALUATION_ANSWERS = Table(
    "evaluation_answers",
    "One row per row of a call that an evaluation made",
    ("evaluation_id", "arm", "row_id", "call_id"),
    (
        Column("evaluation_id", "VARCHAR", "The evaluation, in evaluations"),
        Column("run_id", "VARCHAR", "The run that asked, in api_calls"),
        Column("arm", "VARCHAR", "How it was asked, such as batch_20, single or reversed"),
        Column("row_id", "VARCHAR", "The row: roadmap/topic id, or its number in the file"),
        Column("topic", "VARCHAR", "Name of the topic"),
        Column("round", "INTEGER", "1, or 2 when it is asked again because the first answer was not accepted"),
        Column("position", "INTEGER", "Its position in the request, from 0"),
        Column("batch_rows", "INTEGER", "Rows in the request"),
        Column("call_id", "VARCHAR", "The call, in api_calls"),
        Column("outcome", "VARCHAR", "answered, why the answer was rejected, or how a call without a reply ended"),
        Column("reason", "VARCHAR", "The same in words; empty for an answer"),
        Column("answer", "JSON", "The profile's columns; null without an answer", nullable=True),
    ),
)


class Evaluation(Struct, frozen=True, kw_only=True):
    """An evaluation as it is stored; `report` is None until it is finished."""

    evaluation_id: str
    kind: str
    profile: str
    fingerprint: str
    model: str
    rows: int
    started_at: datetime = field(default_factory=utc_now)
    finished_at: datetime | None = None
    verdict: str = ""
    report: Mapping[str, Any] | None = None


class AskedRow(Struct, frozen=True, kw_only=True):
    """What one call returned for one row; see the table for the fields."""

    evaluation_id: str
    run_id: str
    arm: str
    row_id: str
    topic: str
    round: int
    position: int
    batch_rows: int
    call_id: str
    outcome: str
    reason: str = ""
    answer: Mapping[str, Any] | None = None


class ArmCost(Struct, frozen=True):
    """What an arm's calls add up to; `cost_usd` is None as soon as one call's cost is unknown."""

    calls: int
    cost_usd: float | None


def start_evaluation(connection: Connection, evaluation: Evaluation) -> None:
    """Store the evaluation, unless it is one that is resumed."""
    connection.lock(f"evaluations {evaluation.evaluation_id}")
    known = connection.execute(
        "SELECT evaluation_id FROM evaluations WHERE evaluation_id = ?", [evaluation.evaluation_id]
    ).fetchone()
    if not known:
        insert_rows(connection, EVALUATIONS, [asdict(evaluation)])


def finish_evaluation(connection: Connection, evaluation_id: str, *, verdict: str, report: Mapping[str, Any]) -> None:
    """Store the result, unless there is one."""
    connection.execute(
        "UPDATE evaluations SET finished_at = ?, verdict = ?, report = CAST(? AS JSON) "
        "WHERE evaluation_id = ? AND finished_at IS NULL",
        [utc_now(), verdict, json.dumps(report), evaluation_id],
    )


def latest_evaluation(connection: Connection, *, profile: str, model: str, kind: str) -> Evaluation | None:
    """The finished evaluation of this profile and model that was finished last."""
    names = list(EVALUATIONS.types)[:-1]
    found = connection.execute(
        f"SELECT {', '.join(names)}, CAST(report AS VARCHAR) FROM evaluations WHERE profile = ? AND model = ? "
        "AND kind = ? AND finished_at IS NOT NULL ORDER BY finished_at DESC, evaluation_id LIMIT 1",
        [profile, model, kind],
    ).fetchone()
    if found is None:
        return None
    *values, report = found
    return Evaluation(**dict(zip(names, values, strict=True)), report=json.loads(report))


def store_asked_rows(connection: Connection, rows: Sequence[AskedRow]) -> None:
    """Add what a call returned."""
    if rows:
        insert_rows(connection, EVALUATION_ANSWERS, map(asdict, rows), unless_known=True)


def load_asked_rows(connection: Connection, evaluation_id: str) -> list[AskedRow]:
    """All that the evaluation has asked so far, in the order of its calls."""
    names = [name for name in EVALUATION_ANSWERS.types if name != "answer"]
    found = connection.execute(
        f"SELECT {', '.join(f'e.{name}' for name in names)}, CAST(e.answer AS VARCHAR) FROM evaluation_answers AS e "
        "LEFT JOIN api_calls AS c ON c.call_id = e.call_id WHERE evaluation_id = ? "
        "ORDER BY c.started_at, e.call_id, e.position",
        [evaluation_id],
    ).fetchall()
    return [
        AskedRow(**dict(zip(names, values, strict=True)), answer=answer and json.loads(answer))
        for *values, answer in found
    ]


def arm_costs(connection: Connection, rows: Sequence[AskedRow]) -> dict[str, ArmCost]:
    """What the calls of each arm took, by the ledger."""
    calls_of: dict[str, set[str]] = {}
    for row in rows:
        calls_of.setdefault(row.arm, set()).add(row.call_id)
    every = ",".join(sorted(set().union(*calls_of.values())))
    costs = dict(
        connection.execute(f"SELECT call_id, cost_usd FROM api_calls WHERE call_id IN {KEYS}", [every]).fetchall()
    )

    def total(calls: set[str]) -> float | None:
        known = [cost for call in calls if (cost := costs.get(call)) is not None]
        return sum(known) if len(known) == len(calls) else None

    return {arm: ArmCost(len(calls), total(calls)) for arm, calls in calls_of.items()}
