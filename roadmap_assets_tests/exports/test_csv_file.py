"""CSV files: their names, their form, and cells that a spreadsheet must not run."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from roadmap_assets.exports.csv_file import default_path, disarmed, topics_path, write_roadmap_csv
from roadmap_assets.warehouse.topics import Resource, Topic


def topic(name: str, *, description: str = "", resources: tuple[str, ...] = ()) -> Topic:
    return Topic(
        roadmap="test",
        topic_id=name,
        position=0,
        topic=name,
        category="Category",
        subcategory="",
        parent="",
        parent_topic="",
        path=(),
        description=description,
        resources=tuple(Resource(title="", url=url, type="article") for url in resources),
    )


def test_enriched_simulated_and_plain_rows_never_share_a_name() -> None:
    folder = Path("out")
    assert default_path(folder, "a-b-c") == Path("out/roadmap_a-b-c.csv")
    assert default_path(folder, "a-b-c", simulated=True) == Path("out/roadmap_a-b-c.simulated.csv")
    assert topics_path(folder, "a-b-c") == Path("out/topics_a-b-c.csv")


def test_every_field_is_quoted_and_every_text_comes_back(tmp_path: Path) -> None:
    odd = 'quotes " and, commas\nand lines; ünïcode ✓'
    path = tmp_path / "roadmap.csv"
    write_roadmap_csv(
        path,
        [topic("One", description=odd, resources=("https://a.example", "https://b.example")), topic("Two")],
        headers={"tldr": "TLDR", "steps": "Steps"},
        answers=[{"tldr": "Short", "steps": ["ä", "b"]}, {}],
    )
    assert path.read_bytes().splitlines()[0] == (
        b'"Category","Subcategory","Topic","Description","Resources","TLDR","Steps"'
    )
    with path.open(encoding="utf-8", newline="") as file:
        _, first, second = csv.reader(file)
    assert first == ["Category", "", "One", odd, "https://a.example|https://b.example", "Short", '["ä", "b"]']
    assert second == ["Category", "", "Two", "", "", "", ""]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),  # full-width signs count as the plain ones in some languages' spreadsheets
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠SUM(A1)", "'＠SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("C++", "C++"),  # only a first character makes a formula
        ("a=b", "a=b"),
        (" =1", " =1"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(tmp_path: Path, cell: str, written: str) -> None:
    assert disarmed(cell) == written
    path = tmp_path / "roadmap.csv"
    write_roadmap_csv(path, [topic(cell)], headers={"tldr": "TLDR"}, answers=[{"tldr": cell}])
    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["Topic"], row["TLDR"]) == (written, written)  # what Gemini wrote as much as what the source has


def test_answers_must_be_as_many_as_topics(tmp_path: Path) -> None:
    path = tmp_path / "roadmap.csv"
    with pytest.raises(ValueError, match="zip"):
        write_roadmap_csv(path, [topic("One"), topic("Two")], headers={}, answers=[{}])
    assert not path.exists()
