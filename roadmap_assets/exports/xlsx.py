"""A roadmap as an Excel workbook: its topics, on one sheet or on one a chapter, and every resource with its link.

All cells are written as texts, so that none can be a formula.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.warehouse.topics import Topic

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

LONGEST_CELL: Final = 32_767
LONGEST_LINK: Final = 2_079
MOST_LINKS: Final = 65_530
_LONGEST_NAME: Final = 31
_WIDTHS: Final = {"Category": 24, "Subcategory": 24, "Topic": 28, "Description": 60, "Kind": 12, "Resources": 48}
_ANSWER_WIDTH: Final = 36

Row = tuple[Topic, Mapping[str, Any]]


def write_workbook(
    path: Place,
    topics: Sequence[Topic],
    *,
    headers: Mapping[str, str],
    answers: Sequence[Mapping[str, Any]],
    by_chapter: bool = False,
) -> None:
    """Write the workbook; `headers` gives the answers' columns and their titles.

    Raises:
        OutputNotWritable: the file cannot be written; a file that was there stays as it was.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    rows = list(zip(topics, answers, strict=True))
    names = _Names()
    with written_whole(path) as unfinished:
        workbook = Workbook(str(unfinished), {"in_memory": True})
        look = _Look(workbook)
        for name, members in _sheets(rows, by_chapter=by_chapter):
            _write_topics(workbook.add_worksheet(names.of(name)), members, headers, look)
        _write_resources(workbook.add_worksheet(names.of("Resources")), topics, look)
        try:
            workbook.close()
        except FileCreateError as error:
            raise error.__context__ if isinstance(error.__context__, OSError) else OSError(str(error)) from error


class _Look:
    """The formats of a workbook."""

    def __init__(self, workbook: Workbook) -> None:
        self.header: Format = workbook.add_format({"bold": True, "bottom": 1, "valign": "top"})
        self.text: Format = workbook.add_format({"text_wrap": True, "valign": "top"})
        self.link: Format = workbook.add_format({"font_color": "#1d5b96", "underline": 1, "valign": "top"})


class _Names:
    """Names of sheets, which Excel wants short, without certain signs, and different in more than their case."""

    def __init__(self) -> None:
        self._taken = {"history"}  # which Excel keeps for itself

    def of(self, wanted: str) -> str:
        base = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", wanted)[:_LONGEST_NAME].strip("' ") or "Topics"
        name, number = base, 2
        while name.casefold() in self._taken:
            ending = f" {number}"
            name, number = base[: _LONGEST_NAME - len(ending)] + ending, number + 1
        self._taken.add(name.casefold())
        return name


def _sheets(rows: Sequence[Row], *, by_chapter: bool) -> Iterator[tuple[str, Sequence[Row]]]:
    if not by_chapter:
        yield "Topics", rows
        return
    chapters: dict[str, list[Row]] = {}
    for row in rows:
        chapters.setdefault(row[0].category, []).append(row)
    yield from chapters.items()


def _write_topics(sheet: Worksheet, rows: Sequence[Row], headers: Mapping[str, str], look: _Look) -> None:
    _write_header(sheet, ["Category", "Subcategory", "Topic", *headers.values(), "Description", "Resources"], look)
    for number, (topic, answer) in enumerate(rows, start=1):
        resources = "\n".join(f"{resource.title} ({resource.type})" for resource in topic.resources)
        texts = (_text(answer.get(column)) for column in headers)
        cells = [topic.category, topic.subcategory, topic.topic, *texts, topic.description, resources]
        for column, cell in enumerate(cells):
            sheet.write_string(number, column, cell[:LONGEST_CELL], look.text)
    sheet.autofilter(0, 0, max(1, len(rows)), len(headers) + 4)


def _write_resources(sheet: Worksheet, topics: Sequence[Topic], look: _Look) -> None:
    _write_header(sheet, ["Category", "Topic", "Kind", "Resources"], look)
    links = [(topic, resource) for topic in topics for resource in topic.resources]
    for number, (topic, resource) in enumerate(links, start=1):
        for column, cell in enumerate((topic.category, topic.topic, resource.type)):
            sheet.write_string(number, column, cell[:LONGEST_CELL], look.text)
        is_link = resource.url.startswith(("http://", "https://")) and len(resource.url) <= LONGEST_LINK
        if is_link and number <= MOST_LINKS:
            sheet.write_url(number, 3, resource.url, look.link, string=resource.title[:LONGEST_CELL])
        else:
            sheet.write_string(number, 3, f"{resource.title} {resource.url}"[:LONGEST_CELL], look.text)
    sheet.autofilter(0, 0, max(1, len(links)), 3)


def _write_header(sheet: Worksheet, titles: Sequence[str], look: _Look) -> None:
    for column, title in enumerate(titles):
        sheet.write_string(0, column, title, look.header)
        sheet.set_column(column, column, _WIDTHS.get(title, _ANSWER_WIDTH))
    sheet.freeze_panes(1, 0)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
