"""Is Gemini still as we read it? One call about two topics; run with `pytest -m live` and GEMINI_API_KEY set."""

from __future__ import annotations

import pytest

from roadmap_assets.cli.doctor.gemini import check_key, check_model
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets_tests.live.conftest import reach

pytestmark = pytest.mark.live

GEMINI = "https://generativelanguage.googleapis.com"


@pytest.fixture
def gemini(settings: Settings) -> Settings:
    if settings.gemini_api_key is None:
        pytest.skip("GEMINI_API_KEY is not set")
    reach(settings.gemini_base_url or GEMINI)
    return settings


def test_the_key_and_the_model_are_accepted(gemini: Settings) -> None:
    assert [finding.verdict for finding in check_key(gemini).found] == ["ok"]
    assert [finding.verdict for finding in check_model(gemini).found] == ["ok"]


def test_two_topics_are_answered_in_one_call(gemini: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    database = tmp_path_factory.mktemp("live") / "live.duckdb"
    access = Access(gemini.changed(db=database))
    asked = [
        access.question(topic=topic, description=text, context="Computer science")
        for topic, text in (
            ("Binary search", "Finds a value in a sorted array by halving."),
            ("Consensus", "How replicas agree."),
        )
    ]
    report = run_blocking(access.engine(Warehouse(database)).run(asked))
    assert dict(report.rows) == {"enriched": 2}
    assert (report.calls, bool(report.input_tokens)) == (1, True)
