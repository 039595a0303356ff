"""A project for one test: a folder with a source, a database and a Dagster instance, and no other settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster import ExecuteInProcessResult
from dagster._core.event_api import PartitionKeyFilter

from roadmap_assets import pipeline
from roadmap_assets.definitions import build_definitions
from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.enrichment.access import Access
from roadmap_assets.settings import SETTINGS, Settings, load_settings, variable_of
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.roadmaps.written import write_roadmap

ASSETS = ("raw_roadmap", "roadmap_topics", "topic_enrichments", "enriched_roadmap")
WITH_PAGE = (*ASSETS, "roadmap_page")
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
REPOSITORY = Path(__file__).resolve().parents[2]

on_disk = pytest.mark.parametrize("project", ["on disk"], indirect=True)
"""Marks tests whose Dagster instance is stored on disk, where other processes and contexts find it."""


class Project:
    """Roadmaps in `folder`/roadmaps, settings as `environment` says, and an instance.

    Gemini's place is taken by what `environment` names; without anything it is the simulator inside the process.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.source = folder / "roadmaps"
        self.source.mkdir()
        self.instance = instance
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        for name in (*map(variable_of, SETTINGS), "GOOGLE_API_KEY", "DAGSTER_HOME"):
            monkeypatch.delenv(name, raising=False)
        self.set(ROADMAP_SOURCE=str(self.source), ROADMAP_OFFLINE="1")

    def set(self, **environment: str) -> None:
        """Set environment variables."""
        self._environment = getattr(self, "_environment", {}) | environment
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)

    def ask(self, url: str, *, key: str = "any", **environment: str) -> None:
        """Call the server at `url` instead of the built-in simulator, without a quota of ours."""
        no_quota = {"ROADMAP_RPM": "0", "ROADMAP_TPM": "0", "ROADMAP_RPD": "0"}
        self.set(ROADMAP_OFFLINE="0", GOOGLE_GEMINI_BASE_URL=url, GEMINI_API_KEY=key, **{**no_quota, **environment})

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a process of its own."""
        return dict(self._environment)

    @property
    def settings(self) -> Settings:
        return load_settings()

    @property
    def definitions(self) -> dg.Definitions:
        """The definitions under the current environment."""
        return build_definitions(load_settings())

    def write(self, slug: str, topics: Sequence[str] = ("Loops", "Lists", "Sets"), text: str = "") -> None:
        """Write a roadmap with these topics into the source, each with a text of its own or with `text`."""
        write_roadmap(self.source, slug, topics, text)

    def know(self, *slugs: str) -> None:
        """Add partitions."""
        self.instance.add_dynamic_partitions(ROADMAPS.name or "", slugs)

    def fill(self, slug: str) -> None:
        """Do for a roadmap what a run does, without Dagster."""
        self.know(slug)
        settings = load_settings()
        warehouse, access = open_warehouse(settings.db), Access(settings, offline=settings.offline)
        with closing(pipeline.source_of(settings, warehouse=warehouse)) as source:
            pipeline.fetch(slug, source=source, warehouse=warehouse)
        pipeline.read_topics(slug, warehouse=warehouse)
        asked = pipeline.questions_of([slug], warehouse=warehouse, access=access)
        pipeline.enrich(asked, warehouse=warehouse, access=access)
        pipeline.publish(slug, warehouse=warehouse, access=access, csv=self.folder / "output" / f"{slug}.csv")

    def run(
        self,
        *slugs: str,
        assets: Sequence[str] = (),
        definitions: dg.Definitions | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ExecuteInProcessResult:
        """Run the job for a partition, or for the range from the first to the last, within this process."""
        self.know(*slugs)
        ranged = {} if len(slugs) == 1 else dict(zip(RANGE, (slugs[0], slugs[-1]), strict=True))
        job = (definitions or self.definitions).resolve_job_def("refresh_roadmaps")
        return job.execute_in_process(
            instance=self.instance,
            partition_key=slugs[0] if len(slugs) == 1 else None,
            tags={**ranged, **(tags or {})},
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            raise_on_error=False,
        )

    def sql(self, query: str) -> list[Any]:
        """Rows of the database, which no run may be using."""
        with duckdb.connect(str(self.settings.db)) as connection:
            return connection.execute(query).fetchall()

    def metadata(self, asset: str, slug: str) -> dict[str, Any]:
        """Metadata of the latest materialization of a partition."""
        record = self.instance.get_latest_data_version_record(dg.AssetKey(asset), partition_key=slug)
        assert record, f"{asset} was never made for {slug}"
        assert record.asset_materialization
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def checks(result: ExecuteInProcessResult) -> dict[str, bool]:
    """The outcome of every check of a run, by `asset.check`."""
    return {
        f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}": evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }


def check_of(project: Project, check: str, slug: str) -> dg.AssetCheckEvaluation:
    """The latest evaluation of a check (`asset.name`) for a partition."""
    asset, _, name = check.partition(".")
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    [record] = project.instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, partition_filter=PartitionKeyFilter(key=slug)
    )
    assert record.evaluation, f"{check} was not evaluated for {slug}"
    return record.evaluation


def made(result: ExecuteInProcessResult) -> dict[str, list[str | None]]:
    """The partitions that a run materialized, by asset, repeated if materialized repeatedly."""
    found: dict[str, list[str | None]] = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key
        found.setdefault(event.asset_key.to_user_string(), []).append(event.partition)
    return found


def failures(result: ExecuteInProcessResult) -> dict[str, str]:
    """step -> its `Failure`, for each step that raised one."""
    found: dict[str, str] = {}
    for event in result.get_step_failure_events():
        data = event.step_failure_data.user_failure_data
        assert data, event.step_failure_data.error
        found[event.step_key or ""] = data.description or ""
    return found


@contextmanager
def instance_in(folder: Path, overrides: Mapping[str, Any] | None = None) -> Iterator[dg.DagsterInstance]:
    """A real instance with its storage in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with dg.instance_for_test(overrides=dict(overrides or {}), temp_dir=str(folder)) as instance:
        yield instance
