"""Copying a database to one of another kind and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse import copying, duckdb, postgres
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.copying import COPIED, Copied, copy_database, count_rows
from roadmap_assets.warehouse.enrichments import Answer, store_answers, store_failures
from roadmap_assets.warehouse.ledger import record_calls
from roadmap_assets.warehouse.published import EnrichedTopic, load_published, publish_rows
from roadmap_assets.warehouse.raw import save_snapshot
from roadmap_assets.warehouse.topics import load_topics, save_topics
from roadmap_assets_tests.warehouse import records
from roadmap_assets_tests.warehouse.test_enrichments import answer, failure
from roadmap_assets_tests.warehouse.test_ledger import CALL
from roadmap_assets_tests.warehouse.test_steps import PARSE

COLUMNS = {"Level, of it": "BIGINT", "steps": "JSON", "tldr": "VARCHAR", "score": "DOUBLE"}


@pytest.fixture
def server(postgres_database: PostgresUrl) -> postgres.Warehouse:
    return postgres.Warehouse(postgres_database)


def fill(warehouse: Warehouse, *, answers: int = 250) -> None:
    texts = records.TEXTS[2:]
    published = [
        EnrichedTopic(topic, "enriched", {"Level, of it": 7, "steps": ["a", {"b": 0.1}], "score": 0.5}, "k", "p", "m")
        for topic in records.topics_of_texts("a", texts)
    ]
    with warehouse.transaction() as connection:
        store_answers(connection, [answer(f"key {number}", value=number / 7) for number in range(answers)])
        store_failures(connection, [failure("never")])
        record_calls(connection, [CALL])
        save_snapshot(connection, records.snapshot("a", texts=texts))
        save_topics(connection, "a", PARSE, records.topics_of_texts("a", texts))
        publish_rows(connection, "a", published, columns=COLUMNS)


def copied(source: Warehouse, target: Warehouse) -> dict[str, Copied]:
    done: list[Copied] = []
    copy_database(source, target, on_table=done.append)
    return {table.table: table for table in done}


def test_a_database_comes_back_from_the_other_kind_as_it_was(
    file: duckdb.Warehouse, server: postgres.Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PAGE_ROWS", 100)
    fill(file)
    there = copied(file, server)
    assert set(there) == {table.name for table in COPIED}
    assert (there["enrichments"].rows, there["enrichments"].added) == (250, 250)
    back = duckdb.Warehouse(tmp_path / "back.duckdb")
    digests = {name: table.digest for name, table in copied(server, back).items()}
    assert digests == {name: table.digest for name, table in there.items()}
    with file.transaction() as connection:
        before = load_topics(connection, ["a"]), load_published(connection, "a", columns=COLUMNS)
    with back.transaction() as connection:
        assert (load_topics(connection, ["a"]), load_published(connection, "a", columns=COLUMNS)) == before
        assert count_rows(connection)["enrichments"] == 250
    assert before[1][0].columns == {"Level, of it": 7, "steps": ["a", {"b": 0.1}], "score": 0.5}


def test_an_interrupted_copy_goes_on_where_it_was(
    file: duckdb.Warehouse, server: postgres.Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PAGE_ROWS", 100)
    fill(file)
    with server.transaction() as connection:
        store_answers(connection, [])
    copy_database(file, server, on_table=lambda _: None)
    with server.transaction() as connection:
        connection.execute("DELETE FROM enrichments WHERE key > 'key 2'")
        connection.execute("DELETE FROM api_calls")
    again = copied(file, server)
    assert 0 < again["enrichments"].added < 250
    assert again["enrichments"].rows == 250
    assert again["api_calls"].added == 1
    assert again["topics"].added == 0


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (answer("key 1", tldr="Another"), "another answer under the same key"),
        (answer("of its own"), "a row that the source does not have"),
    ],
)
def test_a_target_with_other_rows_is_found_out(
    file: duckdb.Warehouse, server: postgres.Warehouse, other: Answer, why: str
) -> None:
    fill(file, answers=3)
    with server.transaction() as connection:
        store_answers(connection, [other])
    with pytest.raises(WarehouseUnwritable, match=r"enrichments of postgresql://.*empty database"):
        copied(file, server)
    with server.transaction() as connection:
        [kept] = connection.execute("SELECT key FROM enrichments WHERE key = ?", [other.key]).fetchall()
    assert kept == (other.key,), why


def test_a_nul_counts_as_what_postgresql_keeps_of_it(file: duckdb.Warehouse, server: postgres.Warehouse) -> None:
    with file.transaction() as connection:
        save_topics(connection, "a", PARSE, records.topics_of_texts("a", ["nul \0"]))
    assert copied(file, server)["topics"].rows == 1
