"""The component on tables that are no roadmaps: the example project, run offline, and its edges."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.defs.component import RowEnrichment
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.defs.project import REPOSITORY, instance_in
from roadmap_assets_tests.postgres import PASSWORD


class Kitchen:
    """The example project in a folder of its own; its table is in the DuckDB file, or in a database at `url`."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, url: PostgresUrl | None = None) -> None:
        self.folder = folder
        self.instance = instance
        self.url = url

    def sql(self, query: str) -> list[Any]:
        if self.url:
            with psycopg.connect(self.url.secret) as server:
                cursor = server.execute(query.encode())
                return cursor.fetchall() if cursor.description else []
        with duckdb.connect(str(self.folder / "kitchen.duckdb")) as connection:
            return connection.execute(query).fetchall()

    def run(self, partition: str | None = None, **changes: Any) -> dg.ExecuteInProcessResult:
        """Materialize the asset of `defs.yaml`, with other attributes."""
        attributes = {
            **({"database_env": "KITCHEN_URL"} if self.url else {"database": str(self.folder / "kitchen.duckdb")}),
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


on_both = pytest.mark.parametrize("kitchen", ["duckdb", "postgresql"], indirect=True)
"""Marks tests whose table is in a database of each kind in turn."""
on_postgresql = pytest.mark.parametrize("kitchen", ["postgresql"], indirect=True)


@pytest.fixture
def kitchen(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    folder = tmp_path / "dishes"
    shutil.copytree(REPOSITORY / "examples" / "dishes", folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    from dishes.seed import main as seed  # type: ignore[import-not-found]

    seed()
    url: PostgresUrl | None = None
    if getattr(request, "param", "duckdb") == "postgresql":
        url = request.getfixturevalue("postgres_database")
        monkeypatch.setenv("KITCHEN_URL", url.secret)
    with dg.DagsterInstance.ephemeral() as instance:
        kitchen = Kitchen(folder, instance, url)
        if url:
            rows = Kitchen(folder, instance).sql("SELECT * FROM dishes")
            kitchen.sql("CREATE TABLE dishes (id INTEGER, name TEXT, text TEXT, course TEXT)")
            kitchen.sql(f"INSERT INTO dishes VALUES {', '.join(map(str, rows))}")
        yield kitchen


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


@on_both
def test_only_what_is_new_is_asked_and_what_is_gone_is_dropped(kitchen: Kitchen) -> None:
    assert kitchen.run().success
    kitchen.sql("DELETE FROM dishes WHERE id = 1")
    kitchen.sql("INSERT INTO dishes VALUES (4, 'Aioli', 'Garlic and oil.', 'Sauces')")
    result = kitchen.run()
    [materialized] = result.asset_materializations_for_node("dishes_enriched")
    assert (materialized.metadata["hit"].value, materialized.metadata["enriched"].value) == (2, 1)
    assert kitchen.sql("SELECT id FROM dishes_enriched ORDER BY id") == [(2,), (3,), (4,)]


@on_both
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


@on_both
def test_a_partition_is_enriched_by_itself(kitchen: Kitchen) -> None:
    split = {"partitions_by": {"column": "course", "keys": ["Baking", "Sauces"]}}
    assert kitchen.run("Sauces", **split).success
    assert kitchen.sql("SELECT id FROM dishes_enriched") == [(2,)]
    assert kitchen.run("Baking", **split).success
    assert kitchen.sql("SELECT id FROM dishes_enriched ORDER BY id") == [(1,), (2,)]


@on_both
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


@on_both
def test_a_query_is_read_instead_of_a_table(kitchen: Kitchen) -> None:
    assert kitchen.run(table=None, query="SELECT * FROM dishes WHERE course = 'Stews'").success
    assert kitchen.sql("SELECT id FROM dishes_enriched") == [(3,)]


@on_both
def test_keys_that_repeat_stop_the_run_before_a_call(kitchen: Kitchen) -> None:
    kitchen.sql("UPDATE dishes SET id = 2 WHERE id = 1")
    result = kitchen.run()
    assert not result.success
    [check] = [one for one in result.get_asset_check_evaluations() if one.check_name == "keys_unique"]
    assert (check.passed, check.description) == (False, "3 rows, 1 offenders")


@on_postgresql
def test_a_table_of_postgresql_is_enriched_whatever_its_names_types_and_texts_are(kitchen: Kitchen) -> None:
    strange = 'a "key"; DROP TABLE dishes; --'
    key, topic = strange.replace('"', '""'), "what's %s ? $1"
    kitchen.sql("CREATE SCHEMA IF NOT EXISTS kitchen_of_tests")
    kitchen.sql(
        "CREATE TABLE kitchen_of_tests.dishes "
        f"""("{key}" UUID, "{topic}" TEXT, pages INTEGER, price NUMERIC, j JSONB)"""
    )
    kitchen.sql(
        "INSERT INTO kitchen_of_tests.dishes VALUES (gen_random_uuid(), 'Robert''); DROP TABLE dishes; --', 3, 1.50, "
        "'{}'), (gen_random_uuid(), 'Soup', NULL, NULL, NULL), (gen_random_uuid(), NULL, 1, 1, NULL)"
    )
    names: dict[str, Any] = {"key": strange, "topic": topic, "description": "price", "context": ["pages", "j"]}
    given = {**names, "table": "kitchen_of_tests.dishes", "target": "kitchen_of_tests.enriched", "profile": "study"}
    try:
        for statuses in (["enriched", "enriched", "skipped"], ["hit", "hit", "skipped"]):
            result = kitchen.run(**given, asset="enriched")
            assert result.success
            found = kitchen.sql(
                f"""SELECT status, tldr IS NULL, how_to ->> 'steps' FROM kitchen_of_tests.dishes d
                JOIN kitchen_of_tests.enriched e ON d."{key}" = e."{key}" ORDER BY status"""
            )
            assert [status for status, *_ in found] == statuses
            assert [no_answer for _, no_answer, _ in found] == [False, False, True]
            assert all(steps.startswith("[") for *_, steps in found[:2])
        assert len(kitchen.sql("SELECT * FROM dishes")) == 3
    finally:
        kitchen.sql("DROP SCHEMA kitchen_of_tests CASCADE")


def fails(kitchen: Kitchen, **changes: Any) -> str:
    """The one line with which a run fails."""
    result = kitchen.run(**changes)
    assert not result.success
    [failure] = result.get_step_failure_events()
    assert failure.step_failure_data.user_failure_data
    reason = failure.step_failure_data.user_failure_data.description or ""
    assert "\n" not in reason
    return reason


@pytest.fixture
def kept_in_files(kitchen: Kitchen, tmp_path: Path) -> Iterator[Path]:
    """The folder in which Dagster keeps what it knows of the kitchen's runs."""
    with instance_in(tmp_path / "home") as kitchen.instance:
        yield tmp_path / "home"


@on_postgresql
def test_what_is_wrong_with_the_database_is_one_line_and_the_password_is_nowhere_in_dagster(
    kitchen: Kitchen, kept_in_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadmap_assets.defs.steps.RETRIES", dg.RetryPolicy(max_retries=0))
    assert kitchen.url
    assert kitchen.run().success
    assert "does not exist" in fails(kitchen, table="none")
    assert "syntax error" in fails(kitchen, table=None, query="SELEKT 1")
    kitchen.sql("CREATE SEQUENCE numbers")
    assert "read-only" in fails(kitchen, table=None, query="SELECT *, nextval('numbers') FROM dishes")
    assert "has no column menu_line" in fails(kitchen, target="dishes")
    for url, reason in (
        (kitchen.url.secret.replace("postgres:", "nobody:"), "password authentication failed"),
        (f"postgresql://u:{PASSWORD.split()[0]}@127.0.0.1:1/db", "Connection refused"),
        (f"mysql://u:{PASSWORD.split()[0]}@host/db", "KITCHEN_URL is not the URL of a PostgreSQL database"),
        ("", "KITCHEN_URL is not set"),
    ):
        monkeypatch.setenv("KITCHEN_URL", url)
        assert reason in fails(kitchen)
    kept = [file for file in kept_in_files.rglob("*") if file.is_file()]
    assert any(b"dishes_enriched" in file.read_bytes() for file in kept), "this is where the event log is"
    assert [file for file in kept if re.search(rb"pass( |%20)word|u:pass", file.read_bytes())] == []


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"database_env": "KITCHEN_URL"}, "give one of the two"),
        ({"database": None}, "give one of the two"),
        ({"database": "postgresql://user:secret@host/db"}, "name that in database_env"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused_without_its_password(
    kitchen: Kitchen, attributes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message) as refused:
        kitchen.run(**attributes)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("attribute", "meaning"), [("database_env", "PostgreSQL"), ("key", "identifies a row")])
def test_the_schema_of_its_file_says_what_attributes_mean(attribute: str, meaning: str) -> None:
    model = RowEnrichment.get_model_cls()
    assert model
    assert meaning in model.model_json_schema()["properties"][attribute]["description"]


def test_a_table_and_a_query_at_once_are_refused(kitchen: Kitchen) -> None:
    with pytest.raises(InvalidSetting, match="either a table or a query"):
        kitchen.run(query="SELECT 1")


def test_dg_finds_it_by_its_entry_point() -> None:
    [found] = [one for one in entry_points(group="dagster_dg_cli.registry_modules") if one.name == "roadmap_assets"]
    assert found.load().RowEnrichment is RowEnrichment
