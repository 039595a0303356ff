"""A user's own tables in a DuckDB file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.user_tables import ANSWERED, Source, quoted_table

if TYPE_CHECKING:
    import pandas as pd

_NEW = "roadmap_assets_new"


class DuckDBUserTables:
    """The tables of a file. DuckDB allows one writing process, so it is open as briefly as can be."""

    kind = "duckdb"

    def __init__(self, file: Path) -> None:
        self._file = str(file)

    def read(self, source: Source, *, partitions: Sequence[str]) -> pd.DataFrame:
        """See `UserTables`."""
        column = source.partition_column
        where = f"WHERE CAST({quoted(column)} AS VARCHAR) IN (SELECT unnest(?))" if column else ""
        statement = f"SELECT * FROM {source.sql} AS source {where}"
        with closing(duckdb.connect(self._file, read_only=True)) as connection:
            return connection.execute(statement, [list(partitions)] if column else []).df()

    def write(self, new: pd.DataFrame, *, source: Source, target: str, key: str) -> None:
        """See `UserTables`; DuckDB finds the types of columns in the frame."""
        to, by = quoted_table(target), quoted(key)
        with closing(duckdb.connect(self._file)) as connection:
            connection.register(_NEW, new)
            connection.execute("BEGIN")
            connection.execute(f"CREATE TABLE IF NOT EXISTS {to} AS SELECT * FROM {_NEW} LIMIT 0")
            answered = f"SELECT {by} FROM {_NEW} WHERE status IN {ANSWERED}"
            connection.execute(f"DELETE FROM {to} WHERE {by} IN ({answered})")
            if not source.partition_column:
                connection.execute(f"DELETE FROM {to} WHERE {by} NOT IN (SELECT {by} FROM {_NEW})")
            missing = f"SELECT * FROM {_NEW} WHERE {by} NOT IN (SELECT {by} FROM {to})"
            connection.execute(f"INSERT INTO {to} BY NAME {missing}")
            connection.execute("COMMIT")
