"""Shared by the benchmarks that make calls: a simulator in a process of its own, questions, and a run of the engine."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.registry import open_warehouse

RPM = 15
WINDOW_S = 60.0
LATENCY_S = 2.0


@dataclass(frozen=True, slots=True)
class Server:
    """A simulator in a process of its own."""

    url: str

    def requests(self) -> list[dict[str, Any]]:
        """The requests it saw; see the simulator's `SeenRequest`."""
        with urllib.request.urlopen(f"{self.url}/simulator/requests") as reply:
            seen: list[dict[str, Any]] = json.load(reply)
        return seen

    def count(self, status: int) -> int:
        """How many requests it answered with this status."""
        return sum(request["status"] == status for request in self.requests())

    def reset(self) -> None:
        """Forget the requests seen and the quotas used."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/simulator/reset", method="POST")).close()


@contextmanager
def server(*, rpm: int = 0, window_s: float = WINDOW_S, latency_s: float = 0.0) -> Iterator[Server]:
    """A strict simulator for the duration of the block; with two cores, its work does not slow ours."""
    options = {"--port": 0, "--rpm": rpm, "--tpm": 0, "--rpd": 0, "--window": window_s, "--latency": latency_s}
    arguments = [str(part) for option in options.items() for part in option]
    with subprocess.Popen(
        [sys.executable, "-m", "roadmap_assets.cli", "simulate", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None  # it was asked for
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                raise ChildProcessError("the simulator did not start")
            yield Server(found[0])
        finally:
            process.kill()


def access_to(
    url: str, folder: Path, *, rpm: int = 0, window_s: float = WINDOW_S, concurrency: int = 16, batch_size: int = 20
) -> Access:
    """Access to a simulator, with the quota's state in `folder`."""
    settings = load_settings(
        db=folder / "enrichment.duckdb",
        gemini_base_url=url,
        gemini_api_key="any",
        model="simulator",
        rpm=rpm,
        tpm=0,
        rpd=0,
        quota_window_s=window_s,
        concurrency=concurrency,
        batch_size=batch_size,
    )
    return Access(settings)


def questions(access: Access, count: int, *, edited: frozenset[int] = frozenset()) -> list[Question]:
    """This many topics with a text of ordinary length; those at the `edited` places have another text."""
    return [
        access.question(
            topic=f"Topic {place}",
            description=f"Topic {place} is about storing, moving and checking data of the {place % 97}th kind. "
            "People who build pipelines meet it early and understand it late."
            + (" Its text was changed." if place in edited else ""),
            context="Data > Pipelines",
        )
        for place in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """A run of the engine: its report and its wall time."""

    report: Report
    wall_s: float


def ask(access: Access, asked: Sequence[Question]) -> Asked:
    """Run the engine, as the command line does, on the database that the settings of `access` name."""
    engine = access.engine(open_warehouse(access.settings.db))
    began = time.perf_counter()
    report = asyncio.run(engine.run(asked))
    wall_s = time.perf_counter() - began
    if not report.complete:
        raise AssertionError(f"the run is not complete: {dict(report.rows)}, {report.stop_reason}")
    return Asked(report, wall_s)
