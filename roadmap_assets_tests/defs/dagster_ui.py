"""Dagster's web interface in a real Chromium: what a user clicks, and what the pages then show."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from roadmap_assets_tests.browser import CHROMIUM, FLAGS, PICTURES
from roadmap_assets_tests.defs.dagster_dev import MODULE
from roadmap_assets_tests.defs.project import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

TIMEOUT_MS = 60_000


@contextmanager
def opened_ui(url: str) -> Iterator[DagsterUi]:
    """The web interface at `url` in a browser of its own."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as profile, sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=list(FLAGS), viewport={"width": 1440, "height": 900}
        )
        page = browser.pages[0]
        page.set_default_timeout(TIMEOUT_MS)
        yield DagsterUi(url, page)
        browser.close()


class DagsterUi:
    """The pages of the web interface, by what is done on them."""

    def __init__(self, url: str, page: Page) -> None:
        self._url = url
        self.page = page

    def materialize(self, *slugs: str) -> str:
        """Materialize all assets for these roadmaps; the id, or its beginning, of the run or the backfill."""
        self.goto(f"/locations/{MODULE}/asset-groups/roadmaps/lineage", "roadmap_page")
        self._button("Materialize all").click()
        self.page.get_by_text("Select a partition or create one").click()
        for slug in slugs:
            self.page.get_by_placeholder("Filter partitions").fill(slug)
            self._visible(slug).click()
        self.page.keyboard.press("Escape")
        self._button(re.compile("^Launch (1 run|backfill)$")).click()
        launched = self.page.get_by_text(re.compile(r"(Launched run|Created backfill) \w+")).first.inner_text()
        return launched.split()[-1]

    def run_shows(self, run_id: str, status: str) -> None:
        """Wait until a run's page shows this status."""
        self.goto(f"/runs/{run_id}")
        self._visible(status).wait_for()

    def terminate(self, run_id: str) -> None:
        """Terminate a run, and confirm it."""
        self.goto(f"/runs/{run_id}")
        self._button("Terminate").click()
        self._button("Terminate 1 run").click()

    def check(self, asset: str, check: str, slug: str) -> str:
        """What the page of a check shows for a roadmap."""
        self.goto(f"/assets/{asset}?view=checks")
        self._visible(check).click()
        self._visible("Partitions").click()
        self.page.get_by_placeholder("Filter by partition").fill(slug)
        self._visible(slug).click()
        self.page.get_by_text("View all historical executions").wait_for()
        return self.page.locator("body").inner_text().rpartition("Passed (")[2]

    def start_sensor(self, name: str) -> None:
        """Switch a sensor on, and wait until its page lists a tick."""
        self.goto(f"/locations/{MODULE}/sensors/{name}", "Sensor has never run")
        self.switch_sensor()
        self.page.get_by_role("button", name="View logs").wait_for()

    def switch_sensor(self) -> None:
        """Switch the sensor of this page on or off."""
        self.page.get_by_role("checkbox").locator("xpath=..").click()

    def goto(self, path: str, *texts: str) -> None:
        """Open a page, and wait until it has these texts."""
        self.page.goto(f"{self._url}{path}")
        for text in texts:
            self.page.get_by_text(text).first.wait_for(state="attached")

    def picture(self, name: str) -> None:
        """Take this picture of docs/images again, if that is asked for (`DOCS_PICTURES`)."""
        if os.environ.get(PICTURES):
            self.page.wait_for_load_state("networkidle")
            self.page.wait_for_timeout(2_000)  # for what moves while it appears
            self.page.screenshot(path=REPOSITORY / "docs" / "images" / f"{name}.png")

    def _button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name).locator("visible=true").last

    def _visible(self, text: str) -> Locator:
        return self.page.get_by_text(text, exact=True).locator("visible=true").last
