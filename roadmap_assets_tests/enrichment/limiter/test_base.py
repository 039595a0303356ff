"""When a day begins, the shortest time for some calls, and which limits are valid."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.limiter.base import (
    PROVIDER_ZONE,
    Limits,
    least_seconds,
    next_reset,
)
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import FREE


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "reset", "reason"),
    [
        ("2026-11-23T12:00:00-08:00", "2026-11-24T00:00:00-08:00", "a day like any other"),
        ("2026-11-23T23:59:59.999999-08:00", "2026-11-24T00:00:00-08:00", "a microsecond before midnight"),
        ("2026-11-24T00:00:00-08:00", "2026-11-25T00:00:00-08:00", "midnight itself belongs to the new day"),
        ("2026-11-24T07:59:00+00:00", "2026-11-24T00:00:00-08:00", "a new day in Europe, and not yet in Los Angeles"),
        ("2026-03-08T01:00:00-08:00", "2026-03-09T00:00:00-07:00", "the day of 23 hours, before the change"),
        ("2026-03-08T03:00:00-07:00", "2026-03-09T00:00:00-07:00", "the day of 23 hours, after the change"),
        ("2026-11-01T01:30:00-07:00", "2026-11-02T00:00:00-08:00", "the day of 25 hours, the first half past one"),
        ("2026-11-01T01:30:00-08:00", "2026-11-02T00:00:00-08:00", "the day of 25 hours, the second half past one"),
        ("2026-12-31T20:00:00-08:00", "2027-01-01T00:00:00-08:00", "over the year's end"),
    ],
)
def test_the_day_turns_at_midnight_in_los_angeles(now: str, reset: str, reason: str) -> None:
    assert next_reset(at(now)) == datetime.fromisoformat(reset), reason
    assert next_reset(at(now)).utcoffset() == datetime.fromisoformat(reset).utcoffset(), reason


@given(st.floats(min_value=0, max_value=4e9))
def test_the_next_reset_is_a_midnight_within_25_hours(now: float) -> None:
    reset = next_reset(now)
    assert 0 < reset.timestamp() - now <= 25 * 3600
    assert datetime.fromtimestamp(reset.timestamp(), PROVIDER_ZONE).strftime("%H:%M:%S.%f") == "00:00:00.000000"
    assert reset.date() == datetime.fromtimestamp(now, PROVIDER_ZONE).date() + timedelta(days=1)


@pytest.mark.parametrize(
    ("calls", "tokens", "limits", "call_s", "seconds", "reason"),
    [
        (0, 0, FREE, 2.0, 0.0, "nothing to ask takes no time"),
        (1, 900, FREE, 2.0, 2.0, "one call takes its own time"),
        (15, 13_500, FREE, 2.0, 2.0, "a window's worth goes at once"),
        (16, 14_400, FREE, 2.0, 62.0, "one more waits for the next window"),
        (20, 18_000, FREE, 2.0, 62.0, "400 topics"),
        (100, 90_000, FREE, 2.0, 362.0, "2000 topics: seven windows"),
        (10, 600_000, FREE, 2.0, 122.0, "more tokens than two windows have"),
        (1000, 10**9, Limits(rpm=0, tpm=0, rpd=0), 2.0, 2.0, "no limit, no wait"),
        (20, 0, Limits(rpm=15, tpm=0, rpd=0, window_s=3.0), 2.0, 5.0, "a window scaled down"),
        (8, 0, Limits(rpm=15, tpm=0, rpd=0, pacing="even"), 2.0, 30.0, "evenly: 4 s from one to the next"),
    ],
)
def test_least_seconds(calls: int, tokens: int, limits: Limits, call_s: float, seconds: float, reason: str) -> None:
    assert least_seconds(calls, tokens, limits, call_s) == pytest.approx(seconds), reason


@pytest.mark.parametrize(
    "wrong", [{"rpm": -1}, {"tpm": -1}, {"rpd": -1}, {"window_s": 0.0}, {"window_s": math.nan}, {"window_s": math.inf}]
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        Limits(**{"rpm": 1, "tpm": 1, "rpd": 1} | wrong)
