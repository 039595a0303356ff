"""What the tests of `enrich` share: a frame, and settings that ask a simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import roadmap_assets
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.simulator.server import Simulator

DISHES = pd.DataFrame(
    {
        "name": ["Sourdough", "Hollandaise", "Miso"],
        "text": ["Bread that rises by wild yeast.", "A sauce of egg yolk and butter.", "A paste of soy beans."],
        "cuisine": ["French", "French", "Japanese"],
    }
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, simulator: Simulator) -> Settings:
    return load_settings(
        db=tmp_path / "cache.duckdb", gemini_base_url=simulator.url, gemini_api_key="any", rpm=0, tpm=0, rpd=0
    )


def enrich(frame: pd.DataFrame, settings: Settings, **arguments: Any) -> pd.DataFrame:
    return roadmap_assets.enrich(frame, **{"topic": "name", "description": "text", **arguments}, settings=settings)
