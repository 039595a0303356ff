"""Fixtures for the tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_assets.roadmaps.sources import host
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.roadmaps.sources.upstream import Upstream
from roadmap_assets_tests.roadmaps.written import write_roadmap


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three small roadmaps and two folders that are not roadmaps."""
    for slug in ("alpha", "beta", "beta-two"):
        write_roadmap(tmp_path / "source", slug, [f"{slug.title()} {number}" for number in range(2)])
    (tmp_path / "source" / "without-document" / "content").mkdir(parents=True)
    (tmp_path / "source" / "No Slug").mkdir()
    return tmp_path / "source"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Three roadmaps of our own."""
    files: dict[str, bytes] = {}
    documents: dict[str, bytes] = {}
    for slug in ("alpha", "beta", "gamma"):
        nodes = [
            {"id": f"{slug}{n}", "type": "topic", "position": {"x": 0, "y": 99 * n}, "data": {"label": f"Topic {n}"}}
            for n in range(3)
        ]
        documents[slug] = json.dumps({"slug": slug, "title": {"page": slug}, "nodes": nodes, "edges": []}).encode()
        for n in range(3):
            files[f"{slug}/content/topic-{n}@{slug}{n}.md"] = f"# Topic {n}\n\nAbout {slug} {n}.\n".encode()
    with Upstream(files, documents) as upstream:
        yield upstream


@pytest.fixture
def live(command_line: CommandLine, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line without ROADMAP_SOURCE, so that the live source is the default; its backoffs take no time."""
    monkeypatch.setattr(host, "BACKOFF_S", 0.0)
    return CommandLine(command_line.folder, **upstream.environment)
