"""The database among several processes, on bad files, and when things break off."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from roadmap_assets.errors import WarehouseBusy, WarehouseUnreadable, WarehouseUnwritable
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.processes import Program
from roadmap_assets_tests.warehouse.access import count, insert


@pytest.fixture
def warehouse(file: Warehouse) -> Warehouse:
    return file


INSERT_20 = """
import sys
from pathlib import Path
from roadmap_assets.warehouse.duckdb import Warehouse

warehouse = Warehouse(Path(sys.argv[1]))
for number in range(20):
    with warehouse.transaction() as connection:
        row = [sys.argv[2], str(number)]
        connection.execute("INSERT INTO source_listings VALUES (?, ?, '', now()::TIMESTAMP)", row)
"""

STORE_WITH_LITTLE_ROOM = """
import resource, sys
from pathlib import Path
from roadmap_assets.errors import WarehouseUnwritable
from roadmap_assets.warehouse.duckdb import Warehouse

room, rows = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, -1))
try:
    with Warehouse(Path(sys.argv[1])).transaction() as connection:
        connection.execute(
            "INSERT INTO source_listings SELECT md5(i::VARCHAR), md5((7 * i)::VARCHAR), '', now()::TIMESTAMP "
            "FROM range(?) t(i)", [rows]
        )
except WarehouseUnwritable as error:
    print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    with Warehouse(Path(sys.argv[1])).transaction() as connection:
        connection.execute("INSERT INTO source_listings VALUES ('room again', '', '', now()::TIMESTAMP)")
"""


@pytest.mark.long
def test_that_six_processes_lose_no_row(warehouse: Warehouse) -> None:
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(INSERT_20, warehouse.path, name)) for name in "abcdef"]
        for program in programs:
            program.end()
    with warehouse.transaction() as connection:
        rows = connection.execute("SELECT source, etag FROM source_listings").fetchall()
    assert sorted(rows) == sorted((name, str(number)) for name in "abcdef" for number in range(20))


def test_that_threads_take_turns_as_processes_do(warehouse: Warehouse) -> None:
    def insert_ten(name: str) -> None:
        for _ in range(10):
            insert(warehouse, name)

    threads = [threading.Thread(target=insert_ten, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(warehouse) == 40


@pytest.mark.parametrize("read_only", [True, False])
def test_that_another_connection_in_the_same_process_is_named(warehouse: Warehouse, read_only: bool) -> None:
    insert(warehouse, "ours")
    ours = Warehouse(warehouse.path, wait_s=0)
    with (
        duckdb.connect(str(warehouse.path), read_only=read_only),
        pytest.raises(WarehouseBusy, match="this very process"),
    ):
        count(ours)
    assert count(warehouse) == 1


def test_that_an_exception_rolls_back_and_frees(warehouse: Warehouse) -> None:
    insert(warehouse, "kept")
    with pytest.raises(KeyError), warehouse.transaction() as connection:  # noqa: PT012
        connection.execute("DELETE FROM source_listings")
        raise KeyError
    assert count(warehouse) == 1


def test_that_a_broken_statement_is_our_own_fault_and_stays_what_it_is(warehouse: Warehouse) -> None:
    with pytest.raises(duckdb.ParserException), warehouse.transaction() as connection:
        connection.execute("SELEKT 1")


NOT_A_DATABASE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.touch(),
    "a few bytes": lambda path: path.write_bytes(b"abc"),
    "text": lambda path: path.write_text("Dear diary, " * 2000),
    "SQLite": lambda path: sqlite3.connect(path).execute("CREATE TABLE topics (topic)").connection.close(),
    "DuckDB, cut in its header": lambda path: path.write_bytes(bytes(8) + b"DUCK" + bytes(100)),
    "DuckDB, of zeros": lambda path: path.write_bytes(bytes(8) + b"DUCK" + bytes(20_000)),
    "a device": lambda path: path.symlink_to("/dev/null"),
}


@pytest.mark.parametrize("kind", NOT_A_DATABASE)
def test_that_what_is_no_database_is_left_untouched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "precious"
    NOT_A_DATABASE[kind](path)
    before = path.read_bytes()
    # Not taken for a lock that somebody may let go of: waiting would be in vain.
    with pytest.raises(WarehouseUnreadable, match="untouched"):
        count(Warehouse(path))
    assert path.read_bytes() == before


BLOCKS = range(12288 + 20, 1 << 23, 1 << 18)  # of which some may be unused


@pytest.mark.parametrize(
    "places", [[20], [4096 + 5], [8192 + 5], BLOCKS], ids=["header", "first", "second", "every block"]
)
def test_that_a_damaged_database_is_left_untouched(warehouse: Warehouse, places: Sequence[int]) -> None:
    insert(warehouse, "ours")
    insert(warehouse, "ours too")  # so that both halves of the header have been written
    data = bytearray(warehouse.path.read_bytes())
    for at in places:
        data[at : at + 64] = bytes(byte ^ 0xFF for byte in data[at : at + 64])
    warehouse.path.write_bytes(data)
    with pytest.raises(WarehouseUnreadable):
        count(warehouse)
    assert warehouse.path.read_bytes() == data


def test_that_a_database_cut_short_is_left_untouched(warehouse: Warehouse) -> None:
    insert(warehouse, "ours")
    data = warehouse.path.read_bytes()[:-300_000]
    warehouse.path.write_bytes(data)
    with pytest.raises(WarehouseUnreadable):
        count(warehouse)
    assert warehouse.path.read_bytes() == data


def test_that_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnreadable, match="not a DuckDB database"):
        count(Warehouse(tmp_path))
    assert not any(tmp_path.iterdir())


def test_that_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WarehouseUnreadable, match=r"ROADMAP_DB"):
        count(Warehouse(tmp_path / "file" / "folder" / "x.duckdb"))
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc")
def test_that_a_folder_that_cannot_be_written_is_named_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(WarehouseUnreadable, match=r"/proc/x\.duckdb.*ROADMAP_DB"):
        count(Warehouse(Path("/proc/x.duckdb")))
    assert time.monotonic() - began < 10


def test_that_a_pipe_is_no_database(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WarehouseUnreadable, match="not a DuckDB database"):
        count(Warehouse(tmp_path / "pipe"))


def test_that_a_place_without_room_for_the_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb.lock").mkdir()
    with pytest.raises(WarehouseUnreadable, match=r"x\.duckdb\.lock"):
        count(Warehouse(tmp_path / "x.duckdb"))


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_that_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WarehouseUnreadable, match="Permission denied"):
            count(Warehouse(tmp_path / "x.duckdb"))
    finally:
        tmp_path.chmod(0o700)


def test_that_names_special_to_duckdb_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    insert(Warehouse(Path(":memory:")), "ours")
    assert count(Warehouse(tmp_path / ":memory:")) == 1


def test_that_two_names_of_one_file_come_to_one_lock(tmp_path: Path) -> None:
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "real.duckdb")
    other = Warehouse(tmp_path / "real.duckdb", wait_s=0)
    with (
        Warehouse(tmp_path / "link.duckdb").transaction(),
        pytest.raises(WarehouseBusy, match=rf"another run \(PID {os.getpid()}\)"),
    ):
        count(other)


def test_that_a_half_created_database_is_created_again(warehouse: Warehouse) -> None:
    """A run that was killed while it made the database, or a database removed without its log, is no hindrance."""
    warehouse.path.with_name(f"{warehouse.path.name}.new").write_bytes(b"half a header")
    warehouse.path.with_name(f"{warehouse.path.name}.wal").write_bytes(b"the log of another database")
    insert(warehouse, "ours")
    assert count(warehouse) == 1


@pytest.mark.parametrize(
    ("room", "rows", "where"),
    [
        (50_000, 5_000, "the log is written at the commit"),
        (50_000, 200_000, "many rows go to the database itself at the commit"),
        (1_500_000, 500_000, "many more are written before the commit"),
    ],
)
def test_that_a_full_disk_is_an_error_for_people_and_costs_no_row(
    warehouse: Warehouse, room: int, rows: int, where: str
) -> None:
    insert(warehouse, "kept")
    with Program(STORE_WITH_LITTLE_ROOM, warehouse.path, room, rows) as program:
        said = program.end()
    assert str(warehouse.path) in said, where
    assert "File too large" in said
    assert "ROADMAP_DB" in said
    with warehouse.transaction() as connection:
        sources = connection.execute("SELECT source FROM source_listings").fetchall()
    assert sources == [("kept",), ("room again",)], "the same process goes on when there is room again"


def test_that_a_database_can_be_made_when_there_is_room_again(warehouse: Warehouse) -> None:
    with Program(STORE_WITH_LITTLE_ROOM, warehouse.path, 5_000, 1) as program:
        assert "ROADMAP_DB" in program.end()
    assert count(warehouse) == 1


def test_that_a_table_that_somebody_removed_is_named(warehouse: Warehouse) -> None:
    insert(warehouse, "ours")
    with duckdb.connect(str(warehouse.path)) as stranger:
        stranger.execute("DROP TABLE source_listings")
    with pytest.raises(WarehouseUnreadable, match="source_listings"):
        count(warehouse)


def test_that_the_database_can_be_moved(warehouse: Warehouse, tmp_path: Path) -> None:
    insert(warehouse, "ours")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(warehouse.path, tmp_path / "elsewhere" / "cache.duckdb")
    assert count(Warehouse(Path(moved))) == 1


def test_that_a_file_of_another_format_keeps_it_and_a_new_one_has_ours(warehouse: Warehouse, tmp_path: Path) -> None:
    insert(warehouse, "ours")
    assert format_of(warehouse.path) == "v1.4.0+"
    for of_others in ("v1.0.0", "v1.5.0"):
        path = tmp_path / f"{of_others}.duckdb"
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' (STORAGE_VERSION '{of_others}')")
        insert(Warehouse(path), "ours")
        assert (format_of(path), count(Warehouse(path))) == (f"{of_others}+", 1)


def format_of(path: Path) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS it (READ_ONLY)")
        (found,) = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'it'").fetchall()
    return str(found[0]["storage_version"])


def test_that_the_errors_say_whether_trying_again_can_help() -> None:
    assert WarehouseBusy.retryable
    assert WarehouseUnwritable.retryable
    assert not WarehouseUnreadable.retryable
