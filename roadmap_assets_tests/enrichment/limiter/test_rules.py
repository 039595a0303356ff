"""What may be sent when, and what setting the clock or a reboot changes about that."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.limiter.base import DayExhausted, Limits, Wait
from roadmap_assets.enrichment.limiter.rules import Grant, Standing, decide, room, seconds_until_sent
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.engine.runs import FREE

NOW = 1_790_000_000.0
UPTIME = 5_000.0


def full(count: int, *, age_s: float, tokens: int = 0) -> list[Grant]:
    return [Grant(UPTIME - age_s, 1, tokens)] * count


def standing(*, paused_s: float = 0.0, requests_today: int = 0, day_closed: int = 0) -> Standing:
    """An hour before the end of the day."""
    return Standing("boot", UPTIME, NOW, UPTIME + paused_s, NOW + 3600, UPTIME + 3600, requests_today, day_closed)


@pytest.mark.parametrize(
    ("grants", "now", "limits", "tokens", "wait", "reason"),
    [
        ([], standing(), FREE, 250_000, None, "an empty window takes what fits it exactly"),
        (full(14, age_s=1), standing(), FREE, 0, None, "the last permit of a burst, at once"),
        (full(15, age_s=1), standing(), FREE, 0, Wait(60.0, "requests"), "until the oldest leaves, with the margin"),
        (full(15, age_s=61), standing(), FREE, 0, None, "they leave at 61 s sharp"),
        (
            full(1, age_s=1, tokens=9) + full(1, age_s=40, tokens=249_000),
            standing(),
            FREE,
            1000,
            Wait(21.0, "tokens"),
            "until the one leaves that holds the tokens, not the newest",
        ),
        (
            full(5, age_s=2, tokens=40_000) + full(10, age_s=30, tokens=5_000),
            standing(),
            FREE,
            60_000,
            Wait(59.0, "tokens"),
            "the later of two: the requests open after 31 s, the tokens after 59 s",
        ),
        (full(1, age_s=1, tokens=10**9), standing(), Limits(rpm=15, tpm=0, rpd=0), 10**9, None, "tokens unlimited"),
        (full(99, age_s=1), standing(), Limits(rpm=0, tpm=10, rpd=0), 10, None, "requests unlimited"),
        ([], standing(paused_s=57.5), FREE, 0, Wait(57.5, "pause"), "the pause that a 429 asked for"),
        ([], standing(paused_s=0), FREE, 0, None, "the pause ends at its end"),
        (
            full(1, age_s=1),
            standing(),
            Limits(rpm=15, tpm=0, rpd=0, pacing="even"),
            0,
            Wait(3.0, "pacing"),
            "4 s apart",
        ),
        (full(1, age_s=1), standing(), Limits(rpm=0, tpm=0, rpd=0, pacing="even"), 0, None, "nothing to space by"),
    ],
)
def test_decide(
    grants: list[Grant],
    now: Standing,
    limits: Limits,
    tokens: int,
    wait: Wait | None,
    reason: str,
) -> None:
    assert decide(grants, now, limits, input_tokens=tokens) == wait, reason


@pytest.mark.parametrize(
    ("now", "limits", "reason"),
    [
        (standing(requests_today=500), FREE, "all requests of the day are used"),
        (standing(day_closed=1), Limits(rpm=15, tpm=0, rpd=0), "the provider said so"),
    ],
)
def test_a_used_up_day_raises_instead_of_waiting(now: Standing, limits: Limits, reason: str) -> None:
    with pytest.raises(DayExhausted) as caught:
        decide([], now, limits, input_tokens=1)
    assert caught.value.until.timestamp() == NOW + 3600, reason
    assert caught.value.until.utcoffset() is not None


def test_a_request_that_never_fits_is_refused_instead_of_waiting_forever() -> None:
    with pytest.raises(InvalidSetting, match=r"250001 .* limit of 250000 .*ROADMAP_BATCH_SIZE.*ROADMAP_TPM"):
        decide([], standing(), FREE, input_tokens=250_001)


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
    grants = sorted((Grant(UPTIME - age, 1, used) for age, used in ages), reverse=True)
    now = standing(paused_s=pause)

    def fits(instant: float) -> bool:
        inside = [grant.input_tokens for grant in grants if instant < grant.at + 61.0]
        spaced = pacing == "burst" or not rpm or all(instant >= grant.at + 60 / rpm for grant in grants)
        few = not rpm or len(inside) < rpm
        light = not tpm or sum(inside) + tokens <= tpm
        return spaced and few and light and instant >= now.paused_until

    instants = [UPTIME, now.paused_until, *(grant.at + 61.0 for grant in grants)]
    instants += [grant.at + 60 / rpm for grant in grants if rpm]
    first = min(instant for instant in instants if instant >= UPTIME and fits(instant))

    wait = decide(grants, now, limits, input_tokens=tokens)
    assert (wait.seconds if wait else 0.0) == first - UPTIME


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
    grants = [Grant(UPTIME - before, 1, 0) for before in ago]
    assert seconds_until_sent(calls, grants, standing(paused_s=paused_s), FREE) == pytest.approx(seconds), why


def test_requests_granted_together_count_each() -> None:
    grants = [Grant(UPTIME - 1, 10, 5_000), Grant(UPTIME - 20, 4, 4_000)]
    assert decide(grants, standing(), FREE, input_tokens=1) is None
    assert decide([Grant(UPTIME, 1, 0), *grants], standing(), FREE, input_tokens=1) == Wait(41.0, "requests")
    assert seconds_until_sent(2, grants, standing(), FREE) == 41.0
    assert seconds_until_sent(6, grants, standing(), FREE) == 60.0


def test_a_reserve_that_is_still_held_delays_no_other_request() -> None:
    reserve = [Grant(UPTIME + 0.06, 14, 0)]
    assert decide(reserve, standing(), FREE, input_tokens=1) is None
    assert decide([*reserve, Grant(UPTIME, 1, 0)], standing(), FREE, input_tokens=1) == Wait(61.0, "requests")


@pytest.mark.parametrize(
    ("limits", "requests_today", "requests", "why"),
    [
        (Limits(rpm=100, tpm=0, rpd=0), 0, 86, "what is left of the window's requests"),
        (Limits(rpm=100, tpm=10_000, rpd=0), 0, 10, "what is left of its tokens"),
        (Limits(rpm=100, tpm=10_000, rpd=500), 497, 3, "what is left of the day"),
        (Limits(rpm=0, tpm=0, rpd=0), 10**6, math.inf, "no limit"),
    ],
)
def test_how_many_requests_there_is_room_for(limits: Limits, requests_today: int, requests: float, why: str) -> None:
    grants = [Grant(UPTIME - 1, 10, 5_000), Grant(UPTIME - 20, 4, 4_000), Grant(UPTIME - 61, 50, 50_000)]
    assert room(grants, standing(requests_today=requests_today), limits, input_tokens=100) == requests, why
