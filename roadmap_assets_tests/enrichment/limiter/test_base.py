"""The rules of the quota: what may be sent when, and when a day begins."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.limiter.base import (
    PROVIDER_ZONE,
    DayExhausted,
    Limits,
    Standing,
    Wait,
    decide,
    least_seconds,
    next_reset,
    seconds_until_sent,
)
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import FREE

NOW = 1_790_000_000.0
OPEN_DAY = Standing(seen_at=NOW, day_ends=NOW + 3600)


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


def full(count: int, *, age_s: float, tokens: int = 0) -> list[tuple[float, int]]:
    return [(NOW - age_s, tokens)] * count


@pytest.mark.parametrize(
    ("permits", "standing", "limits", "tokens", "wait", "reason"),
    [
        ([], OPEN_DAY, FREE, 250_000, None, "an empty window takes what fits it exactly"),
        (full(14, age_s=1), OPEN_DAY, FREE, 0, None, "the last permit of a burst, at once"),
        (full(15, age_s=1), OPEN_DAY, FREE, 0, Wait(60.0, "requests"), "until the oldest leaves, with the margin"),
        (full(15, age_s=61), OPEN_DAY, FREE, 0, None, "they leave at 61 s sharp"),
        (
            full(1, age_s=1, tokens=9) + full(1, age_s=40, tokens=249_000),
            OPEN_DAY,
            FREE,
            1000,
            Wait(21.0, "tokens"),
            "until the one leaves that holds the tokens, not the newest",
        ),
        (
            full(5, age_s=2, tokens=40_000) + full(10, age_s=30, tokens=5_000),
            OPEN_DAY,
            FREE,
            60_000,
            Wait(59.0, "tokens"),
            "the later of two: the requests open after 31 s, the tokens after 59 s",
        ),
        (full(1, age_s=1, tokens=10**9), OPEN_DAY, Limits(rpm=15, tpm=0, rpd=0), 10**9, None, "tokens unlimited"),
        (full(99, age_s=1), OPEN_DAY, Limits(rpm=0, tpm=10, rpd=0), 10, None, "requests unlimited"),
        ([], Standing(NOW, NOW + 57.5, NOW + 3600), FREE, 0, Wait(57.5, "pause"), "the pause that a 429 asked for"),
        ([], Standing(NOW, NOW, NOW + 3600), FREE, 0, None, "the pause ends at its end"),
        (full(1, age_s=1), OPEN_DAY, Limits(rpm=15, tpm=0, rpd=0, pacing="even"), 0, Wait(3.0, "pacing"), "4 s apart"),
        (full(1, age_s=1), OPEN_DAY, Limits(rpm=0, tpm=0, rpd=0, pacing="even"), 0, None, "nothing to space by"),
    ],
)
def test_decide(
    permits: list[tuple[float, int]],
    standing: Standing,
    limits: Limits,
    tokens: int,
    wait: Wait | None,
    reason: str,
) -> None:
    assert decide(permits, standing, limits, input_tokens=tokens, now=NOW) == wait, reason


@pytest.mark.parametrize(
    ("standing", "limits", "reason"),
    [
        (Standing(NOW, 0.0, NOW + 3600, requests_today=500), FREE, "all requests of the day are used"),
        (Standing(NOW, 0.0, NOW + 3600, day_closed=True), Limits(rpm=15, tpm=0, rpd=0), "the provider said so"),
    ],
)
def test_a_day_that_is_used_up_is_no_wait(standing: Standing, limits: Limits, reason: str) -> None:
    with pytest.raises(DayExhausted) as caught:
        decide([], standing, limits, input_tokens=1, now=NOW)
    assert caught.value.until.timestamp() == NOW + 3600, reason
    assert caught.value.until.utcoffset() is not None


def test_a_request_that_never_fits_is_refused_and_does_not_wait_for_ever() -> None:
    with pytest.raises(InvalidSetting, match=r"250001 .* limit of 250000 .*ROADMAP_BATCH_SIZE.*ROADMAP_TPM"):
        decide([], OPEN_DAY, FREE, input_tokens=250_001, now=NOW)


@pytest.mark.parametrize(
    "wrong", [{"rpm": -1}, {"tpm": -1}, {"rpd": -1}, {"window_s": 0.0}, {"window_s": math.nan}, {"window_s": math.inf}]
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting):
        Limits(**{"rpm": 1, "tpm": 1, "rpd": 1} | wrong)


@given(
    ages=st.lists(st.tuples(st.floats(0, 90), st.integers(0, 60)), max_size=12),
    rpm=st.integers(0, 6),
    tpm=st.sampled_from([0, 60, 100, 200]),
    pacing=st.sampled_from(["burst", "even"]),
    pause=st.floats(-20, 90),
    tokens=st.integers(0, 60),
)
def test_a_wait_ends_at_the_first_instant_at_which_the_request_fits(
    ages: list[tuple[float, int]], rpm: int, tpm: int, pacing: Any, pause: float, tokens: int
) -> None:
    """Against brute force: of all instants at which anything changes, the first at which all rules hold."""
    limits = Limits(rpm=rpm, tpm=tpm, rpd=0, pacing=pacing)
    permits = sorted(((NOW - age, used) for age, used in ages), reverse=True)
    standing = Standing(NOW, NOW + pause, NOW + 3600)

    def fits(instant: float) -> bool:
        inside = [used for granted_at, used in permits if instant < granted_at + 61.0]
        spaced = pacing == "burst" or not rpm or all(instant >= granted_at + 60 / rpm for granted_at, _ in permits)
        few = not rpm or len(inside) < rpm
        light = not tpm or sum(inside) + tokens <= tpm
        return spaced and few and light and instant >= standing.paused_until

    instants = [NOW, standing.paused_until, *(granted_at + 61.0 for granted_at, _ in permits)]
    instants += [granted_at + 60 / rpm for granted_at, _ in permits if rpm]
    first = min(instant for instant in instants if instant >= NOW and fits(instant))

    wait = decide(permits, standing, limits, input_tokens=tokens, now=NOW)
    assert (wait.seconds if wait else 0.0) == first - NOW


@pytest.mark.parametrize(
    ("calls", "ago", "paused_s", "seconds", "why"),
    [
        (0, [], 0, 0.0, "nothing to send"),
        (15, [], 0, 0.0, "an empty window takes them all"),
        (16, [], 0, 61.0, "the 16th waits for the first"),
        (1, [10.0] * 15, 0, 51.0, "the window is used up, and opens when its permits leave"),
        (2, [5.0, *[10.0] * 14], 0, 51.0, "two of them leave together"),
        (15, [5.0, *[10.0] * 14], 0, 56.0, "the last waits for the newest permit"),
        (16, [10.0] * 15, 0, 112.0, "one window more"),
        (5, [10.0] * 9, 0, 0.0, "there is room"),
        (5, [], 30, 30.0, "the pause that the server asked for"),
    ],
)
def test_when_the_last_of_some_calls_can_be_sent(
    calls: int, ago: list[float], paused_s: float, seconds: float, why: str
) -> None:
    now = 1000.0
    standing = Standing(paused_until=now + paused_s)
    granted_at = [now - before for before in ago]
    assert seconds_until_sent(calls, granted_at, standing, FREE, now=now) == pytest.approx(seconds), why
