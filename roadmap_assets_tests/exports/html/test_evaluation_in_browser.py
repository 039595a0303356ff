"""The report of an evaluation, in a real browser: readable by all, on a phone too, and drawn to scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from roadmap_assets.exports.html.evaluation import render_report
from roadmap_assets_tests.browser import opened
from roadmap_assets_tests.exports.html.test_evaluation import estimate, report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long

PHONE = {"viewport": {"width": 360, "height": 740}}
ONE = estimate(0.5, 0.35, 0.65)
REPORTS = {
    "batch": report(
        "batch",
        measures={"level": "exact share"},
        agreement={"level": {"batch_20_vs_single": ONE}},
        noise_floor={"level": estimate(0.98, 0.95, 1)},
        drift={"level": {"first": estimate(1, 1, 1), "middle": estimate(1, 1, 1), "last": ONE}},
        findings=["level: worse at the end", "tldr: worse at the end"],
    ),
    "compare": report(
        "compare",
        compared={"a": "summary", "b": "study"},
        agreement={"tldr": ONE},
        differences=[{"topic": "A topic", "column": "tldr", "a": "A sentence of some length. " * 4, "b": "Another."}],
        judge={"model": "m", "wins": {"a": 3, "b": 1}, "ties": 2, "order_disagreements": 1},
    ),
    "gold": report(
        "gold",
        accuracy={"level": ONE},
        confusion={"level": {"easy": {"easy": 30, "hard": 2}, "hard": {"easy": 6, "hard": 2}}},
        misses=[{"topic": "A topic", "column": "level", "known": "easy", "answered": "hard"}],
    ),
}


def written(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.html"
    file.write_text(render_report(REPORTS[kind]))
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("kind", REPORTS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    browser: Browser, tmp_path: Path, kind: str, screen: dict[str, Any], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    with opened(browser, written(tmp_path, kind), ready="html", color_scheme=scheme, **screen) as page:
        assert [one["id"] for one in axe.run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_bar_is_drawn_to_scale_and_in_the_colours_of_its_key(browser: Browser, tmp_path: Path) -> None:
    """Up to 35 %, then from 35 % to 65 %, and nothing beyond."""
    with opened(browser, written(tmp_path, "gold"), ready="html") as page:
        bar = page.locator("figure").first
        whole = bar.locator("svg").bounding_box()
        assert whole
        drawn = [part.bounding_box() for part in bar.locator("rect").all()]
        ends = [((box["x"] - whole["x"]) / whole["width"], box["width"] / whole["width"]) for box in drawn if box]
        assert ends == [pytest.approx((0.0, 0.35), abs=0.01), pytest.approx((0.35, 0.3), abs=0.01)]
        colours = "(all) => all.map(one => getComputedStyle(one, window.before).getPropertyValue(window.property))"
        page.evaluate("[window.before, window.property] = [null, 'fill']")
        fills = bar.locator("rect").evaluate_all(colours)
        page.evaluate("[window.before, window.property] = ['::before', 'background-color']")
        assert bar.locator(".key > span").evaluate_all(colours) == fills


def test_a_verdict_does_not_repeat_what_is_listed_below_it() -> None:
    findings = ["level: worse at the end", "tldr: worse at the end"]
    found = REPORTS["batch"] | {"verdict": f"Batches of 20 cost quality here: {'; '.join(findings)}"}
    assert '<p class="verdict">Batches of 20 cost quality here</p>' in render_report(found)
