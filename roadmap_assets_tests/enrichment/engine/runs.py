"""Real runs of the engine against the simulator, on a database, a quota file and a clock of their own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from filelock import FileLock

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets.enrichment.cost import Prices, load_prices
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.engine import Engine
from roadmap_assets.enrichment.engine.events import Event
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.limiter.base import Limiter, Limits
from roadmap_assets.enrichment.limiter.postgres import PostgresLimiter
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.enrichment.providers.gemini import Gemini
from roadmap_assets.enrichment.questions import Question, question
from roadmap_assets.simulator.answers import phrases_of
from roadmap_assets.simulator.server import Simulator
from roadmap_assets.simulator.wire import AskedTopic
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.fake_clock import FakeClock

MODEL = "simulator"
on_both = pytest.mark.parametrize("start", ["duckdb", "postgresql"], indirect=True)
"""Marks tests whose runs are on a database of each kind in turn, with its limiter."""

KEY = "AIza-a-key-of-ours"
SUMMARY = load_profile("summary")
STUDY = load_profile("study")
NO_LIMIT = Limits(rpm=0, tpm=0, rpd=0)
FREE = Limits(rpm=15, tpm=250_000, rpd=500)


def questions(count: int, *, start: int = 0, profile: Profile | None = None, model: str = MODEL) -> list[Question]:
    """Topics "Topic 0", "Topic 1", … with a description each."""
    return [ask(f"Topic {number}", profile=profile, model=model) for number in range(start, start + count)]


def ask(
    topic: str, description: str | None = None, *, profile: Profile | None = None, model: str = MODEL, chars: int = 2000
) -> Question:
    """One topic of a roadmap."""
    return question(
        topic=topic,
        description=f"{topic} has a text of its own. It goes on." if description is None else description,
        context="A Roadmap > A Category",
        fingerprint=(profile or SUMMARY).fingerprint,
        model=model,
        description_chars=chars,
    )


@dataclass
class Runs:
    """Runs over one folder; time advances as soon as all tasks wait, so that backoffs take no real time."""

    folder: Path
    simulator: Simulator
    clock: Clock = field(default_factory=lambda: FakeClock(quiet_s=0.03))
    limits: Limits = NO_LIMIT
    timeout_s: float = 20.0
    key: str = KEY
    model: str = MODEL
    profile: Profile = SUMMARY
    prices: Prices = field(default_factory=load_prices)
    wait_s: float = 30.0
    database: PostgresUrl | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def address(self) -> Path | PostgresUrl:
        return self.database or self.folder / "cache.duckdb"

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.address, wait_s=self.wait_s)

    def limiter(self) -> Limiter:
        """One more limiter over the quota of these runs, which is where their database is; its time is `clock`'s."""
        limits, scope, clock = self.limits, self.model, self.clock
        if isinstance(self.database, PostgresUrl):
            url = self.database
            return PostgresLimiter(url, limits=limits, scope=scope, clock=clock, wait_s=self.wait_s, now=clock.time)
        return open_limiter(f"sqlite:///{self.folder}/quota.sqlite", limits=limits, scope=scope, clock=clock)

    @contextmanager
    def held_by_another(self) -> Iterator[None]:
        """The database is held by another program, which waits until none of our transactions is at work in it."""
        if not self.database:
            with FileLock(f"{self.address}.lock"):
                yield
            return
        with psycopg.connect(self.database.secret) as stranger:
            stranger.execute("LOCK TABLE enrichments")
            yield

    @property
    def arguments(self) -> list[str]:
        """What `runs_of` needs."""
        return [str(self.folder), self.simulator.url, self.database.secret if self.database else ""]

    def engine(self, **options: Any) -> Engine:
        config = EngineConfig(
            model=self.model,
            limits=self.limits,
            warehouse=self.warehouse,
            profile=self.profile,
            prices=self.prices,
            open_provider=lambda: Gemini(
                api_key=self.key,
                model=self.model,
                profile=self.profile,
                base_url=self.simulator.url,
                timeout_s=self.timeout_s,
                connections=options.get("concurrency", 16),
            ),
            open_limiter=self.limiter,
            clock=self.clock,
            randomness=random.Random(7),
            **options,
        )
        return Engine(config)

    def run(self, asked: Sequence[Question], **options: Any) -> Report:
        """One run to its end; its events are added to `events`."""
        return asyncio.run(self.engine(**options).run(asked, on_event=self.events.append))

    @property
    def calls(self) -> int:
        """Requests that the server has seen."""
        return len(self.simulator.requests)

    def wait_for_calls(self, count: int) -> None:
        """Wait until the server has seen this many requests."""
        while self.calls < count:
            time.sleep(0.01)

    def ledger(self) -> list[tuple[str, str, int, int]]:
        """(outcome, detail, rows, answered) of every call, in the order of sending."""
        return self.rows("SELECT outcome, detail, rows, answered FROM api_calls ORDER BY started_at, batch")

    def outcomes(self) -> dict[str, int]:
        """How many calls had which outcome."""
        return dict(self.rows("SELECT outcome, count(*) FROM api_calls GROUP BY outcome"))

    def answers(self) -> dict[str, dict[str, Any]]:
        """What is stored, by topic."""
        rows = self.rows("SELECT topic, answer->>'tldr', answer->>'challenge' FROM enrichments ORDER BY answered_at")
        return {topic: {"tldr": tldr, "challenge": challenge} for topic, tldr, challenge in rows}

    def failed(self) -> dict[str, tuple[str, str, int]]:
        """topic -> (reason, last error, runs)."""
        rows = self.rows("SELECT topic, reason, last_error, runs FROM enrichment_failures")
        return {topic: (reason, error, runs) for topic, reason, error, runs in rows}

    def rows(self, sql: str) -> list[Any]:
        with self.warehouse.transaction() as connection:
            return connection.execute(sql).fetchall()


def runs_of(arguments: Sequence[str]) -> Runs:
    """In another process, runs on the same database and simulator, by the system's clock."""
    folder, url, database = arguments
    simulator: Any = SimpleNamespace(url=url)
    return Runs(Path(folder), simulator, clock=SystemClock(), database=PostgresUrl(database) if database else None)


Start = Callable[..., Runs]
"""Starts a simulator with the rules given, and runs against it."""


def agree(runs: Runs, report: Report) -> None:
    """Assert that the report, the ledger and the server have counted the same calls."""
    assert runs.calls == report.calls == len(runs.ledger())


def rightly_answered(runs: Runs) -> int:
    """The number of topics with an answer; asserts that each has its own."""
    answers = runs.answers()
    for topic, answer in answers.items():
        asked = AskedTopic("0", topic, f"{topic} has a text of its own. It goes on.")
        assert answer["tldr"] == next(phrases_of(asked)), topic
        assert answer["challenge"] in ("practice", "expert")
    return len(answers)
