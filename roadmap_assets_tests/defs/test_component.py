"""The component on tables that are no roadmaps: the example project, run offline, and its edges."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from roadmap_assets.defs.component import RowEnrichment
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.defs.project import REPOSITORY


class Kitchen:
    """The example project in a folder of its own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance

    def sql(self, query: str) -> list[Any]:
        with duckdb.connect(str(self.folder / "kitchen.duckdb")) as connection:
            return connection.execute(query).fetchall()

    def run(self, partition: str | None = None, **changes: Any) -> dg.ExecuteInProcessResult:
        """Materialize the asset of `defs.yaml`, with other attributes."""
        attributes = {
            "database": str(self.folder / "kitchen.duckdb"),
            "table": "dishes",
            "key": "id",
            "topic": "name",
            "description": "text",
            "context": ["course"],
            "profile": "dishes.profile:Dish",
            "target": "dishes_enriched",
            "offline": True,
        }
        component = RowEnrichment.model_validate({**attributes, **changes})
        definitions = component.build_defs(dg.ComponentTree.for_test().load_context)
        return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, partition_key=partition, raise_on_error=False
        )


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    folder = tmp_path / "dishes"
    shutil.copytree(REPOSITORY / "examples" / "dishes", folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    from dishes.seed import main as seed  # type: ignore[import-not-found]

    seed()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Kitchen(folder, instance)


def test_the_example_project_enriches_its_table_without_network(kitchen: Kitchen) -> None:
    definitions = dg.ComponentTree.for_project(kitchen.folder).build_defs()
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=kitchen.instance)
    assert result.success
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    rows = kitchen.sql("SELECT id, menu_line, difficulty, status, model FROM dishes_enriched ORDER BY id")
    assert [row[0] for row in rows] == [1, 2, 3]
    assert all(line and level in ("easy", "hard") for _, line, level, *_ in rows)
    assert {row[3:] for row in rows} == {("enriched", "simulator")}
    [materialized] = result.asset_materializations_for_node("dishes_enriched")
    assert materialized.metadata["gemini.calls"].value == 1


def test_only_what_is_new_is_asked_and_what_is_gone_is_dropped(kitchen: Kitchen) -> None:
    assert kitchen.run().success
    kitchen.sql("DELETE FROM dishes WHERE id = 1")
    kitchen.sql("INSERT INTO dishes VALUES (4, 'Aioli', 'Garlic and oil.', 'Sauces')")
    result = kitchen.run()
    [materialized] = result.asset_materializations_for_node("dishes_enriched")
    assert (materialized.metadata["hit"].value, materialized.metadata["enriched"].value) == (2, 1)
    assert kitchen.sql("SELECT id FROM dishes_enriched ORDER BY id") == [(2,), (3,), (4,)]


def test_a_row_without_an_answer_keeps_the_one_it_had(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kitchen.run().success
    before = kitchen.sql("SELECT id, menu_line FROM dishes_enriched ORDER BY id")
    kitchen.sql("UPDATE dishes SET text = 'Other words.' WHERE id = 2")
    monkeypatch.setenv("GEMINI_API_KEY", "any")
    monkeypatch.setenv("ROADMAP_ATTEMPTS", "1")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="deferred"):
        result = kitchen.run(offline=False)
    assert result.success
    assert not all(evaluation.passed for evaluation in result.get_asset_check_evaluations())
    assert kitchen.sql("SELECT id, menu_line FROM dishes_enriched ORDER BY id") == before


def test_a_partition_is_enriched_by_itself(kitchen: Kitchen) -> None:
    split = {"partitions_by": {"column": "course", "keys": ["Baking", "Sauces"]}}
    assert kitchen.run("Sauces", **split).success
    assert kitchen.sql("SELECT id FROM dishes_enriched") == [(2,)]
    assert kitchen.run("Baking", **split).success
    assert kitchen.sql("SELECT id FROM dishes_enriched ORDER BY id") == [(1,), (2,)]


def test_the_checks_of_two_partitions_differ(kitchen: Kitchen) -> None:
    kitchen.sql("UPDATE dishes SET id = 3 WHERE course = 'Baking'")
    kitchen.sql("INSERT INTO dishes SELECT * FROM dishes WHERE course = 'Baking'")
    split = {"partitions_by": {"column": "course", "keys": ["Baking", "Sauces"]}}
    found = {
        one.partition: one.passed
        for partition in ("Baking", "Sauces")
        for one in kitchen.run(partition, **split).get_asset_check_evaluations()
        if one.check_name == "keys_unique"
    }
    assert found == {"Baking": False, "Sauces": True}


def test_a_query_is_read_instead_of_a_table(kitchen: Kitchen) -> None:
    assert kitchen.run(table=None, query="SELECT * FROM dishes WHERE course = 'Stews'").success
    assert kitchen.sql("SELECT id FROM dishes_enriched") == [(3,)]


def test_keys_that_repeat_stop_the_run_before_a_call(kitchen: Kitchen) -> None:
    kitchen.sql("UPDATE dishes SET id = 2 WHERE id = 1")
    result = kitchen.run()
    assert not result.success
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "keys_unique"]
    assert (check.passed, check.description) == (False, "3 rows, 1 offenders")


def test_a_table_and_a_query_at_once_are_refused(kitchen: Kitchen) -> None:
    with pytest.raises(InvalidSetting, match="either a table or a query"):
        kitchen.run(query="SELECT 1")


def test_dg_finds_it_by_its_entry_point() -> None:
    [found] = [one for one in entry_points(group="dagster_dg_cli.registry_modules") if one.name == "roadmap_assets"]
    assert found.load().RowEnrichment is RowEnrichment
