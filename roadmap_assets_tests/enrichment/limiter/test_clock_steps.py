"""The system clock is set while the quota is in use, the machine reboots, or the quota file is an old one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, DayExhausted, Limits, Permit, Wait, next_reset
from roadmap_assets.enrichment.limiter.sqlite import SqliteLimiter
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import FREE
from roadmap_assets_tests.fake_clock import FakeClock

HOUR_S = 3600.0
NOON = datetime(2026, 11, 23, 12, tzinfo=PROVIDER_ZONE).timestamp()
DAY = Limits(rpm=0, tpm=0, rpd=10)

Opener = Callable[..., SqliteLimiter]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def open_one(tmp_path: Path, clock: FakeClock) -> Iterator[Opener]:
    with ExitStack() as opened:

        def open_one(limits: Limits = FREE) -> SqliteLimiter:
            limiter = SqliteLimiter(tmp_path / "quota.sqlite", limits=limits, scope="model", clock=clock)
            return opened.enter_context(closing(limiter))

        yield open_one


def take(limiter: SqliteLimiter, count: int = 1) -> None:
    for _ in range(count):
        assert isinstance(limiter.try_acquire(input_tokens=1), Permit)


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, 45.0, -45.0, 30 * 86_400.0, -30 * 86_400.0])
def test_setting_the_clock_neither_frees_nor_withholds_a_permit(
    open_one: Opener, clock: FakeClock, step_s: float
) -> None:
    mine, other = open_one(), open_one()
    take(mine, 10)
    clock.advance(20.0)
    take(other, 5)
    clock.step(step_s)
    assert mine.try_acquire(input_tokens=1) == Wait(41.0, "requests")
    assert other.forecast(1) == 41.0
    clock.advance(41.0)
    take(other, 10)
    assert mine.try_acquire(input_tokens=1) == Wait(20.0, "requests")


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_setting_the_clock_neither_ends_nor_lengthens_a_pause(
    open_one: Opener, clock: FakeClock, step_s: float
) -> None:
    limiter = open_one()
    limiter.pause(57.5)
    clock.step(step_s)
    assert limiter.try_acquire(input_tokens=1) == Wait(57.5, "pause")
    paused_until = limiter.state().paused_until
    assert paused_until
    assert paused_until.timestamp() == pytest.approx(clock.time() + 57.5)


@pytest.mark.parametrize("pacing", ["burst", "even"])
@settings(max_examples=60)
@given(
    events=st.lists(
        st.one_of(
            st.just(("call", 0.0)),
            st.just(("call", 0.0)),
            st.tuples(st.just("gap"), st.floats(0, 90)),
            st.tuples(st.just("step"), st.sampled_from([HOUR_S, -HOUR_S, 61.0, -61.0, 86_400.0, -86_400.0])),
        ),
        min_size=10,
        max_size=80,
    )
)
def test_whatever_the_clock_is_set_to_no_window_and_no_day_has_too_many(
    tmp_path_factory: pytest.TempPathFactory, pacing: str, events: list[tuple[str, float]]
) -> None:
    """In real time, which no process can read from the clock. At most one day ends within these events."""
    clock = FakeClock(NOON)
    limits = Limits(rpm=3, tpm=0, rpd=12, pacing=pacing)  # type: ignore[arg-type]  # a parameter of the test
    sent: list[float] = []
    passed_s = 0.0
    path = tmp_path_factory.mktemp("steps") / "quota.sqlite"
    with closing(SqliteLimiter(path, limits=limits, scope="m", clock=clock)) as limiter:
        for kind, amount in events:
            if kind == "step":
                clock.step(amount)
            elif kind == "gap":
                clock.advance(amount)
                passed_s += amount
            else:
                try:
                    while isinstance(answer := limiter.try_acquire(input_tokens=1), Wait):
                        assert answer.seconds <= limits.span_s + 1e-6, "no step makes a wait longer than a window"
                        clock.advance(answer.seconds)
                        passed_s += answer.seconds
                except DayExhausted:
                    assert len(sent) == limits.rpd
                else:
                    sent.append(passed_s)
    assert passed_s < 12 * HOUR_S, "less than what was left of the day: it cannot have ended"
    assert len(sent) <= limits.rpd
    assert all(later - earlier >= limits.window_s for earlier, later in zip(sent, sent[3:], strict=False))


def test_a_step_over_midnight_begins_no_new_day_before_the_old_one_has_passed(
    open_one: Opener, clock: FakeClock
) -> None:
    limiter = open_one(DAY)
    clock.advance(11.5 * HOUR_S)  # 23:30
    take(limiter, 10)
    clock.step(HOUR_S)  # 0:30, after no time at all
    with pytest.raises(DayExhausted) as caught:
        limiter.try_acquire(input_tokens=1)
    assert caught.value.until.timestamp() == clock.time() + HOUR_S / 2
    clock.advance(HOUR_S / 2)
    take(limiter, 10)


def test_a_step_back_over_midnight_takes_the_count_along(open_one: Opener, clock: FakeClock) -> None:
    limiter = open_one(DAY)
    take(limiter, 10)
    clock.advance(12.5 * HOUR_S)  # 0:30 of the next day
    take(limiter, 4)
    clock.step(-HOUR_S)  # 23:30 again
    take(limiter, 6)
    clock.advance(HOUR_S)
    with pytest.raises(DayExhausted) as caught:
        limiter.try_acquire(input_tokens=1)
    left_s = 23.5 * HOUR_S - HOUR_S  # of the day that began when the clock was ahead
    assert caught.value.until.timestamp() == clock.time() + left_s


@pytest.mark.parametrize(("off_s", "wait_s"), [(0.0, 41.0), (30.0, 11.0), (3600.0, 0.0)])
def test_permits_outlive_a_reboot(open_one: Opener, clock: FakeClock, off_s: float, wait_s: float) -> None:
    take(open_one(), 15)
    clock.advance(20.0)
    assert open_one().try_acquire(input_tokens=1) == Wait(41.0, "requests")
    clock.reboot(off_s=off_s)
    assert open_one().forecast(1) == pytest.approx(wait_s)
    assert open_one().state().requests_today == 15


def test_permits_outlive_a_reboot_after_which_the_clock_is_behind(open_one: Opener, clock: FakeClock) -> None:
    limiter = open_one()
    take(limiter, 15)
    clock.reboot(off_s=100.0)
    clock.step(-HOUR_S)
    assert limiter.try_acquire(input_tokens=1) == Wait(61.0, "requests"), "nobody knows how long the reboot took"


OLD_FILE = """
CREATE TABLE scopes (scope TEXT PRIMARY KEY, seen_at REAL NOT NULL, paused_until REAL NOT NULL,
    day_ends REAL NOT NULL, requests_today INTEGER NOT NULL, day_closed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE permits (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, granted_at REAL NOT NULL,
    input_tokens INTEGER NOT NULL);
CREATE INDEX permits_by_time ON permits (scope, granted_at, input_tokens);
PRAGMA application_id = 1380798805;
"""


def test_a_quota_file_of_the_first_version_keeps_its_permits(
    open_one: Opener, clock: FakeClock, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "quota.sqlite")) as file, file:
        file.executescript(OLD_FILE)
        day_ends = next_reset(NOON).timestamp()
        file.execute("INSERT INTO scopes VALUES ('model', ?, ?, ?, 40, 0)", (NOON - 20, NOON + 30, day_ends))
        file.executemany("INSERT INTO permits VALUES (NULL, 'model', ?, 7)", [(NOON - 20,)] * 15)
    clock.reboot(off_s=0.0)  # so that the monotonic clock is not the time of day
    limiter = open_one()
    state = limiter.state()
    assert (state.requests_in_window, state.tokens_in_window, state.requests_today) == (15, 105, 40)
    assert state.paused_until
    assert state.paused_until.timestamp() == pytest.approx(NOON + 30)
    assert limiter.try_acquire(input_tokens=1) == Wait(41.0, "requests")
    clock.advance(41.0)
    take(limiter)
    assert open_one().state().requests_today == 41, "and it is taken over once"


def test_a_quota_file_of_a_newer_version_is_left_alone(open_one: Opener, tmp_path: Path) -> None:
    open_one().close()
    with closing(sqlite3.connect(tmp_path / "quota.sqlite")) as file:
        file.execute("PRAGMA user_version = 99")
    with pytest.raises(InvalidSetting, match="newer version of roadmap-assets"):
        open_one()
