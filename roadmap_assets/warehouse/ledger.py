"""Table `api_calls`: one row per HTTP request to Gemini, whatever came of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table, one_row
from roadmap_assets.warehouse.rows import insert_rows

_COUNTS = ("input_tokens", "cached_tokens", "output_tokens", "thought_tokens")
_MAX_TOKENS = 10**12
"""No reply has this many tokens; a sum of such counts stays within 64 bits."""

API_CALLS = Table(
    "api_calls",
    "One row per HTTP request to Gemini, whatever its outcome",
    ("call_id",),
    (
        Column("call_id", "VARCHAR", "Id of the call"),
        Column("run_id", "VARCHAR", "Id of the run that made it"),
        Column("batch", "INTEGER", "Number of the batch in its run, from 1"),
        Column("attempt", "INTEGER", "How many times the batch had been sent, with this time"),
        Column("rows", "INTEGER", "Topics asked"),
        Column("answered", "INTEGER", "Topics whose answers were accepted"),
        Column("outcome", "VARCHAR", "Outcome, in one word"),
        Column("detail", "VARCHAR", "The provider's own word for it"),
        Column("model", "VARCHAR", "Model asked"),
        Column("model_version", "VARCHAR", "Model that answered"),
        Column("service", "VARCHAR", "Service that served it and sets its price: standard, flex or batch"),
        Column("input_tokens", "BIGINT", "Tokens of the prompt; null where the count was not credible", nullable=True),
        Column("cached_tokens", "BIGINT", "Of those, tokens billed as cached", nullable=True),
        Column("output_tokens", "BIGINT", "Tokens of the reply", nullable=True),
        Column("thought_tokens", "BIGINT", "Tokens of thinking, billed as output", nullable=True),
        Column("cost_usd", "DOUBLE", "Cost in US dollars; null where the model's price is unknown", nullable=True),
        Column("latency_s", "DOUBLE", "Seconds from request to reply"),
        Column("started_at", "TIMESTAMP", "When it was sent (UTC)"),
    ),
)


class Call(Struct, frozen=True):
    """One HTTP request to Gemini.

    `batch` counts the run's batches from 1, `attempt` the times that this batch was sent, from 1; `rows` topics were
    asked, and `answered` of them got a good answer; `outcome` is one word and `detail` the provider's own; `cost_usd`
    is None where the model's price is unknown; `started_at` is UTC; `service` is the one that served it.
    """

    call_id: str
    run_id: str
    batch: int
    attempt: int
    rows: int
    answered: int
    outcome: str
    detail: str
    model: str
    model_version: str
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    thought_tokens: int | None
    cost_usd: float | None
    latency_s: float
    started_at: datetime
    service: str = "standard"


class Spent(Struct, frozen=True):
    """Calls, summed; `cost_usd` is None as soon as one call's cost is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class RunSum(Struct, frozen=True):
    """A run as its calls show it.

    `model` names all models asked; `cost_usd` is None as soon as one call's cost is unknown; `started_at` is UTC.
    """

    run_id: str
    started_at: datetime
    model: str
    answered: int
    calls: int
    cost_usd: float | None


class Day(Struct, frozen=True):
    """The calls of a day; `cost_usd` leaves out calls whose cost is unknown."""

    day: date
    calls: int
    cost_usd: float


def record_calls(connection: Connection, calls: Sequence[Call]) -> None:
    """Add the calls to the ledger."""
    if calls:
        insert_rows(connection, API_CALLS, map(_row, calls), unless_known=True)


def known_calls(connection: Connection, call_ids: Iterable[str]) -> set[str]:
    """Those of the calls that are in the ledger already."""
    query = f"SELECT call_id FROM api_calls WHERE call_id IN {KEYS}"
    return {call_id for (call_id,) in connection.execute(query, [",".join(call_ids)]).fetchall()}


def _row(call: Call) -> dict[str, Any]:
    """A call as it is stored. A number that the provider made up must not keep the call's answers from being stored."""
    row = asdict(call)
    for name in _COUNTS:
        row[name] = row[name] if row[name] is not None and 0 <= row[name] < _MAX_TOKENS else None
    for name in ("cost_usd", "latency_s"):
        row[name] = row[name] if row[name] is not None and math.isfinite(row[name]) else None
    return row | {"latency_s": row["latency_s"] or 0.0}


_SPENT = (
    "count(*), coalesce(sum(input_tokens), 0), "
    "coalesce(sum(coalesce(output_tokens, 0) + coalesce(thought_tokens, 0)), 0), "
    "CASE WHEN count(*) = count(cost_usd) THEN coalesce(sum(cost_usd), 0) END"
)


def spent_in_run(connection: Connection, run_id: str) -> Spent:
    """What the run's calls add up to."""
    return _spent(*one_row(connection.execute(f"SELECT {_SPENT} FROM api_calls WHERE run_id = ?", [run_id])))


def spent_by_model(connection: Connection, run_id: str) -> dict[str, Spent]:
    """What the run's calls to each model add up to, by the model asked, in the order of their first calls."""
    query = f"SELECT model, {_SPENT} FROM api_calls WHERE run_id = ? GROUP BY model ORDER BY min(started_at), model"
    return {model: _spent(*sums) for model, *sums in connection.execute(query, [run_id]).fetchall()}


def calls_by_service(connection: Connection, run_id: str) -> dict[str, int]:
    """service -> number of the run's calls that it served."""
    query = "SELECT service, count(*) FROM api_calls WHERE run_id = ? GROUP BY service ORDER BY service"
    return {service: int(count) for service, count in connection.execute(query, [run_id]).fetchall()}


def _spent(calls: int, input_tokens: int, output_tokens: int, cost_usd: float | None) -> Spent:
    return Spent(int(calls), int(input_tokens), int(output_tokens), cost_usd)


def spent_by_day(connection: Connection) -> list[Day]:
    """What was asked and paid on each day (UTC) on which there was a call, the earliest first."""
    rows = connection.execute(
        "SELECT CAST(started_at AS DATE) AS day, count(*), coalesce(sum(cost_usd), 0) FROM api_calls "
        "GROUP BY CAST(started_at AS DATE) ORDER BY day"
    ).fetchall()
    return [Day(*row) for row in rows]


def outcomes_in_run(connection: Connection, run_id: str) -> dict[str, int]:
    """outcome -> number of the run's calls that ended so."""
    rows = connection.execute(
        "SELECT outcome, count(*) FROM api_calls WHERE run_id = ? GROUP BY outcome", [run_id]
    ).fetchall()
    return dict(rows)


def latest_runs(connection: Connection, *, limit: int) -> list[RunSum]:
    """The latest runs that made calls, the newest first."""
    query = (
        "SELECT run_id, min(started_at), string_agg(DISTINCT model, ', ' ORDER BY model), sum(answered), count(*), "
        "CASE WHEN count(*) = count(cost_usd) THEN sum(cost_usd) END "
        "FROM api_calls GROUP BY run_id ORDER BY min(started_at) DESC, run_id LIMIT ?"
    )
    rows = connection.execute(query, [limit]).fetchall()
    return [RunSum(row[0], row[1], row[2], int(row[3]), int(row[4]), row[5]) for row in rows]
