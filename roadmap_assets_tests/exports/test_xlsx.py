"""Workbooks: readable, with links that can be clicked, and nothing that is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from roadmap_assets.errors import OutputNotWritable
from roadmap_assets.exports.xlsx import write_workbook
from roadmap_assets.warehouse.topics import Resource, Topic

LONG = "https://example.org/" + "a" * 3000


def topic(name: str, *, category: str = "Basics", resources: tuple[Resource, ...] = ()) -> Topic:
    return Topic("test", name, 0, name, category, "", "", "", (), f"About {name}.", resources)


def written(path: Path, topics: list[Topic], **more: Any) -> openpyxl.Workbook:
    answers = [{"tldr": f"Use {one.topic}", "steps": ["a", "b"]} for one in topics]
    write_workbook(path, topics, headers={"tldr": "TLDR", "steps": "Steps"}, answers=answers, **more)
    return openpyxl.load_workbook(path)


def values(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_topics_are_on_one_sheet_and_every_resource_has_its_title_kind_and_link(tmp_path: Path) -> None:
    resources = (Resource("A guide", "https://example.org/a?b=1&c", "video"), Resource("Long", LONG, "article"))
    book = written(tmp_path / "a.xlsx", [topic("One", resources=resources), topic("Two")])
    assert book.sheetnames == ["Topics", "Resources"]
    assert values(book["Topics"]) == [
        ("Category", "Subcategory", "Topic", "TLDR", "Steps", "Description", "Resources"),
        ("Basics", "", "One", "Use One", '["a", "b"]', "About One.", "A guide (video)\nLong (article)"),
        ("Basics", "", "Two", "Use Two", '["a", "b"]', "About Two.", ""),
    ]
    assert book["Topics"].freeze_panes == "A2"
    assert book["Topics"].column_dimensions["F"].width > 40
    cell, too_long = book["Resources"]["D2"], book["Resources"]["D3"]
    assert (cell.value, cell.hyperlink.target) == ("A guide", "https://example.org/a?b=1&c")
    assert (too_long.hyperlink, too_long.value) == (None, f"Long {LONG}")  # Excel takes no link of that length


def test_a_chapter_may_have_a_sheet_of_its_own(tmp_path: Path) -> None:
    names = ["A/B: [all] of it?", "a b   all  of it", "History", "", "x" * 40, "x" * 50]
    book = written(
        tmp_path / "a.xlsx", [topic(f"T{n}", category=name) for n, name in enumerate(names)], by_chapter=True
    )
    assert len(book.sheetnames) == len({name.casefold() for name in book.sheetnames}) == 7
    assert all(len(name) <= 31 for name in book.sheetnames)
    assert values(book[book.sheetnames[1]])[1][2] == "T1"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "{=1}", "=cmd|' /C calc'!A0", "https://evil.example"]
)
def test_no_text_becomes_a_formula_or_a_link(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.xlsx"
    resource = Resource(text, "javascript:alert(1)", text)
    write_workbook(
        path, [topic(text, category=text, resources=(resource,))], headers={"t": text}, answers=[{"t": text}]
    )
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert book["Topics"]["C2"].value == text


def test_a_text_that_no_cell_can_hold_is_cut(tmp_path: Path) -> None:
    book = written(tmp_path / "a.xlsx", [topic("y" * 40_000)])
    assert len(book["Topics"]["C2"].value) == 32_767


def test_a_workbook_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputNotWritable):
        written(tmp_path / "file" / "a.xlsx", [topic("One")])
    assert (tmp_path / "file").read_text() == "kept"
