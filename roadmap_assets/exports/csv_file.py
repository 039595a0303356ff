"""CSV files for people and spreadsheets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.warehouse.topics import Topic

TOPIC_HEADERS = ("Category", "Subcategory", "Topic", "Description", "Resources")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""The last four are full-width: spreadsheets set to an East Asian language take them for the plain ones."""


def default_path(folder: Place, roadmap: str, *, simulated: bool = False) -> Place:
    """`<folder>/roadmap_<slug>.csv`; simulated answers never share a name with real ones."""
    return folder / f"roadmap_{roadmap}{'.simulated' if simulated else ''}.csv"


def topics_path(folder: Place, roadmap: str) -> Place:
    """`<folder>/topics_<slug>.csv`, for a roadmap without enrichment columns."""
    return folder / f"topics_{roadmap}.csv"


def write_roadmap_csv(
    path: Place, topics: Sequence[Topic], *, headers: Mapping[str, str], answers: Sequence[Mapping[str, Any]]
) -> None:
    """Write a roadmap's topics, each with its answer: UTF-8, all fields quoted, resources separated by `|`.

    `headers` gives the answers' columns and their titles; a topic without an answer has an empty mapping.

    Raises:
        OutputNotWritable: the file cannot be written; a file that was there stays as it was.
    """
    rows = (
        [
            topic.category,
            topic.subcategory,
            topic.topic,
            topic.description,
            "|".join(resource.url for resource in topic.resources),
            *(_text(answer.get(column)) for column in headers),
        ]
        for topic, answer in zip(topics, answers, strict=True)
    )
    write_csv(path, [*TOPIC_HEADERS, *headers.values()], rows)


def write_csv(path: Place, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of texts, whole or not at all; texts that a spreadsheet would run as a formula are disarmed.

    Raises:
        OutputNotWritable: the file cannot be written; a file that was there stays as it was.
    """
    with written_whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        writer.writerows([disarmed(cell) for cell in row] for row in rows)


def disarmed(cell: str) -> str:
    """The text with a leading `'` where a spreadsheet would take it for a formula (OWASP, "CSV Injection")."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
