"""Which rows an evaluation takes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.evaluation.rows import Row, read_table, sample
from roadmap_assets_tests.evaluation.conftest import table


def test_a_sample_is_the_same_each_time_in_order_and_spread_over_the_groups() -> None:
    rows = table(100)
    chosen = sample(rows, 20, seed=0)
    assert chosen == sample(rows, 20, seed=0) != sample(rows, 20, seed=1)
    assert chosen == [row for row in rows if row in chosen]
    assert set(Counter(row.group for row in chosen).values()) == {5}


def test_a_table_that_grows_keeps_most_of_its_sample() -> None:
    before, after = sample(table(100), 40, seed=0), sample(table(104), 40, seed=0)
    assert len(set(ids(before)) & set(ids(after))) >= 36


def ids(rows: list[Row]) -> list[str]:
    return [row.row_id for row in rows]


def test_equal_rows_are_drawn_once_and_few_rows_are_all_drawn() -> None:
    assert sample([*table(5), *table(5)], 40, seed=0) == table(5)


def test_a_csv_file_gives_rows_by_the_columns_named(tmp_path: Path) -> None:
    path = tmp_path / "dishes.csv"
    path.write_text("name,text\nSourdough, Bread \n,without a name\nHollandaise,\n", "utf-8-sig")
    assert read_table(path, topic="name", description="text") == [
        Row(row_id="1", topic="Sourdough", description="Bread"),
        Row(row_id="3", topic="Hollandaise"),
    ]


@pytest.mark.parametrize(
    ("content", "topic", "wrong"),
    [
        (b"name\nx\n", "title", "has no column 'title'; its columns are: name"),
        (b"name\n \n", "name", "has no row with a 'name'"),
        (b"\xff\xfe", "name", "cannot read the table"),
    ],
)
def test_a_table_without_rows_is_refused(tmp_path: Path, content: bytes, topic: str, wrong: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=wrong):
        read_table(path, topic=topic)
