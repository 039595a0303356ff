from __future__ import annotations

from datetime import datetime

import pytest
from msgspec.structs import replace

from roadmap_assets.warehouse import duckdb
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.ledger import (
    Call,
    Day,
    Spent,
    calls_by_service,
    record_calls,
    spent_by_day,
    spent_by_model,
    spent_in_run,
)

CALL = Call(
    call_id="1",
    run_id="r",
    batch=1,
    attempt=1,
    rows=20,
    answered=19,
    outcome="partly_answered",
    detail='it\'s "odd" \0 \ud800',
    model="m",
    model_version="m-1",
    input_tokens=800,
    cached_tokens=100,
    output_tokens=400,
    thought_tokens=30,
    cost_usd=0.25,
    latency_s=1.5,
    started_at=datetime(2026, 11, 1, 8, 30, 0, 123456),  # noqa: DTZ001 - the tables hold UTC without a zone
)


def test_that_a_call_is_kept_in_full(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        record_calls(connection, [])
        record_calls(connection, [CALL])
        names = ", ".join(Call.__struct_fields__)
        (row,) = connection.execute(f"SELECT {names} FROM api_calls").fetchall()
    nul = "\0" if isinstance(warehouse, duckdb.Warehouse) else "\ufffd"  # PostgreSQL's texts have no NUL
    assert Call(*row) == replace(CALL, detail=f'it\'s "odd" {nul} ?')


@pytest.mark.parametrize(
    ("costs", "total", "reason"),
    [
        ([], 0.0, "no call costs nothing"),
        ([0.25, 0.5], 0.75, "known costs add up"),
        ([0.25, None], None, "one unknown price makes the sum unknown, not too low"),
    ],
)
def test_that_a_run_is_summed(
    warehouse: Warehouse, costs: list[float | None], total: float | None, reason: str
) -> None:
    with warehouse.transaction() as connection:
        record_calls(connection, [replace(CALL, call_id=f"{n}", cost_usd=cost) for n, cost in enumerate(costs)])
        record_calls(connection, [replace(CALL, call_id="another", run_id="another")])
        assert spent_in_run(connection, "r") == Spent(len(costs), 800 * len(costs), 430 * len(costs), total), reason


def test_the_calls_of_a_run_are_summed_by_model_and_counted_by_service(warehouse: Warehouse) -> None:
    second = replace(CALL, call_id="2", model="b", service="flex", cost_usd=None)
    with warehouse.transaction() as connection:
        record_calls(connection, [CALL, second, replace(CALL, call_id="3", run_id="another")])
        assert spent_by_model(connection, "r") == {
            CALL.model: Spent(1, 800, 430, CALL.cost_usd),
            "b": Spent(1, 800, 430, None),
        }
        assert calls_by_service(connection, "r") == {"flex": 1, "standard": 1}


@pytest.mark.parametrize("count", [2**63, 10**40, -1])
def test_a_count_that_no_column_holds_is_recorded_as_unknown(warehouse: Warehouse, count: int) -> None:
    strange = replace(CALL, call_id="2", input_tokens=count, output_tokens=count, cost_usd=float("nan"))
    with warehouse.transaction() as connection:
        record_calls(connection, [CALL, strange])
    with warehouse.transaction() as connection:
        rows = connection.execute("SELECT input_tokens, output_tokens, cost_usd FROM api_calls ORDER BY call_id")
        assert rows.fetchall() == [(800, 400, 0.25), (None, None, None)]
        assert spent_in_run(connection, "r") == Spent(calls=2, input_tokens=800, output_tokens=460, cost_usd=None)


def test_the_largest_counts_can_be_summed(warehouse: Warehouse) -> None:
    largest = 10**12 - 1
    calls = [replace(CALL, call_id=str(number), output_tokens=largest, thought_tokens=0) for number in range(1000)]
    with warehouse.transaction() as connection:
        record_calls(connection, calls)
        assert spent_in_run(connection, "r").output_tokens == 1000 * largest


def test_calls_and_cost_by_day(warehouse: Warehouse) -> None:
    midnight = datetime(2026, 11, 2)  # noqa: DTZ001 - the tables hold UTC without a zone
    later = replace(CALL, call_id="later", started_at=midnight)
    unknown = replace(CALL, call_id="unknown", cost_usd=None)
    with warehouse.transaction() as connection:
        assert spent_by_day(connection) == []
        record_calls(connection, [later, CALL, unknown])
        assert spent_by_day(connection) == [
            Day(CALL.started_at.date(), 2, 0.25),
            Day(later.started_at.date(), 1, 0.25),
        ]
