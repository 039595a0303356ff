"""Waiting for a database that another process holds."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from roadmap_assets.errors import WarehouseBusy
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_AS_A_STRANGER, HOLD_AS_ONE_OF_US, count, insert


@pytest.fixture
def warehouse(file: Warehouse) -> Warehouse:
    return file


START_SLOWLY = """
import sys
from pathlib import Path
from roadmap_assets.warehouse.duckdb import Warehouse

sys.path.insert(0, sys.argv[2])
with Warehouse(Path(sys.argv[1])).transaction() as connection:
    connection.execute("INSERT INTO source_listings VALUES ('slow', '', '', now()::TIMESTAMP)")
"""

PANDAS_THAT_TAKES_LONG = """
import sys

print("importing", flush=True)
sys.stdin.readline()
"""


def test_that_an_access_waits_for_another_program_and_names_it_once(tmp_path: Path) -> None:
    path = tmp_path / "held.duckdb"
    insert(Warehouse(path), "ours")
    notices: list[str] = []
    with Program(HOLD_AS_A_STRANGER, path) as stranger:
        stranger.line()

        def on_wait(notice: str) -> None:
            notices.append(notice)
            stranger.go_on()

        assert count(Warehouse(path, on_wait=on_wait)) == 1
        (notice,) = notices
        assert str(path) in notice
        assert f"PID {stranger.pid}" in notice


@pytest.mark.parametrize(
    ("held_by", "who"), [(HOLD_AS_A_STRANGER, "another program, "), (HOLD_AS_ONE_OF_US, "another run (")]
)
def test_that_waiting_ends_with_an_error_that_names_file_and_process(tmp_path: Path, held_by: str, who: str) -> None:
    path = tmp_path / "held.duckdb"
    insert(Warehouse(path), "ours")
    notices: list[str] = []
    with Program(held_by, path) as holder:
        holder.line()
        holder.freeze()  # nothing that it could do is waited for
        with pytest.raises(WarehouseBusy) as raised:
            count(Warehouse(path, wait_s=1.2, on_wait=notices.append))
    assert str(path) in str(raised.value)
    assert who in str(raised.value)
    assert f"PID {holder.pid}" in str(raised.value)
    assert len(notices) == 1


def test_that_a_short_wait_is_not_worth_a_notice(warehouse: Warehouse) -> None:
    insert(warehouse, "ours")
    notices: list[str] = []
    with Program(HOLD_AS_A_STRANGER, warehouse.path) as stranger:
        stranger.line()
        with pytest.raises(WarehouseBusy):
            count(Warehouse(warehouse.path, wait_s=0.1, on_wait=notices.append))
    assert notices == []


def test_that_a_killed_holder_holds_nothing_and_leaves_nothing(warehouse: Warehouse) -> None:
    with Program(HOLD_AS_ONE_OF_US, warehouse.path) as holder:
        holder.line()
        holder.kill()
        assert count(Warehouse(warehouse.path, wait_s=0)) == 0


@pytest.mark.long
def test_that_one_waits_as_long_as_the_database_changes_hands(warehouse: Warehouse) -> None:
    """Others hold it for several times `wait_s` in all, none of them for long."""
    insert(warehouse, "ours")
    stop = threading.Event()

    def take_turns() -> None:
        while not stop.is_set():
            with warehouse.transaction():
                time.sleep(0.05)

    others = [threading.Thread(target=take_turns) for _ in range(12)]
    for other in others:
        other.start()
    try:
        for _ in range(5):
            assert count(Warehouse(warehouse.path, wait_s=0.5)) == 1
    finally:
        stop.set()
        for other in others:
            other.join()


def test_that_the_database_is_not_held_while_a_process_starts_its_duckdb(warehouse: Warehouse, tmp_path: Path) -> None:
    """DuckDB imports pandas, which takes a second, and far longer when dozens of processes start at once."""
    insert(warehouse, "ours")
    (tmp_path / "pandas.py").write_text(PANDAS_THAT_TAKES_LONG)
    with Program(START_SLOWLY, warehouse.path, tmp_path) as program:
        assert program.line() == "importing"
        assert count(Warehouse(warehouse.path, wait_s=0)) == 1
        program.go_on()
        program.end()
    assert count(warehouse) == 2
