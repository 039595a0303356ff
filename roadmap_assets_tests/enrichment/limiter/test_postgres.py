"""The quota in PostgreSQL: real processes on the server's clock, and servers that fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import Limits, Permit, Wait
from roadmap_assets.enrichment.limiter.postgres import PostgresLimiter
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.errors import QuotaUnavailable
from roadmap_assets.settings import load_settings
from roadmap_assets_tests.enrichment.engine.runs import FREE
from roadmap_assets_tests.enrichment.limiter.test_shared_quota import permit
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


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server to restart."""
    with PostgresServer() as server:
        yield server


def opened(url: PostgresUrl, limits: Limits = FREE, **options: float) -> PostgresLimiter:
    return PostgresLimiter(url, limits=limits, scope="model", clock=SystemClock(), **options)  # type: ignore[arg-type]


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


def test_a_restarted_server_is_waited_for_and_no_permit_is_forgotten(server: PostgresServer) -> None:
    with closing(opened(PostgresUrl(server.url()))) as limiter:
        first = permit(limiter, 1000)
        server.stop()
        limiter.settle(first, input_tokens=1500)
        threading.Timer(1.0, server.start).start()
        permit(limiter, 10)
        state = limiter.state()
    assert (state.requests_in_window, state.tokens_in_window) == (2, 1510), "settled once the server was back"


def test_a_server_that_stays_away_ends_in_one_line_without_the_password(server: PostgresServer) -> None:
    with closing(opened(PostgresUrl(server.url()), wait_s=0.3)) as limiter:
        server.stop()
        with pytest.raises(QuotaUnavailable, match="Connection refused") as caught:
            limiter.try_acquire(input_tokens=1)
        with pytest.raises(QuotaUnavailable):
            opened(PostgresUrl(server.url()))
        server.start()
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
