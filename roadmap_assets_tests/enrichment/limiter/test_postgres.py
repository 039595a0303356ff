"""The quota in PostgreSQL: real processes on the server's clock, and servers that fail."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import DayExhausted, Limiter, Limits, Permit, Wait
from roadmap_assets.enrichment.limiter.postgres import PostgresLimiter
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.enrichment.limiter.sqlite import SqliteLimiter
from roadmap_assets.errors import QuotaUnavailable
from roadmap_assets.settings import load_settings
from roadmap_assets_tests.enrichment.engine.runs import FREE
from roadmap_assets_tests.enrichment.limiter.test_shared_quota import NOON, permit
from roadmap_assets_tests.fake_clock import FakeClock
from roadmap_assets_tests.postgres import PASSWORD, PostgresServer
from roadmap_assets_tests.processes import Program

TAKE_ALL = """
import asyncio, sys
from contextlib import closing
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import DayExhausted, Limits
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.settings import load_settings

limits = Limits(rpm=15, tpm=0, rpd=60, window_s=2.0)
url = load_settings(quota_url=sys.argv[1]).quota_address
with closing(open_limiter(url, limits=limits, scope="model", clock=SystemClock())) as limiter:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        while True:
            print(asyncio.run(limiter.acquire(input_tokens=1)).granted_at, flush=True)
    except DayExhausted:
        pass
"""

ASK_AND_STOP = """
import sys
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.settings import load_settings

url = load_settings(quota_url=sys.argv[1]).quota_address
limiter = open_limiter(url, limits=Limits(rpm=15, tpm=0, rpd=0), scope="model", clock=SystemClock())
limiter._raw.execute("BEGIN")
limiter._raw.execute("SELECT quota_standing_1('model', 60.0, NULL)")
print("holding", flush=True)
sys.stdin.readline()
"""


def opened(url: PostgresUrl, limits: Limits = FREE, **options: float) -> PostgresLimiter:
    return PostgresLimiter(url, limits=limits, scope="model", clock=SystemClock(), **options)  # type: ignore[arg-type]


@pytest.mark.long
def test_four_processes_that_begin_at_once_use_the_window_fully_and_never_pass_it(
    postgres_database: PostgresUrl,
) -> None:
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(TAKE_ALL, postgres_database.secret)) for _ in range(4)]
        for program in programs:
            assert program.line() == "ready"
        for program in programs:
            program.go_on()
        granted = [[float(moment) for moment in program.end().split()] for program in programs]
    assert sum(bool(moments) for moments in granted) > 1, "the processes did compete"
    times = sorted(moment for moments in granted for moment in moments)
    assert len(times) == 60, "the day's requests, all of them"
    assert all(later - earlier >= 2.0 for earlier, later in zip(times, times[15:], strict=False))
    assert times[-1] - times[0] < 3 * 2.0 / 0.8


def test_a_process_killed_in_the_middle_of_a_decision_blocks_no_other(postgres_database: PostgresUrl) -> None:
    with closing(opened(postgres_database)) as limiter, Program(ASK_AND_STOP, postgres_database.secret) as holder:
        assert holder.line() == "holding"
        threading.Timer(0.5, holder.kill).start()
        permit(limiter)
        assert limiter.state().requests_today == 1


def test_a_restarted_server_is_waited_for_and_no_permit_is_forgotten(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    with closing(opened(own_url)) as limiter:
        first = permit(limiter, 1000)
        own_server.stop()
        limiter.settle(first, input_tokens=1500)
        threading.Timer(1.0, own_server.start).start()
        permit(limiter, 10)
        state = limiter.state()
    assert (state.requests_in_window, state.tokens_in_window) == (2, 1510), "settled once the server was back"


def test_a_server_that_stays_away_ends_in_one_line_without_the_password(
    own_server: PostgresServer, own_url: PostgresUrl
) -> None:
    with closing(opened(own_url, wait_s=0.3)) as limiter:
        own_server.stop()
        with pytest.raises(QuotaUnavailable, match="Connection refused") as caught:
            limiter.try_acquire(input_tokens=1)
        with pytest.raises(QuotaUnavailable):
            opened(own_url)
        own_server.start()
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_large_limit_and_a_large_request_are_counted(postgres_database: PostgresUrl) -> None:
    limits = Limits(rpm=10**10, tpm=10**12, rpd=10**10)
    with closing(opened(postgres_database, limits)) as limiter:
        permit(limiter, 10**12)
        assert isinstance(limiter.try_acquire(input_tokens=1), Wait)
        limiter.close_day()
        assert limiter.state().day_closed_until


def test_the_quota_is_where_the_database_is_unless_it_is_set(postgres_database: PostgresUrl) -> None:
    settings = load_settings(db=postgres_database.secret)
    assert settings.quota_address == postgres_database
    with closing(open_limiter(settings.quota_address, limits=FREE, scope="model", clock=SystemClock())) as limiter:
        assert isinstance(limiter.try_acquire(input_tokens=1), Permit)
    elsewhere = load_settings(db=postgres_database.secret, quota_url="sqlite:////a/b")
    assert elsewhere.quota_address == "sqlite:////a/b"


@pytest.mark.parametrize("pacing", ["burst", "even"])
def test_two_days_at_random_are_decided_as_by_the_file(
    postgres_database: PostgresUrl, tmp_path: Path, pacing: Literal["burst", "even"]
) -> None:
    """The functions in the database against the rules in Python, on one clock."""
    limits = Limits(rpm=15, tpm=250_000, rpd=150, pacing=pacing)
    clock, chance = FakeClock(NOON), random.Random(20_261_124)
    outcomes: Counter[str] = Counter()
    with ExitStack() as stack:
        file = stack.enter_context(closing(SqliteLimiter(tmp_path / "q", limits=limits, scope="model", clock=clock)))
        opened_on_server = PostgresLimiter(postgres_database, limits=limits, scope="model", clock=clock, now=clock.time)
        server = stack.enter_context(closing(opened_on_server))
        granted: list[tuple[Permit, Permit]] = []
        for _ in range(1_000):
            tokens = chance.choice((1, 900, 40_000))
            theirs, ours = (_outcome(limiter, tokens) for limiter in (file, server))
            if isinstance(theirs, Permit):
                assert isinstance(ours, Permit)
                granted = [*granted[-20:], (theirs, ours)]
            elif isinstance(theirs, Wait):
                assert isinstance(ours, Wait)
                assert ours.seconds == pytest.approx(theirs.seconds, abs=1e-5)
            else:
                assert ours == theirs
            outcomes[type(theirs).__name__] += 1
            clock.advance(chance.choice((0.0, 0.5, 3.0, 30.0)) * (200 if chance.random() < 0.01 else 1))
            if granted and chance.random() < 0.3:
                used = chance.choice((0, 500, 60_000))
                of_file, of_server = granted.pop(chance.randrange(len(granted)))
                file.settle(of_file, input_tokens=used)
                server.settle(of_server, input_tokens=used)
            if chance.random() < 0.02:
                for limiter in (file, server):
                    limiter.pause(45.0)
            if granted and chance.random() < 0.004:
                assert file.close_day(permit=granted[-1][0]) == server.close_day(permit=granted[-1][1])
            if chance.random() < 0.002:
                for limiter in (file, server):
                    limiter.reset()
            assert file.state().requests_today == server.state().requests_today
    assert min(outcomes[name] for name in ("Permit", "Wait", "datetime")) >= 30, outcomes


def _outcome(limiter: Limiter, tokens: int) -> Permit | Wait | datetime:
    """A permit, a wait, or when the day ends that is used up."""
    try:
        return limiter.try_acquire(input_tokens=tokens)
    except DayExhausted as exhausted:
        return exhausted.until
