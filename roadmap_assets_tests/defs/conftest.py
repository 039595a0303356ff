"""Fixtures for the tests of Dagster's definitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from roadmap_assets_tests.defs.dagster_dev import DagsterDev
from roadmap_assets_tests.defs.project import Project, instance_in


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with a real instance and an empty source; the instance is stored in memory, or as `on_disk` says.

    In memory, a run takes a third of the processor time and none of the disk's.
    """
    on_disk = hasattr(request, "param")
    with instance_in(tmp_path / "home") if on_disk else dg.DagsterInstance.ephemeral() as instance:
        yield Project(tmp_path, monkeypatch, instance)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterDev]:
    """One `dagster dev` for all tests of a module, since starting it takes as long as a test."""
    with DagsterDev(tmp_path_factory.mktemp("dev")) as running:
        yield running
