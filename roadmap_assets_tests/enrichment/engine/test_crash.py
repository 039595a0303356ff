"""`kill -9` at random moments: what is stored stays, and only what is missing is asked again."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets_tests.killed_runs import files_in, kill_runs, schemas_in

pytestmark = pytest.mark.long

KILLS = 12
KILLS_ON_A_SERVER = 5
"""At random moments over two databases or more; 50 take a minute and a half, and are the benchmark `crash`."""


def check(databases: Iterable[Path | PostgresUrl], *, kills: int) -> None:
    damage = kill_runs(databases, kills=kills, moments=random.Random(20_261_101))
    assert damage.kills == kills
    assert damage.calls > 5 * damage.databases, "kills that met no call would prove nothing"
    assert damage.lost == 0, "no stored answer is lost or changed"
    assert damage.asked_though_stored == 0, "what is stored is not asked again"
    assert damage.torn == 0, "an answer and its call are stored together, and once"
    assert damage.calls_beyond == 0, "the least number, those in flight at the kills, and one a run that was not full"


def test_that_killing_runs_loses_nothing_and_costs_only_what_was_in_flight(tmp_path: Path) -> None:
    check(files_in(tmp_path), kills=KILLS)


def test_that_killing_runs_on_postgresql_loses_nothing_either(postgres_url: str) -> None:
    check(schemas_in(postgres_url), kills=KILLS_ON_A_SERVER)
