"""Table `api_calls`: one row per HTTP request to Gemini, whatever came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from roadmap_assets.warehouse.rows import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to Gemini.

    `batch` counts the run's batches from 1, `attempt` the sendings of that batch from 1; `rows` topics were asked and
    `answered` of them accepted; `outcome` is one word and `detail` the provider's own; `cost_usd` is None where the
    model's price is unknown; `started_at` is UTC.
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
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    thought_tokens: int
    cost_usd: float | None
    latency_s: float
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """A run's calls, summed; `cost_usd` is None as soon as one call's cost is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


_COLUMNS = {
    **dict.fromkeys(("call_id", "run_id", "outcome", "detail", "model", "model_version"), "VARCHAR"),
    **dict.fromkeys(("batch", "attempt", "rows", "answered"), "INTEGER"),
    **dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens", "thought_tokens"), "BIGINT"),
    **dict.fromkeys(("cost_usd", "latency_s"), "DOUBLE"),
    "started_at": "TIMESTAMP",
}


def record_calls(connection: DuckDBPyConnection, calls: Sequence[Call]) -> None:
    """Add the calls to the ledger."""
    if calls:
        rows = ({**asdict(call), "started_at": call.started_at.isoformat()} for call in calls)
        insert_rows(connection, "api_calls", rows, columns=_COLUMNS)


def spent_in_run(connection: DuckDBPyConnection, run_id: str) -> Spent:
    """What the run's calls add up to."""
    found = connection.execute(
        "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens + thought_tokens), 0), "
        "CASE WHEN count(*) = count(cost_usd) THEN coalesce(sum(cost_usd), 0) END FROM api_calls WHERE run_id = ?",
        [run_id],
    ).fetchone()
    assert found is not None  # an aggregate has one row
    return Spent(int(found[0]), int(found[1]), int(found[2]), found[3])


def outcomes_in_run(connection: DuckDBPyConnection, run_id: str) -> dict[str, int]:
    """outcome -> number of the run's calls that ended so."""
    rows = connection.execute(
        "SELECT outcome, count(*) FROM api_calls WHERE run_id = ? GROUP BY outcome", [run_id]
    ).fetchall()
    return dict(rows)
