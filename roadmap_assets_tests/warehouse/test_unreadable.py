"""The record of roadmaps that a run left out."""

from __future__ import annotations

from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.unreadable import (
    forget_unreadable,
    left_out_of_run,
    record_unreadable,
    unreadable_roadmaps,
)


def test_a_run_knows_what_it_left_out_itself(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        record_unreadable(connection, "b", version="", reason="not found", run_id="1")
        record_unreadable(connection, "a", version="v", reason="not JSON", run_id="1")
        record_unreadable(connection, "a", version="v", reason="no topics", run_id="1")
        record_unreadable(connection, "c", version="", reason="no answer", run_id="2")
    with warehouse.transaction() as connection:
        assert left_out_of_run(connection, "1") == {"a": "no topics", "b": "not found"}
        assert left_out_of_run(connection, "3") == {}


def test_the_latest_record_of_a_roadmap_stands_until_it_is_read(warehouse: Warehouse) -> None:
    for run_id, version in (("1", "old"), ("2", "new")):
        with warehouse.transaction() as connection:
            record_unreadable(connection, "a", version=version, reason=f"in run {run_id}", run_id=run_id)
    with warehouse.transaction() as connection:
        record_unreadable(connection, "b", version="v", reason="why", run_id="1")
        known = unreadable_roadmaps(connection)
        assert known.keys() == {"a", "b"}
        assert (known["a"].version, known["a"].reason, known["a"].run_id) == ("new", "in run 2", "2")
        forget_unreadable(connection, "a")
        assert unreadable_roadmaps(connection).keys() == {"b"}
        assert left_out_of_run(connection, "2") == {}
