"""What every store of the quota does, whichever URL names it: by several limiters over one quota, on simulated days."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.limiter.base import (
    PROVIDER_ZONE,
    DayExhausted,
    Limiter,
    Limits,
    Permit,
    QuotaState,
    Wait,
    next_reset,
)
from roadmap_assets.enrichment.limiter.postgres import PostgresLimiter
from roadmap_assets.enrichment.limiter.sqlite import SqliteLimiter
from roadmap_assets_tests.enrichment.engine.runs import FREE
from roadmap_assets_tests.fake_clock import FakeClock

NOON = datetime(2026, 11, 23, 12, tzinfo=PROVIDER_ZONE).timestamp()

Opener = Callable[..., Limiter]


@pytest.fixture
def clock(database: Path | PostgresUrl) -> FakeClock:
    return FakeClock(NOON, quiet_s=0.02 if isinstance(database, PostgresUrl) else 0.0)


@pytest.fixture
def open_one(database: Path | PostgresUrl, clock: FakeClock) -> Iterator[Opener]:
    """Opens limiters over one quota, as several processes would."""
    with ExitStack() as opened:

        def open_one(limits: Limits = FREE, scope: str = "model") -> Limiter:
            limiter: Limiter
            if isinstance(database, PostgresUrl):
                limiter = PostgresLimiter(database, limits=limits, scope=scope, clock=clock, now=clock.time)
            else:
                limiter = SqliteLimiter(database, limits=limits, scope=scope, clock=clock)
            return opened.enter_context(closing(limiter))

        yield open_one


def permit(limiter: Limiter, tokens: int = 1) -> Permit:
    answer = limiter.try_acquire(input_tokens=tokens)
    assert isinstance(answer, Permit), answer
    return answer


def test_a_burst_is_granted_at_once_and_the_rest_when_the_window_opens(
    open_one: Opener, clock: FakeClock, database: Path | PostgresUrl
) -> None:
    limiters = [open_one(), open_one()]
    count = 20 if isinstance(database, PostgresUrl) else 40  # each second of each wait takes 20 ms there
    waits: list[Wait] = []

    async def run() -> list[Permit]:
        calls = (limiters[n % 2].acquire(input_tokens=900, on_wait=waits.append) for n in range(count))
        return await asyncio.gather(*calls)

    granted = sorted(round(permit.granted_at - NOON, 3) for permit in asyncio.run(run()))
    assert granted == ([0.0] * 15 + [61.0] * 15 + [122.0] * 10)[:count]
    assert waits[0] == Wait(61.0, "requests")
    assert len({wait.seconds for wait in waits}) > 60, "a wait is reported repeatedly, so that it can be counted down"


def test_a_correction_downwards_frees_a_permit_within_a_second(open_one: Opener, clock: FakeClock) -> None:
    mine, other = open_one(), open_one()
    first = permit(mine, 200_000)

    async def correct() -> None:
        await clock.sleep(10.0)
        mine.settle(first, input_tokens=100_000)

    async def run() -> float:
        granted, _ = await asyncio.gather(other.acquire(input_tokens=100_000), correct())
        return granted.granted_at - NOON

    assert 10.0 <= asyncio.run(run()) <= 11.0


def test_a_correction_upwards_holds_the_next_one_back(open_one: Opener) -> None:
    mine, other = open_one(), open_one()
    mine.settle(permit(mine, 100_000), input_tokens=200_000)
    assert other.try_acquire(input_tokens=100_000) == Wait(61.0, "tokens")
    assert other.state().tokens_in_window == 200_000


def test_a_late_correction_touches_no_other_permit(open_one: Opener, clock: FakeClock) -> None:
    limiter = open_one()
    late = permit(limiter, 10)
    clock.advance(61.5)
    permit(limiter, 20)  # by now the first is forgotten
    limiter.settle(late, input_tokens=99)
    assert limiter.state().tokens_in_window == 20


def test_a_pause_applies_to_every_process_and_is_never_shortened(open_one: Opener, clock: FakeClock) -> None:
    mine, other = open_one(), open_one()
    mine.pause(57.5)
    mine.pause(3.0)
    assert other.try_acquire(input_tokens=1) == Wait(57.5, "pause")
    assert other.state().open_at == other.state().paused_until == datetime.fromtimestamp(NOON + 57.5, UTC)
    other.pause(60.0)
    clock.advance(57.5)
    assert mine.try_acquire(input_tokens=1) == Wait(2.5, "pause")
    clock.advance(2.5)
    permit(mine)
    assert mine.state().paused_until is None


def test_a_pause_in_the_middle_of_a_wait_lengthens_it(open_one: Opener, clock: FakeClock) -> None:
    mine, other = open_one(), open_one()
    mine.pause(5.0)

    async def pause_again() -> None:
        await clock.sleep(4.5)
        other.pause(30.0)

    async def run() -> float:
        granted, _ = await asyncio.gather(mine.acquire(input_tokens=1), pause_again())
        return granted.granted_at - NOON

    assert asyncio.run(run()) == pytest.approx(34.5)


def test_a_closed_day_is_closed_for_every_process_until_midnight(open_one: Opener, clock: FakeClock) -> None:
    mine, other = open_one(), open_one()
    midnight = datetime(2026, 11, 24, tzinfo=PROVIDER_ZONE)
    assert mine.close_day() == midnight
    with pytest.raises(DayExhausted) as caught:
        other.try_acquire(input_tokens=1)
    assert caught.value.until == midnight
    assert other.state().day_closed_until == other.state().open_at == midnight
    clock.advance(midnight.timestamp() - 0.001 - clock.time())
    with pytest.raises(DayExhausted):
        mine.try_acquire(input_tokens=1)
    clock.advance(midnight.timestamp() - clock.time())
    permit(other)
    assert mine.state() == QuotaState(1, 1, 1, None, None)


def test_a_refusal_that_arrives_after_midnight_does_not_close_the_new_day(open_one: Opener, clock: FakeClock) -> None:
    limiter = open_one()
    midnight = next_reset(NOON)
    clock.advance(midnight.timestamp() - 1 - NOON)
    before = permit(limiter)
    clock.advance(2)
    assert limiter.close_day(permit=before) == midnight
    today = permit(limiter)
    assert limiter.close_day(permit=today) == next_reset(clock.time())
    with pytest.raises(DayExhausted):
        limiter.try_acquire(input_tokens=1)


@pytest.mark.parametrize("rpd", [0, 499, 1500])
def test_a_day_that_was_closed_under_another_limit_is_open(open_one: Opener, rpd: int) -> None:
    before, after = open_one(Limits(rpm=0, tpm=0, rpd=500)), open_one(Limits(rpm=0, tpm=0, rpd=rpd))
    before.close_day()
    permit(after)
    after.close_day()  # the provider refuses under the new limit too
    with pytest.raises(DayExhausted):
        after.try_acquire(input_tokens=1)


def test_a_reset_reopens_the_day_and_ends_the_pause_for_all(open_one: Opener) -> None:
    mine, other = open_one(), open_one()
    permit(mine, tokens=7)
    mine.pause(90.0)
    mine.close_day()
    other.reset()
    assert mine.state() == QuotaState(1, 7, 0, None, None)
    permit(mine)


def test_the_days_requests_are_counted_over_all(open_one: Opener, clock: FakeClock) -> None:
    limiters = [open_one(Limits(rpm=0, tpm=0, rpd=5)) for _ in range(2)]
    for n in range(5):
        permit(limiters[n % 2])
        clock.advance(3600)
    for limiter in limiters:
        with pytest.raises(DayExhausted):
            limiter.try_acquire(input_tokens=1)
        assert limiter.state().day_closed_until == next_reset(clock.time())


def test_even_pacing_holds_across_processes(open_one: Opener, clock: FakeClock) -> None:
    limiters = [open_one(Limits(rpm=15, tpm=0, rpd=0, pacing="even")) for _ in range(2)]

    async def run() -> list[Permit]:
        return await asyncio.gather(*(limiters[n % 2].acquire(input_tokens=1) for n in range(8)))

    assert sorted(round(permit.granted_at - NOON, 3) for permit in asyncio.run(run())) == [4.0 * n for n in range(8)]


def test_scopes_do_not_touch_each_other(open_one: Opener) -> None:
    one, two = open_one(scope="one"), open_one(scope="two")
    for _ in range(15):
        permit(one)
    one.pause(10.0)
    one.close_day()
    assert two.state() == QuotaState(0, 0, 0, None, None)
    permit(two)


def test_old_permits_are_forgotten(open_one: Opener, clock: FakeClock, database: Path | PostgresUrl) -> None:
    limiter = open_one(Limits(rpm=0, tpm=0, rpd=0))
    for _ in range(200):
        permit(limiter)
        clock.advance(6.0)
    assert permits_in(database) == 11
    assert limiter.state().requests_today == 200


def permits_in(database: Path | PostgresUrl) -> int:
    if isinstance(database, PostgresUrl):
        with psycopg.connect(database.secret) as server:
            return len(server.execute("SELECT * FROM quota_grants").fetchall())
    with closing(sqlite3.connect(database)) as file:
        return len(file.execute("SELECT * FROM permits").fetchall())
