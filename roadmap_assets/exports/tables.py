"""Tables as files: CSV, JSON Lines, Parquet or an Excel workbook, by the file's ending."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, Final

from msgspec import to_builtins
from msgspec.structs import replace

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.exports.csv_file import write_csv, write_roadmap_csv
from roadmap_assets.exports.edition import Edition
from roadmap_assets.exports.extra import check_installed
from roadmap_assets.exports.whole_file import check_writable, written_whole
from roadmap_assets.exports.xlsx import write_workbook
from roadmap_assets.places import Place
from roadmap_assets.warehouse.base import Column, Table
from roadmap_assets.warehouse.topics import TOPICS, Topic

FORMATS: Final = (".csv", ".jsonl", ".parquet", ".xlsx")

_LISTS: Final = {"path": "VARCHAR[]", "resources": "STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[]"}
_TYPED_TOPICS: Final = replace(
    TOPICS, columns=tuple(replace(column, type=_LISTS.get(column.name, column.type)) for column in TOPICS.columns)
)
"""The table as Parquet holds it, with lists as such."""

Answers = Sequence[Mapping[str, Any]]
"""For each topic its answer by column, empty for none."""


def check_format(path: Place) -> None:
    """Find out whether the table can be written to `path`, before there is one.

    Raises:
        InvalidSetting: its suffix is not one of `FORMATS`.
        MissingExtra: the format needs a package that is not installed.
        OutputNotWritable: it cannot be written.
    """
    check_writable(path)
    if path.suffix not in FORMATS:
        raise InvalidSetting(f"unknown format of {path}: its name must end in {', '.join(FORMATS)}")
    if path.suffix == ".xlsx":
        check_installed("xlsxwriter", what="writing .xlsx")


def write_topics(path: Place, topics: Sequence[Topic]) -> None:
    """Write the topics to `path`; lists are JSON in CSV cells, and lists in JSON Lines and Parquet.

    Raises:
        InvalidSetting, MissingExtra, OutputNotWritable: as `check_format`.
    """
    check_format(path)
    if path.suffix == ".csv":
        _write_csv(path, topics)
    else:
        _write(path, topics, headers={}, answers=[{}] * len(topics))


def write_roadmap(path: Place, topics: Sequence[Topic], *, headers: Mapping[str, str], answers: Answers) -> None:
    """Write a roadmap's topics, each with its answer; CSV and workbook have the columns that people want to see.

    `headers` gives the answers' columns and their titles.

    Raises:
        InvalidSetting, MissingExtra, OutputNotWritable: as `check_format`.
    """
    check_format(path)
    if path.suffix == ".csv":
        write_roadmap_csv(path, topics, headers=headers, answers=answers)
    else:
        _write(path, topics, headers=headers, answers=answers)


def write_edition(path: Place, edition: Edition, *, by_chapter: bool = False) -> None:
    """Write what is published of a roadmap; `by_chapter` gives each chapter of a workbook a sheet.

    Raises:
        InvalidSetting, MissingExtra, OutputNotWritable: as `check_format`.
    """
    topics, answers = [row.topic for row in edition.rows], [row.columns for row in edition.rows]
    if by_chapter:
        check_format(path)
        write_workbook(path, topics, headers=edition.headers, answers=answers, by_chapter=True)
    else:
        write_roadmap(path, topics, headers=edition.headers, answers=answers)


def write_json_lines(file: IO[str], rows: Iterable[object]) -> None:
    """One JSON object a line; `rows` are records or mappings."""
    for row in rows:
        whole = row if isinstance(row, Mapping) else to_builtins(row)
        file.write(json.dumps(whole, ensure_ascii=False) + "\n")


def _write(path: Place, topics: Sequence[Topic], *, headers: Mapping[str, str], answers: Answers) -> None:
    if path.suffix == ".xlsx":
        write_workbook(path, topics, headers=headers, answers=answers)
        return
    rows = [
        {**to_builtins(topic), **{column: answer.get(column) for column in headers}}
        for topic, answer in zip(topics, answers, strict=True)
    ]
    if path.suffix == ".jsonl":
        with written_whole(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            write_json_lines(file, rows)
    else:
        _write_parquet(path, rows, [Column(name, _type_of(name, rows), "", nullable=True) for name in headers])


def _write_csv(path: Place, topics: Sequence[Topic]) -> None:
    header = Topic.__struct_fields__
    rows = (
        [
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for value in to_builtins(topic).values()
        ]
        for topic in topics
    )
    write_csv(path, header, rows)


def _type_of(column: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The type that all values of a column have, or else JSON."""
    found = {type(row[column]) for row in rows if row[column] is not None}
    return _TYPES.get(found.pop(), "JSON") if len(found) == 1 else "JSON" if found else "VARCHAR"


_TYPES: Final = {str: "VARCHAR", bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE"}


def _write_parquet(path: Place, rows: Sequence[Mapping[str, Any]], answers: Sequence[Column]) -> None:
    import duckdb

    from roadmap_assets.warehouse.attached import DuckDBConnection
    from roadmap_assets.warehouse.rows import create, insert_rows

    table: Table = _TYPED_TOPICS.with_columns(answers)
    with written_whole(path) as unfinished, duckdb.connect() as connection:
        create(DuckDBConnection(connection), table)
        insert_rows(DuckDBConnection(connection), table, rows)
        try:
            connection.table(table.name).write_parquet(str(unfinished))
        except duckdb.IOException as error:
            raise OSError(str(error).splitlines()[0]) from error
