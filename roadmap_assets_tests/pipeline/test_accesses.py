"""How often the steps open the database, which takes some milliseconds each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roadmap_assets import pipeline
from roadmap_assets.warehouse import duckdb
from roadmap_assets.warehouse.base import Connection
from roadmap_assets_tests.pipeline.conftest import Roadmaps


class Counted(duckdb.Warehouse):
    """A database that counts its accesses."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._accesses = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self._accesses += 1
        with super().transaction() as connection:
            yield connection

    def accesses(self) -> int:
        """Since the last call of this method."""
        counted, self._accesses = self._accesses, 0
        return counted


def test_a_roadmap_is_fetched_and_read_in_two_accesses_or_one(roadmaps: Roadmaps, tmp_path: Path) -> None:
    warehouse = Counted(tmp_path / "counted.duckdb")

    def take() -> tuple[bool, bool, int]:
        fetched, read = pipeline.fetch_and_read("alpha", source=roadmaps.source, warehouse=warehouse)
        return fetched.changed, read.changed, warehouse.accesses()

    assert take() == (True, True, 2)
    assert take() == (False, False, 1)
    roadmaps.write("alpha", "Four")
    assert take() == (True, True, 2)
    roadmaps.remove("alpha")
    assert take() == (False, False, 2), "its last state is loaded and marked"


def test_questions_limit_and_plan_share_one_look_up(roadmaps: Roadmaps, tmp_path: Path) -> None:
    warehouse, access = Counted(tmp_path / "counted.duckdb"), roadmaps.access()
    pipeline.fetch_and_read("alpha", source=roadmaps.source, warehouse=warehouse)
    warehouse.accesses()

    asked = pipeline.questions_of(["alpha"], warehouse=warehouse, access=access)
    assert pipeline.plan(pipeline.limited(asked, 1), warehouse=warehouse, access=access).misses == 1
    assert warehouse.accesses() == 1

    pipeline.enrich(asked, warehouse=warehouse, access=access)
    asked = pipeline.questions_of(["alpha"], warehouse=warehouse, access=access)
    warehouse.accesses()
    assert pipeline.enrich(asked, warehouse=warehouse, access=access).report.complete
    assert warehouse.accesses() == 0, "everything is answered"
