"""The topics table as a file: CSV, JSON Lines or Parquet, by the file's ending."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import IO

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.exports.csv_file import write_csv
from roadmap_assets.exports.whole_file import check_writable, written_whole
from roadmap_assets.warehouse.topics import TOPICS, Topic

FORMATS = (".csv", ".jsonl", ".parquet")

_LISTS = {"path": "VARCHAR[]", "resources": "STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[]"}
_TYPED_TOPICS = replace(
    TOPICS, columns=tuple(replace(column, type=_LISTS.get(column.name, column.type)) for column in TOPICS.columns)
)
"""The table as Parquet holds it, with lists as such."""


def check_format(path: Path) -> None:
    """Raise InvalidSetting unless the ending is one of `FORMATS`, OutputNotWritable when it cannot be written."""
    if path.suffix not in FORMATS:
        raise InvalidSetting(f"cannot tell the format of {path}: its name must end in {', '.join(FORMATS)}")
    check_writable(path)


def write_topics(path: Path, topics: Sequence[Topic]) -> None:
    """Write the topics to `path`; lists are JSON in CSV cells, and lists in the other formats.

    Raises:
        InvalidSetting, OutputNotWritable: as `check_format`.
    """
    check_format(path)
    if path.suffix == ".csv":
        _write_csv(path, topics)
    elif path.suffix == ".jsonl":
        with written_whole(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            write_json_lines(file, topics)
    else:
        _write_parquet(path, topics)


def write_json_lines(file: IO[str], topics: Iterable[Topic]) -> None:
    """One JSON object a line."""
    for topic in topics:
        file.write(json.dumps(asdict(topic), ensure_ascii=False) + "\n")


def _write_csv(path: Path, topics: Sequence[Topic]) -> None:
    header = [field.name for field in fields(Topic)]
    rows = (
        [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in asdict(topic).values()]
        for topic in topics
    )
    write_csv(path, header, rows)


def _write_parquet(path: Path, topics: Sequence[Topic]) -> None:
    import duckdb

    from roadmap_assets.warehouse.connection import DuckDBConnection
    from roadmap_assets.warehouse.rows import create, insert_rows

    with written_whole(path) as unfinished, duckdb.connect() as connection:
        create(DuckDBConnection(connection), _TYPED_TOPICS)
        insert_rows(DuckDBConnection(connection), _TYPED_TOPICS, (asdict(topic) for topic in topics))
        try:
            connection.table("topics").write_parquet(str(unfinished))
        except duckdb.IOException as error:
            raise OSError(str(error).splitlines()[0]) from error
