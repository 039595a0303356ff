"""A whole database as Parquet files, a table each, for whatever reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from roadmap_assets.exports.whole_file import check_writable, written_whole
from roadmap_assets.warehouse import duckdb as duckdb_warehouse
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.copying import Copied, copy_database


def write_parquet_files(warehouse: Warehouse, folder: Path, *, on_table: Callable[[Copied], None]) -> None:
    """Write each table of the database to `folder`, by way of a DuckDB file that is gone afterwards.

    Raises:
        OutputNotWritable: the folder cannot be written.
        WarehouseError: as `copy_database`.
    """
    check_writable(folder / "any.parquet")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as place:
        copy = duckdb_warehouse.Warehouse(Path(place) / "copy.duckdb")
        copied: list[Copied] = []
        copy_database(warehouse, copy, on_table=copied.append)
        with duckdb.connect(str(copy.path), read_only=True) as connection:
            for table in copied:
                with written_whole(folder / f"{table.table}.parquet") as unfinished:
                    file = str(unfinished).replace("'", "''")  # a file's name cannot be a parameter
                    connection.execute(f"COPY {table.table} TO '{file}' (FORMAT parquet)")
                on_table(table)
