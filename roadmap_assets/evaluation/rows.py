"""The rows of an evaluation: from roadmaps or any CSV file, and a sample of them that is the same each time."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

from msgspec import Struct, field

from roadmap_assets.errors import InvalidSetting


class Row(Struct, frozen=True, kw_only=True):
    """One row: `group` is its chapter, over which a sample is spread, and `known` its known answers, as texts."""

    row_id: str
    topic: str
    description: str = ""
    context: str = ""
    group: str = ""
    known: Mapping[str, str] = field(default_factory=dict)


def sample(rows: Iterable[Row], count: int, *, seed: int) -> list[Row]:
    """At most `count` different rows, spread evenly over the groups, in the order given.

    A row's place in the draw depends on its own text and the seed alone: a table that grows keeps most of its sample.
    """
    different = list({(row.topic, row.description, row.context): row for row in rows}.values())
    groups: dict[str, list[Row]] = {}
    for row in different:
        groups.setdefault(row.group, []).append(row)
    drawn = [sorted(group, key=lambda row: _lot(row, seed)) for group in groups.values()]
    by_turn = sorted(
        ((turn, _lot(row, seed), row) for group in drawn for turn, row in enumerate(group)), key=lambda item: item[:2]
    )
    chosen = {row.row_id for _, _, row in by_turn[:count]}
    return [row for row in different if row.row_id in chosen]


def columns_in(path: Path) -> list[str]:
    """The columns of a CSV file. Raises as `read_table`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file).fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidSetting(f"cannot read the table {path}: {error}") from None


def read_table(
    path: Path, *, topic: str, description: str = "", context: str = "", known: Sequence[str] = ()
) -> list[Row]:
    """The rows of a CSV file that have a topic; the arguments name columns.

    Raises:
        InvalidSetting: the file cannot be read, or has no such column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            for column in filter(None, (topic, description, context, *known)):
                if column not in columns:
                    raise InvalidSetting(f"{path} has no column {column!r}; its columns are: {', '.join(columns)}")
            found = [(number, row) for number, row in enumerate(reader, start=1) if (row[topic] or "").strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidSetting(f"cannot read the table {path}: {error}") from None
    if not found:
        raise InvalidSetting(f"{path} has no row with a {topic!r}")
    return [
        Row(
            row_id=str(number),
            topic=row[topic].strip(),
            description=(row.get(description) or "").strip(),
            context=(row.get(context) or "").strip(),
            known={column: (row[column] or "").strip() for column in known},
        )
        for number, row in found
    ]


def _lot(row: Row, seed: int) -> float:
    text = "\0".join((str(seed), row.row_id, row.topic))
    return Random(hashlib.sha256(text.encode(errors="replace")).digest()).random()  # noqa: S311 - draws a sample
