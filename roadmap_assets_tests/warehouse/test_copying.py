"""Copying a database to one of another kind and back."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse import copying, duckdb, postgres
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.copying import COPIED, Copied, Row, copy_database, count_rows, pages
from roadmap_assets.warehouse.enrichments import Answer, store_answers, store_failures
from roadmap_assets.warehouse.ledger import record_calls
from roadmap_assets.warehouse.published import EnrichedTopic, load_published, publish_rows
from roadmap_assets.warehouse.raw import save_snapshot
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets.warehouse.topics import load_topics, save_topics
from roadmap_assets_tests.postgres import as_set
from roadmap_assets_tests.processes import Program
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


COPY = """
import sys
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse import copying
from roadmap_assets.warehouse.registry import open_warehouse

copying._PAGE_ROWS = 20
source, target = (open_warehouse(load_settings(db=address).db) for address in sys.argv[1:])
print("copying", flush=True)
copying.copy_database(source, target, on_table=lambda _: None)
"""


def contents(warehouse: Warehouse) -> dict[str, list[Row]]:
    """All rows, with what PostgreSQL keeps of a NUL."""
    return {table.name: [_with_kept_texts(row) for page in pages(warehouse, table) for row in page] for table in COPIED}


def _with_kept_texts(row: Row) -> Row:
    return {name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in row.items()}


def answers_in(warehouse: Warehouse) -> int:
    with warehouse.transaction() as connection:
        return count_rows(connection)["enrichments"]


@pytest.mark.long
@pytest.mark.parametrize("direction", ["into PostgreSQL", "into a file"])
def test_a_copy_that_is_killed_at_any_moment_is_completed_by_the_next_and_doubles_nothing(
    direction: str, file: duckdb.Warehouse, postgres_database: PostgresUrl
) -> None:
    addresses: list[Path | PostgresUrl] = [file.path, postgres_database]
    if direction == "into a file":
        addresses.reverse()
    source, target = map(open_warehouse, addresses)
    fill(source, answers=1_000)
    before = contents(source)
    at_kills = [0]
    for wanted in ("nothing", "a part", "more"):
        with Program(COPY, *map(as_set, addresses)) as program:
            program.line()
            if wanted == "nothing":
                time.sleep(random.Random(20_261_124).uniform(0, 0.2))
            while wanted != "nothing" and answers_in(target) <= at_kills[-1]:
                time.sleep(0.005)
            program.kill()
        at_kills.append(answers_in(target))
    assert 0 < at_kills[2] < at_kills[3] < 1_000, "two met it in the middle of a table, and what was there stays"
    done = copied(source, target)
    assert (done["enrichments"].rows, done["enrichments"].added) == (1_000, 1_000 - at_kills[-1])
    assert contents(target) == contents(source) == before
