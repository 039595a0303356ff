"""The three resources: `source`, `warehouse` and `gemini`.

None has fields that a run's configuration can set. Anyone who may launch a run may write its configuration, and Dagster
puts the value of any environment variable where it says `{"env": …}`: an address next to a key would send the key
anywhere. So addresses, keys, the profile's module and paths come from the environment of the process alone, and what a
run may change is plain numbers (`EnrichmentConfig`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import dagster as dg

from roadmap_assets.enrichment.access import Access
from roadmap_assets.pipeline import source_of
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.registry import open_warehouse


class SourceResource(dg.ConfigurableResource[Any]):
    """Where roadmaps come from: live, sample, or a directory (ROADMAP_SOURCE)."""

    @contextmanager
    def open(
        self, warehouse: Warehouse, *, waits: bool = True, on_notice: Callable[[str], None] = lambda _: None
    ) -> Iterator[Source]:
        """The source, for as long as the block lasts; see `source_of`. Raises InvalidSetting."""
        with closing(source_of(load_settings(), warehouse=warehouse, waits=waits, on_notice=on_notice)) as source:
            yield source


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The database (ROADMAP_DB), and the folders for CSV files (ROADMAP_OUTPUT) and pages (ROADMAP_SITE)."""

    @property
    def output(self) -> Place:
        """The folder for CSV files."""
        return load_settings().output.absolute()

    @property
    def site(self) -> Place:
        """The folder for pages."""
        return load_settings().site.absolute()

    def open(self) -> Warehouse:
        """The database, from a process with threads of others, as the one that evaluates sensors."""
        return open_warehouse(load_settings().db)

    def open_in_step(self, on_wait: Callable[[str], None]) -> Warehouse:
        """The database, from the process of a run."""
        return open_warehouse(load_settings().db, on_wait=on_wait)


class EnrichmentConfig(dg.Config):
    """What a run may set for itself; where it does not, the settings hold."""

    budget_usd: float | None = None
    batch_size: int | None = None
    concurrency: int | None = None
    attempts: int | None = None


class GeminiResource(dg.ConfigurableResource[Any]):
    """How Gemini is asked, and under which quota; with ROADMAP_OFFLINE a simulator answers, and no key is needed."""

    def access(self, config: EnrichmentConfig | None = None) -> Access:
        """The way to ask. Raises InvalidSetting for a value out of its range."""
        settings = load_settings(**(config.model_dump() if config else {}))
        return Access(settings, offline=settings.offline)


RESOURCES = {"source": SourceResource(), "warehouse": WarehouseResource(), "gemini": GeminiResource()}
