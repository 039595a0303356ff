"""The pages on every screen: a desk, a phone and paper, light and dark, readable by all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from roadmap_assets.exports.html.index import write_index
from roadmap_assets.warehouse.ledger import Day
from roadmap_assets.warehouse.published import PublishedGroup
from roadmap_assets_tests.browser import opened
from roadmap_assets_tests.exports.editions import MARKUP
from roadmap_assets_tests.exports.html.reading import PHONE, ROWS, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("address", ["#view=topics", "#view=map", "#view=overview", "#topic=retries"])
def test_axe_finds_nothing_on_the_page(
    browser: Browser, page_file: Path, scheme: str, screen: dict[str, Any], address: str
) -> None:
    with opened(browser, page_file, address, color_scheme=scheme, reduced_motion="reduce", **screen) as page:
        assert violations(page) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, "", **PHONE) as page:
        for view in ("Map", "Topics", "Overview"):
            page.get_by_role("tab", name=view).click()
            shown = [name for name in ("map", "topics", "overview") if page.is_visible(f"#{name}")]
            assert shown == [view.lower()]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("tab", name="Map").click()
        page.tap("#drawing [data-topic='1']")
        box = page.locator("#card").bounding_box()
        assert box is not None
        assert (box["x"], box["width"]) == (0, 390)
        assert page.locator("#card h2").inner_text() == "Tracing"


def test_on_paper_there_is_a_handout_of_the_topics_shown(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, "#chapter=Reliability") as page:
        page.emulate_media(media="print")
        handout = page.locator("#handout")
        handout.wait_for()
        assert handout.locator("h2").all_inner_texts() == ["Reliability"]
        assert handout.locator("article > h3").all_inner_texts() == ["☐ Retries", "☐ Tracing"]
        assert "Repeat what may pass" in handout.inner_text()
        assert not [name for name in (".bar", "main", ".tools") if page.is_visible(name)]
        page.emulate_media(media="screen")
        assert not handout.is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_theme_is_the_system_s_until_the_reader_chooses(browser: Browser, page_file: Path) -> None:
    with opened(browser, page_file, color_scheme="dark") as page:
        colors = [page.evaluate("getComputedStyle(document.documentElement).backgroundColor")]
        page.click("#theme")
        colors.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        page.reload()
        colors.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    assert colors == ["rgb(20, 23, 29)", "rgb(250, 249, 246)", "rgb(250, 249, 246)"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_index_sorts_searches_and_leads_to_the_pages(
    browser: Browser, page_file: Path, tmp_path: Path, scheme: str
) -> None:
    now = ROWS[0].published_at
    assert now is not None
    groups = [
        PublishedGroup("test", "enriched", "simulator", "practice", 3, now),
        PublishedGroup("test", "enriched", "simulator", "expert", 1, now),
        PublishedGroup("test", "failed", "simulator", None, 1, now),
        PublishedGroup("other", "stale", "gemini", "expert", 9, now),
    ]
    index = page_file.with_name("index.html")
    titles = {"test": f"Zebra {MARKUP}", "other": "Ant"}
    write_index(index, titles, groups, fetched={"other": now.replace(year=2027)}, days=[Day(now.date(), 3, 0.0125)])
    with opened(browser, index, color_scheme=scheme) as page:
        rows = page.locator("#roadmaps tbody tr")
        assert rows.locator("a").all_inner_texts() == ["Ant", f"Zebra {MARKUP}"]
        assert "9 stale" in rows.nth(0).inner_text()
        assert "changed since" in rows.nth(0).inner_text()
        assert "simulated" in rows.nth(1).inner_text()
        assert "75 %" in rows.nth(1).inner_text()
        assert "80 %" in rows.nth(1).inner_text()
        assert "$0.0125" in page.inner_text(".charts")
        assert violations(page) == []
        page.click("[data-sort=topics]")
        page.click("[data-sort=topics]")
        assert rows.locator("a").all_inner_texts() == [f"Zebra {MARKUP}", "Ant"]
        page.fill("#q", "ant")
        assert rows.locator("a >> visible=true").all_inner_texts() == ["Ant"]
        page.fill("#q", "")
        page.click("text=Zebra")
        page.wait_for_selector("html.ready #drawing")
