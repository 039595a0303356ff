"""The topics table as CSV, JSON Lines and Parquet: what goes in comes out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest
from msgspec import to_builtins

from roadmap_assets.errors import InvalidSetting, OutputNotWritable
from roadmap_assets.exports.tables import FORMATS, check_format, write_json_lines, write_roadmap, write_topics
from roadmap_assets.warehouse.topics import Resource, Topic

TOPICS = [
    Topic(
        roadmap="test",
        topic_id="one",
        position=0,
        topic='A "topic", with\nall sorts ✓',
        category="Category",
        subcategory="Sub",
        parent="Parent",
        parent_topic="Parent topic",
        path=("Category", "Sub, really"),
        description="A text.",
        resources=(Resource("Title", "https://a.example/?b=1", "article"), Resource("", "https://c.example", "video")),
        placed_by="tree",
        optional=True,
    ),
    Topic("test", "two", 1, "Bare", "", "", "", "", (), "", ()),
]
COLUMNS = list(Topic.__struct_fields__)


def as_json(topic: Topic) -> dict[str, object]:
    """The topic with lists for tuples."""
    return dict(json.loads(json.dumps(to_builtins(topic))))


def test_json_lines(tmp_path: Path) -> None:
    write_topics(tmp_path / "topics.jsonl", TOPICS)
    lines = (tmp_path / "topics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [as_json(topic) for topic in TOPICS]
    assert "✓" in lines[0]  # as it is, not escaped


def test_json_lines_to_a_stream() -> None:
    stream = io.StringIO()
    write_json_lines(stream, TOPICS)
    assert len(stream.getvalue().splitlines()) == len(TOPICS)


def test_csv(tmp_path: Path) -> None:
    write_topics(tmp_path / "topics.csv", TOPICS)
    with (tmp_path / "topics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    as_read = [
        {**row, **{name: json.loads(row[name]) for name in ("position", "path", "resources", "optional")}}
        for row in rows
    ]
    assert as_read == [as_json(topic) for topic in TOPICS]


def test_parquet(tmp_path: Path) -> None:
    write_topics(tmp_path / "topics.parquet", TOPICS)
    table = duckdb.read_parquet(str(tmp_path / "topics.parquet"))
    assert table.columns == COLUMNS
    assert dict(zip(table.columns, map(str, table.types), strict=True))["path"] == "VARCHAR[]"
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in table.fetchall()]
    assert rows == [as_json(topic) for topic in TOPICS]


@pytest.mark.parametrize("ending", FORMATS)
def test_no_topics_make_an_empty_table(tmp_path: Path, ending: str) -> None:
    write_topics(tmp_path / f"topics{ending}", [])
    assert (tmp_path / f"topics{ending}").exists()


@pytest.mark.parametrize("name", ["topics.xls", "topics", "csv", ".parquet"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    for attempt in (check_format, lambda path: write_topics(path, TOPICS)):
        with pytest.raises(InvalidSetting, match=r"\.csv, \.jsonl, \.parquet, \.xlsx"):
            attempt(tmp_path / name)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_place_that_cannot_be_written(tmp_path: Path, ending: str) -> None:
    (tmp_path / "file").touch()
    for attempt in (check_format, lambda path: write_topics(path, TOPICS)):
        with pytest.raises(OutputNotWritable, match="Not a directory"):
            attempt(tmp_path / "file" / f"topics{ending}")


ANSWERS: list[dict[str, object]] = [{"tldr": "Short", "steps": ["a", "b"], "rank": 3}, {}]
HEADERS = {"tldr": "TLDR", "steps": "Steps", "rank": "Rank"}


def test_the_answers_stand_beside_the_topics_in_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "roadmap.jsonl"
    write_roadmap(path, TOPICS, headers=HEADERS, answers=ANSWERS)
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert first == {**as_json(TOPICS[0]), **ANSWERS[0]}
    assert second == {**as_json(TOPICS[1]), "tldr": None, "steps": None, "rank": None}
    assert first["resources"][0] == {"title": "Title", "url": "https://a.example/?b=1", "type": "article"}


def test_the_answers_stand_beside_the_topics_in_parquet_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "roadmap.parquet"
    write_roadmap(path, TOPICS, headers=HEADERS, answers=ANSWERS)
    table = duckdb.read_parquet(str(path))
    types = dict(zip(table.columns, map(str, table.types), strict=True))
    assert (types["tldr"], types["rank"]) == ("VARCHAR", "BIGINT")
    assert table.project("tldr, steps, rank").fetchall() == [("Short", '["a","b"]', 3), (None, None, None)]


def test_a_csv_file_of_a_roadmap_has_the_columns_for_people(tmp_path: Path) -> None:
    path = tmp_path / "roadmap.csv"
    write_roadmap(path, TOPICS, headers=HEADERS, answers=ANSWERS)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == ["Category", "Subcategory", "Topic", "Description", "Resources"]
    assert rows[0]["Resources"] == "https://a.example/?b=1|https://c.example"
