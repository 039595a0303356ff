"""The quota's SQLite file: clocks that are set, what it keeps, and files that are none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import (
    DayExhausted,
    Limits,
    Wait,
    next_reset,
)
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.enrichment.limiter.sqlite import SqliteLimiter
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import FREE
from roadmap_assets_tests.enrichment.limiter.test_shared_quota import NOON, permit
from roadmap_assets_tests.fake_clock import FakeClock

Opener = Callable[..., SqliteLimiter]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def open_one(tmp_path: Path, clock: FakeClock) -> Iterator[Opener]:
    """Opens limiters over one file, as several processes would."""
    with ExitStack() as opened:

        def open_one(limits: Limits = FREE, scope: str = "model") -> SqliteLimiter:
            limiter = SqliteLimiter(tmp_path / "quota.sqlite", limits=limits, scope=scope, clock=clock)
            return opened.enter_context(closing(limiter))

        yield open_one


def test_a_clock_that_is_set_back_makes_no_wait_longer(open_one: Opener, clock: FakeClock) -> None:
    mine, other = open_one(), open_one()
    for _ in range(15):
        permit(mine)
    mine.pause(90.0)
    clock.step(-30 * 86_400)
    assert other.try_acquire(input_tokens=1) == Wait(90.0, "pause")
    clock.advance(90.0)
    for _ in range(15):
        permit(other)
    assert mine.try_acquire(input_tokens=1) == Wait(61.0, "requests")
    assert mine.state().requests_today == 30, "set back, it is still the day whose requests were counted"


def test_a_day_closed_by_a_clock_that_was_ahead_ends_with_the_real_day(open_one: Opener, clock: FakeClock) -> None:
    limiter = open_one()
    clock.step(10 * 86_400)
    limiter.close_day()
    clock.step(-10 * 86_400)
    with pytest.raises(DayExhausted) as caught:
        limiter.try_acquire(input_tokens=1)
    assert caught.value.until == next_reset(NOON)


@pytest.mark.parametrize(
    ("url", "named", "reason"),
    [
        ("redis://user:secret@host/0", "redis", "an unsupported store"),
        ("/var/quota.sqlite", "sqlite:///", "a path is not a URL"),
        ("sqlite://", "sqlite:///", "no file: nothing would be shared"),
        ("sqlite:///", "sqlite:///", "no file either"),
    ],
)
def test_a_url_that_names_no_store_is_refused(url: str, named: str, reason: str) -> None:
    with pytest.raises(InvalidSetting, match=f"ROADMAP_QUOTA_URL.*{named}") as caught:
        open_limiter(url, limits=FREE, scope="model", clock=SystemClock())
    assert "secret" not in str(caught.value), reason


def test_a_url_creates_the_file_and_its_folder(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "new" / "quota.sqlite"
    with closing(open_limiter(f"sqlite:///{path}", limits=FREE, scope="model", clock=clock)) as limiter:
        permit(limiter)
    with closing(open_limiter(f"sqlite:///{path}", limits=FREE, scope="model", clock=clock)) as limiter:
        assert limiter.state().requests_in_window == 1


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"notes\n" * 500), "a text"),
        (lambda path: path.write_bytes(b"short"), "a text shorter than a header"),
        (foreign_database, "another program's SQLite database"),
        (lambda path: path.mkdir(), "a folder"),
    ],
)
def test_a_file_of_another_kind_is_named_and_left_alone(
    make: Callable[[Path], Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "something"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(InvalidSetting, match=f"{path} cannot hold the shared quota.*ROADMAP_QUOTA_URL"):
        SqliteLimiter(path, limits=FREE, scope="model", clock=SystemClock())
    assert (path.read_bytes() if path.is_file() else b"") == before, reason
    assert [entry.name for entry in tmp_path.iterdir()] == ["something"], reason
