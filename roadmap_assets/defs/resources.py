"""The three resources: `source`, `warehouse` and `gemini`, which holds the `rate_limiter`.

Their fields are settings by another way in: filled from the environment when the code is loaded, shown in the UI, and
open to change in the launchpad. Keys are none of those: a resource holds the name of the variable, as an `EnvVar`, and
Dagster reads it where the run takes place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
from pydantic import SecretStr

from roadmap_assets.enrichment.access import Access
from roadmap_assets.pipeline import source_of
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.duckdb import Warehouse


class _SettingsResource(dg.ConfigurableResource[Any]):
    """A resource whose fields are settings of the same name."""

    @classmethod
    def of(cls, settings: Settings, **others: Any) -> Self:
        """The resource as the settings say."""
        return cls(**{name: _plain(value) for name, value in settings if name in cls.model_fields}, **others)

    def given(self) -> dict[str, Any]:
        """The fields that are settings, for `load_settings`."""
        return {name: value for name, value in self if name in Settings.model_fields}


class SourceResource(_SettingsResource):
    """Where roadmaps come from: live, sample, or a directory."""

    source: str
    github_api: str
    github_raw: str
    github_repository: str
    github_branch: str
    github_folder: str
    roadmap_sh_api: str
    allow_missing_texts: bool
    github_token: str | None = None

    @contextmanager
    def open(
        self, warehouse: Warehouse, *, waits: bool = True, on_notice: Callable[[str], None] = lambda _: None
    ) -> Iterator[Source]:
        """The source, for as long as the block lasts; see `source_of`. Raises InvalidSetting."""
        settings = load_settings(**self.given())
        with closing(source_of(settings, warehouse=warehouse, waits=waits, on_notice=on_notice)) as source:
            yield source


class WarehouseResource(_SettingsResource):
    """The DuckDB database that holds everything, and the folders that CSV files and pages are written to."""

    db: str
    output: str
    site: str

    def open(self) -> Warehouse:
        """The database, from a process with threads of others, as the one that evaluates sensors."""
        return Warehouse(Path(self.db))

    def open_in_step(self, on_wait: Callable[[str], None]) -> Warehouse:
        """The database, from the process of a run."""
        return Warehouse(Path(self.db), on_wait=on_wait)


class RateLimiterResource(_SettingsResource):
    """The quota that all processes share: requests and tokens a minute, requests a day, and where its state is kept."""

    rpm: int
    tpm: int
    rpd: int
    pacing: str
    quota_window_s: float
    quota_url: str


class GeminiResource(_SettingsResource):
    """How Gemini is asked; with `offline`, the built-in simulator answers instead, and no key is needed."""

    rate_limiter: RateLimiterResource
    model: str
    profile: str
    offline: bool
    batch_size: int
    concurrency: int
    timeout_s: float
    attempts: int
    failure_runs: int
    budget_usd: float | None = None
    gemini_base_url: str | None = None
    gemini_api_key: str | None = None

    def access(self) -> Access:
        """The way to ask. Raises InvalidSetting for a field out of its range."""
        settings = load_settings(**self.given(), **self.rate_limiter.given())
        return Access(settings, offline=settings.offline)


def resources(settings: Settings) -> dict[str, dg.ConfigurableResource[Any]]:
    """The resources by the names under which assets ask for them."""
    here = settings.model_copy(
        update={
            "db": settings.db.absolute(),
            "output": settings.output.absolute(),
            "site": settings.site.absolute(),
            "quota_url": settings.quota_address,
            "github_token": _variable("GITHUB_TOKEN"),
            "gemini_api_key": _variable("GEMINI_API_KEY"),
        }
    )
    return {
        "source": SourceResource.of(here),
        "warehouse": WarehouseResource.of(here),
        "gemini": GeminiResource.of(here, rate_limiter=RateLimiterResource.of(here)),
    }


def _variable(name: str) -> dg.EnvVar | None:
    """The variable, where it is set; Dagster refuses to start a run when one that it is to read is not."""
    return dg.EnvVar(name) if os.environ.get(name) else None


def _plain(value: Any) -> Any:
    assert not isinstance(value, SecretStr)  # keys go by their variable's name
    return str(value) if isinstance(value, Path) else value
