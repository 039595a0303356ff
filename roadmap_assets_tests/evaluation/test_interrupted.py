"""An evaluation that is interrupted, however hard, is resumed and pays only for what is missing."""

from __future__ import annotations

from contextlib import ExitStack

import duckdb
import pytest

from roadmap_assets.enrichment.engine.events import Event, Progress
from roadmap_assets.errors import WarehouseBusy
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine
from roadmap_assets_tests.cli.test_enrichment import asking
from roadmap_assets_tests.evaluation.conftest import StartKitchen
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import HOLD_AS_A_STRANGER

CALLS = 54
ASKED_TWICE = (
    "SELECT arm, row_id FROM evaluation_answers WHERE outcome = 'answered' GROUP BY arm, row_id HAVING count(*) > 1"
)


@pytest.mark.long
@pytest.mark.parametrize("seen", [1, 40])
def test_a_killed_evaluation_pays_only_for_what_was_not_stored(command_line: CommandLine, seen: int) -> None:
    with Simulator(SimulatorOptions(latency_s=0.1)) as server:
        environment = {**asking(server), "ROADMAP_CONCURRENCY": "2", "ROADMAP_RPM": "0"}
        evaluate = ("evaluate", "batch", *SAMPLE)
        process = command_line.start(*evaluate, **environment)
        while len(server.requests) < seen:
            assert process.poll() is None
        process.kill()
        process.communicate()
        before = len(server.requests)
        [(stored,)] = command_line.sql("SELECT count(*) FROM api_calls") if command_line.database.exists() else [(0,)]
        torn = "SELECT count(*) FROM api_calls WHERE call_id NOT IN (SELECT call_id FROM evaluation_answers)"
        assert command_line.sql(torn) == [(0,)], "a call is stored with its answers"
        assert command_line.run(*evaluate, **environment).exit_code == 0
        assert len(server.requests) - before == CALLS - int(str(stored))
    assert command_line.sql(ASKED_TWICE) == []


def test_answers_that_the_database_cannot_take_are_kept_and_not_asked_again(kitchen: StartKitchen) -> None:
    started = kitchen(latency_s=0.1, concurrency=4)
    database = started.folder / "x.duckdb"
    started.warehouse = Warehouse(database, wait_s=0.3)
    with ExitStack() as stack:
        held: list[Program] = []

        def hold(event: Event) -> None:
            if isinstance(event, Progress) and event.done and not held:
                with started.warehouse.transaction():  # so that no other thread of this process has it open
                    pass
                held.append(stack.enter_context(Program(HOLD_AS_A_STRANGER, database)))
                held[0].line()

        with pytest.raises(WarehouseBusy, match=r"[1-9]\d* answers are kept in .*\.jsonl"):
            started.batch().run(on_event=hold)
        with pytest.raises(duckdb.IOException):
            duckdb.connect(database)
    asked = len(started.simulator.requests)
    assert 0 < asked < CALLS
    report = started.batch().run()
    assert (report.complete, report.calls, len(started.simulator.requests)) == (True, CALLS, CALLS)
    assert started.sql(ASKED_TWICE) == []
