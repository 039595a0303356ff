"""The pages as a reader meets them: from disk, by mouse, keys and fingers."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from roadmap_assets.exports.html.page import write_page
from roadmap_assets.exports.tables import write_roadmap
from roadmap_assets_tests.browser import PICTURES, opened
from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine
from roadmap_assets_tests.conftest import REPOSITORY
from roadmap_assets_tests.exports.editions import FORMULA, MARKUP, hostile
from roadmap_assets_tests.exports.html.reading import EDITION, HOW_TO, ROWS, bright, listed, saved

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.long


def becomes(page: Page, expression: str, value: str) -> None:
    """Wait for what a dialog's end leads to, which the browser reports in an event of its own."""
    deadline = time.monotonic() + 20
    while (found := page.evaluate(expression)) != value and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert found == value


def test_search_looks_at_every_text_at_once_and_goes_into_the_address(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        for typed, found in (
            ("retr", ["Retries"]),
            ("cafe oL", ["Öl und Café"]),  # any case, without accents, every word somewhere
            ("draw the graph", ["Retries"]),  # in an answer of another column
            ("example.net", ["Retries"]),
            ("nothing of the kind", []),
        ):
            page.fill("#q", typed)
            assert listed(page) == bright(page) == found
        page.fill("#q", "graph")
        page.select_option("#facet-challenge", "practice")
        assert page.inner_text("#count") == "1 of 5 topics"
        address = page.evaluate("location.hash")
    assert address == "#q=graph&challenge=practice"
    with opened(browser, page_file, address) as page:
        assert (page.input_value("#q"), listed(page)) == ("graph", ["Retries"])
        page.click("#clear")
        assert len(listed(page)) == 5


@pytest.mark.parametrize(
    ("facet", "value", "found"),
    [
        ("chapter", "Storage", ["Öl und Café", "Parquet", "Compaction"]),
        ("challenge", "expert", ["Tracing"]),
        ("kind", "video", ["Retries"]),
        ("optional", "only", ["Retries"]),
        ("mark", "Learn anytime", ["Retries"]),
        ("sort", "name", ["Compaction", "Öl und Café", "Parquet", "Retries", "Tracing"]),
        ("sort", "resources", ["Retries", "Tracing", "Öl und Café", "Parquet", "Compaction"]),
    ],
)
def test_facets_and_orders(browser: Browser, page_file: Path, facet: str, value: str, found: list[str]) -> None:
    with opened(browser, page_file) as page:
        page.select_option(f"#facet-{facet}", value)
        assert listed(page) == found


def test_ticks_survive_a_reload_and_travel_in_a_file(browser: Browser, page_file: Path, tmp_path: Path) -> None:
    with opened(browser, page_file) as page:
        page.check("#list [aria-label='Done: Parquet']")
        assert page.evaluate("document.activeElement.ariaLabel") == "Done: Parquet"  # though the list was rebuilt
        page.reload()
        assert page.is_checked("#list [aria-label='Done: Parquet']")
        assert page.inner_text("#done-count") == "1 of 5 done"
        page.select_option("#facet-done", "done")
        assert listed(page) == ["Parquet"]
        page.click("summary")
        with page.expect_download() as download:
            page.click("#export-progress")
        download.value.save_as(tmp_path / "ticks.json")
    assert json.loads((tmp_path / "ticks.json").read_text()) == {"roadmap": "test", "done": ["parquet"]}
    (tmp_path / "other.json").write_text('{"done": ["of-another-roadmap", 7, {"a": 1}]}')
    (tmp_path / "broken.json").write_text("{")
    with opened(browser, page_file) as page:
        assert page.inner_text("#done-count") == "0 of 5 done"
        for name in ("other.json", "broken.json", "ticks.json"):
            page.set_input_files("#progress-file", tmp_path / name)
        page.locator("#done-count", has_text="1 of 5 done").wait_for()


def test_a_card_shows_all_there_is_and_closing_it_leads_back(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        page.click("#drawing [data-topic='0']")
        card = page.locator("#card")
        text = card.inner_text()
        for part in (
            "Repeat what may pass",
            "practice",
            "optional",
            "Learn anytime",
            "Draw the graph",
            "Explains it",
            "Wait longer",
        ):
            assert part in text
        assert card.locator(".text li").all_inner_texts() == ["at first", "then more"]
        assert card.locator("h4").all_inner_texts() == ["Article", "Video"]
        talk = card.get_by_role("link", name="A talk")
        assert (talk.get_attribute("href"), talk.get_attribute("rel")) == (
            "https://example.net/talk",
            "noopener noreferrer",
        )
        assert page.evaluate("location.hash") == "#topic=retries"
        card.get_by_role("button", name="Next").click()
        assert card.locator("h2").inner_text() == "Tracing"
        page.keyboard.press("Escape")
        assert not card.is_visible()
        becomes(page, "location.hash", "")
        page.click("#list .open >> nth=3")
        assert "stale answer of 3 February 2025" in card.inner_text()
        page.keyboard.press("Escape")
        becomes(page, "document.activeElement.textContent", "Parquet")
    with opened(browser, page_file, "#topic=öl-und-café") as page:
        assert "simulated" in page.inner_text("#card")
    with opened(browser, page_file, "#topic=compaction") as page:
        assert "no answer" in page.inner_text("#card")


def test_everything_can_be_reached_by_keys(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "q"
        stops = 0
        while not page.evaluate("document.activeElement.dataset.topic !== undefined"):
            page.keyboard.press("Tab")
            stops += 1
            assert stops < 15
        assert page.evaluate("document.activeElement.dataset.topic") == "0"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("End")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.dataset.topic") == "3"
        page.keyboard.press("Enter")
        assert page.locator("#card h2").inner_text() == "Parquet"
        page.keyboard.press("Escape")
        becomes(page, "document.activeElement.dataset.topic", "3")
        before = page.get_attribute("#drawing", "viewBox")
        page.keyboard.press("+")
        assert page.get_attribute("#drawing", "viewBox") != before
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.id") == "zoom-fit"  # one stop for all topics


def test_the_drawing_pans_by_drag_and_wheel_and_zooms_where_the_pointer_is(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file) as page:

        def view() -> list[float]:
            return [float(number) for number in str(page.get_attribute("#drawing", "viewBox")).split()]

        def place(topic: int) -> tuple[float, float]:
            box = page.locator(f"#drawing [data-topic='{topic}'] rect").bounding_box()
            assert box is not None
            return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        page.click("#zoom-in", click_count=4)
        before, (x, y) = view(), place(2)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 60, y - 40, steps=4)
        page.mouse.up()
        assert view()[:2] != before[:2]
        assert not page.is_visible("#card")  # a drag opens nothing
        x, y = place(2)
        page.mouse.move(x, y)
        before = view()
        page.keyboard.down("Control")
        page.mouse.wheel(0, -200)
        page.keyboard.up("Control")
        page.wait_for_function(
            "(before) => document.getElementById('drawing').getAttribute('viewBox') !== before", arg=""
        )
        assert place(2) == pytest.approx((x, y), abs=2)


def test_a_page_of_hostile_texts_shows_them_as_texts(browser: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "hostile.html", *hostile())
    with opened(browser, tmp_path / "hostile.html") as page:
        assert page.inner_text("h1").startswith(MARKUP)
        page.click("#list .open >> nth=0")
        assert MARKUP in page.inner_text("#card")
        assert page.locator("img, b, iframe").count() == 0
        assert page.locator("script").count() == 2
        assert page.locator("[href^='javascript']").count() == 0
        page.keyboard.press("Escape")
        page.emulate_media(media="print")
        page.locator("#handout article").first.wait_for()
        assert page.locator("#handout article").count() == 3
        assert page.locator("img, b, iframe").count() == 0
        [*_, last] = list(csv.reader(io.StringIO(saved(page, "csv").decode())))
        assert last[2] == f"'{FORMULA}"
        sheet = openpyxl.load_workbook(io.BytesIO(saved(page, "xlsx"))).active
        assert sheet is not None
        assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} <= {
            "s",
            "inlineStr",
        }
        assert sheet["C4"].value == FORMULA


def test_the_rows_shown_are_saved_as_the_command_line_writes_them(
    browser: Browser, page_file: Path, tmp_path: Path
) -> None:
    topics, answers = [row.topic for row in ROWS[:2]], [row.columns for row in ROWS[:2]]
    for ending in ("csv", "jsonl"):
        write_roadmap(tmp_path / f"all.{ending}", topics, headers=EDITION.headers, answers=answers)
    with opened(browser, page_file, "#chapter=Reliability") as page:
        rows = list(csv.reader(io.StringIO(saved(page, "csv").decode())))
        lines = [json.loads(line) for line in saved(page, "jsonl").decode().splitlines()]
        sheet = openpyxl.load_workbook(io.BytesIO(saved(page, "xlsx"))).active
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        wanted = list(csv.reader(file))
    assert [row[:6] for row in rows] == [row[:6] for row in wanted]
    assert [json.loads(row[-1]) if row[-1] else "" for row in rows[1:]] == [HOW_TO, ""]
    full = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines()]
    assert [
        {**one, **{k: v for k, v in two.items() if k not in one}} for two, one in zip(lines, full, strict=True)
    ] == full
    assert all(one[name] == two[name] for one, two in zip(lines, full, strict=True) for name in one)
    assert sheet is not None
    assert [row[2] for row in sheet.iter_rows(min_row=2, values_only=True)] == ["Retries", "Tracing"]
    assert "A talk (video) https://example.net/talk" in str(sheet["E2"].value)


def test_the_sample_s_page_shows_what_the_readme_promises(browser: Browser, command_line: CommandLine) -> None:
    for arguments in (("scrape", *SAMPLE, "--enrich", "--offline"), ("page", "data-orchestration")):
        result = command_line.run(*arguments)
        assert result.exit_code == 0, result.output
    file = command_line.folder / "site" / "data-orchestration.html"
    with opened(browser, file, viewport={"width": 1500, "height": 940}) as page:
        assert len(bright(page)) == SAMPLE_TOPICS
        assert "Simulated answers." in page.inner_text(".masthead")
        assert "Read every change, deletions included, from the database's own log" in page.inner_text("#list")
        if os.environ.get(PICTURES):
            page.screenshot(path=REPOSITORY / "docs" / "images" / "page.png")
