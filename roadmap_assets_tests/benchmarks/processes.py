"""The share of the provider's window that the shared limiter grants to one and to several processes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import SystemClock
from roadmap_assets.enrichment.limiter.base import Limits
from roadmap_assets.enrichment.limiter.registry import open_limiter
from roadmap_assets.settings import load_settings
from roadmap_assets_tests.benchmarks import measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Wanted, at_least, at_most, exactly

RPM = 15
FAST = Limits(rpm=1_000_000, tpm=0, rpd=0)
"""A limit that is counted, and never reached."""


def processes(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `processes`."""
    window_s, windows = (1.0, 4) if conditions.quick else (6.0, 5)
    for count in (1, 4) if conditions.quick else (1, 2, 4, 8):
        url = f"sqlite:///{conditions.folder / f'{count}.sqlite'}"
        start_at = time.time() + 1.5  # all have started by then
        jobs = [(take_permits, (url, window_s, start_at, start_at + windows * window_s)) for _ in range(count)]
        granted = sorted(moment for run in measuring.together(jobs) for moment in run.result)
        name = f"{count} process{'es' * (count > 1)}"
        yield Figure(f"{name}: share of what the window allows", share(granted, window_s), "", at_least(0.97))
        yield Figure(f"{name}: violations", violations(granted, window_s), "", exactly(0), f"of {len(granted)} permits")
    url = f"sqlite:///{conditions.folder / 'fast.sqlite'}"
    yield from speed(url, permits=2_000 if conditions.quick else 20_000, wanted=at_least(2_000))


def speed(url: str, *, permits: int, wanted: Wanted) -> Iterator[Figure]:
    """How fast four processes get so many permits each as long as the window has room."""
    count = permits
    start_at = time.time() + 2.5
    runs = [run.result for run in measuring.together([(time_permits, (url, start_at, count))] * 4)]
    taken_s = [seconds for seconds, _ in runs]
    yield Figure("4 processes at full speed: permits", 4 * count / max(taken_s), "/s", wanted)
    with closing(open_limiter(address(url), limits=FAST, scope="benchmark", clock=SystemClock())) as limiter:
        beyond = 4 * count - limiter.state().requests_in_window
    yield Figure("4 processes at full speed: permits not counted", beyond, "", exactly(0), f"of {4 * count}")
    fairness = max(taken_s) / statistics.median(taken_s)
    yield Figure("4 processes at full speed: slowest ÷ median process", fairness, "", at_most(2))
    yield Figure("4 processes at full speed: longest wait", max(wait for _, wait in runs) * 1000, "ms")


def address(url: str) -> str | PostgresUrl:
    """A URL that came as an argument of a process."""
    return load_settings(quota_url=url).quota_address


def time_permits(url: str, start_at: float, count: int) -> tuple[float, float]:
    """Take so many permits; the seconds for all of them, and for the one that took longest."""

    async def take() -> tuple[float, float]:
        longest = 0.0
        with closing(open_limiter(address(url), limits=FAST, scope="benchmark", clock=SystemClock())) as limiter:
            await asyncio.sleep(start_at - time.time())
            began = before = time.perf_counter()
            for _ in range(count):
                await limiter.acquire(input_tokens=0)
                now = time.perf_counter()
                longest, before = max(longest, now - before), now
            return before - began, longest

    return asyncio.run(take())


def take_permits(url: str, window_s: float, start_at: float, end_at: float) -> list[float]:
    """Take every permit between two moments; the time of each (unix seconds)."""
    limits = Limits(rpm=RPM, tpm=0, rpd=0, window_s=window_s)

    async def take() -> list[float]:
        moments: list[float] = []
        limiter = open_limiter(address(url), limits=limits, scope="benchmark", clock=SystemClock())
        await asyncio.sleep(start_at - time.time())
        try:
            async with asyncio.timeout(end_at - time.time()):
                while True:
                    await limiter.acquire(input_tokens=0)
                    moments.append(time.time())
        except TimeoutError:
            return moments
        finally:
            limiter.close()

    return asyncio.run(take())


def share(granted: Sequence[float], window_s: float) -> float:
    """The shortest possible time for this many permits ÷ the time that it took; whole windows only."""
    whole = (len(granted) - 1) // RPM
    return whole * window_s / (granted[whole * RPM] - granted[0])


def violations(granted: Sequence[float], window_s: float) -> int:
    """How often a permit was granted less than a window after the fifteenth before it."""
    return sum(later - earlier < window_s for earlier, later in zip(granted, granted[RPM:], strict=False))
