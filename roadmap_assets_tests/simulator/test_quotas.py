from __future__ import annotations

import asyncio
import math
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from google import genai
from google.genai import errors
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.simulator.quotas import Exceeded, Quotas
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.simulator.asking import ask, generate, rows, with_client

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), max_size=60),
    rpm=st.integers(0, 4),
    tpm=st.sampled_from([0, 50, 100]),
)
def test_admits_what_the_window_before_it_allows_and_nothing_else(
    arrivals: list[tuple[int, int]], rpm: int, tpm: int
) -> None:
    quotas, now = Quotas(rpm=rpm, tpm=tpm, window_s=60), 0.0
    admitted: list[tuple[float, int]] = []
    for gap, tokens in arrivals:
        now += gap
        window = [one for at, one in admitted if at > now - 60]
        allowed = (not rpm or len(window) < rpm) and (not tpm or sum(window) + tokens <= tpm)

        exceeded = quotas.admit("m", tokens, now=now)

        assert (exceeded is None) == allowed
        if exceeded is None:
            admitted.append((now, tokens))


@given(arrivals=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50)), max_size=40), tokens=st.integers(1, 50))
def test_the_delay_it_names_is_the_shortest_after_which_the_request_is_admitted(
    arrivals: list[tuple[int, int]], tokens: int
) -> None:
    quotas, now = Quotas(rpm=3, tpm=100, window_s=60), 0.0
    for gap, earlier in arrivals:
        now += gap
        quotas.admit("m", earlier, now=now)

    exceeded = quotas.admit("m", tokens, now=now)

    if exceeded is not None:
        assert exceeded.retry_delay_s is not None
        delay = exceeded.retry_delay_s
        # both quotas may be in the way, one after the other; each names its own end
        assert quotas.admit("m", tokens, now=now + delay - 0.001) is not None
        after = quotas.admit("m", tokens, now=now + delay)
        assert after is None or after.quota != exceeded.quota


def test_a_refused_request_uses_nothing_of_the_quota() -> None:
    quotas = Quotas(rpm=1, window_s=60)
    assert quotas.admit("m", 1, now=0) is None
    for second in range(1, 60):
        assert quotas.admit("m", 1, now=second) == Exceeded("minute", 1, 60 - second)
    assert quotas.admit("m", 1, now=60) is None


def test_each_model_has_a_quota_of_its_own() -> None:
    quotas = Quotas(rpm=1)
    assert quotas.admit("one", 1, now=0) is None
    assert quotas.admit("other", 1, now=0) is None
    assert quotas.admit("one", 1, now=0) is not None


@pytest.mark.parametrize(
    ("midnight", "why"),
    [
        (datetime(2026, 1, 16, tzinfo=LOS_ANGELES), "winter: 8 hours behind UTC"),
        (datetime(2026, 7, 16, tzinfo=LOS_ANGELES), "summer: 7 hours behind UTC"),
        (datetime(2026, 11, 2, tzinfo=LOS_ANGELES), "after a day of 25 hours"),
    ],
)
def test_the_day_turns_at_midnight_in_los_angeles(midnight: datetime, why: str) -> None:
    quotas, turn = Quotas(rpd=2, window_s=60), midnight.timestamp()
    assert quotas.admit("m", 1, now=turn - 7200) is None
    assert quotas.admit("m", 1, now=turn - 3600) is None
    assert quotas.admit("m", 1, now=turn - 0.001) == Exceeded("day", 2, 60), why
    assert quotas.admit("m", 1, now=turn) is None, why


def test_a_request_larger_than_the_token_quota_is_never_admitted() -> None:
    quotas = Quotas(tpm=100, window_s=60)
    assert quotas.admit("m", 101, now=0) == Exceeded("tokens", 100, 60)
    assert quotas.admit("m", 101, now=1000) == Exceeded("tokens", 100, 60)


@pytest.mark.parametrize(
    ("options", "quota_id", "limit"),
    [
        (SimulatorOptions(rpm=1, window_s=30), "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "1"),
        (SimulatorOptions(tpm=150, window_s=30), "GenerateContentInputTokensPerModelPerMinute-FreeTier", "150"),
        (SimulatorOptions(rpd=1, window_s=30), "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "1"),
    ],
)
def test_the_sdk_sees_a_429_that_names_the_quota_and_the_delay(
    options: SimulatorOptions, quota_id: str, limit: str
) -> None:
    with Simulator(options) as simulator:
        ask(simulator.url)
        with pytest.raises(errors.ClientError) as caught:
            ask(simulator.url)

        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
        failure, retry = caught.value.details["error"]["details"]
        assert failure["@type"] == "type.googleapis.com/google.rpc.QuotaFailure"
        assert failure["violations"][0]["quotaId"] == quota_id
        assert failure["violations"][0]["quotaValue"] == limit
        assert retry["@type"] == "type.googleapis.com/google.rpc.RetryInfo"
        assert retry["retryDelay"].endswith("s")
        assert 0 < float(retry["retryDelay"][:-1]) <= 30
        assert [seen.status for seen in simulator.requests] == [200, 429]


def test_the_window_slides_in_real_time() -> None:
    window_s = 0.4
    with Simulator(SimulatorOptions(rpm=2, window_s=window_s)) as simulator:

        async def use(client: genai.Client) -> None:
            while len([seen for seen in simulator.requests if seen.status == 200]) < 6:
                try:
                    await generate(client)
                except errors.ClientError as error:
                    await asyncio.sleep(float(error.details["error"]["details"][1]["retryDelay"][:-1]))

        with_client(simulator.url, use)
        admitted = [seen.at for seen in simulator.requests if seen.status == 200]
        # a client that waits as asked is admitted: at most one refusal each time the window is full
        assert len(simulator.requests) - len(admitted) <= math.ceil(6 / 2)
        assert all(later - earlier > window_s - 1e-6 for earlier, later in zip(admitted, admitted[2:], strict=False))


def test_reset_frees_the_quota_and_forgets_the_requests() -> None:
    with Simulator(SimulatorOptions(rpm=1)) as simulator:
        ask(simulator.url)
        simulator.reset()
        assert rows(ask(simulator.url))
        assert len(simulator.requests) == 1
