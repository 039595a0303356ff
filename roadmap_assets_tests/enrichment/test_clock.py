from __future__ import annotations

import asyncio
import time

from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets_tests.fake_clock import FakeClock


def test_the_system_clock_is_the_machines() -> None:
    async def nap() -> tuple[float, float]:
        clock: Clock = SystemClock()
        before = clock.time()
        await clock.sleep(0.01)
        return before, clock.time()

    earliest = time.time()
    before, after = asyncio.run(nap())
    assert earliest <= before < after <= time.time()


def test_the_fake_clock_wakes_the_earliest_sleeper_first_and_jumps_to_its_end() -> None:
    clock = FakeClock(1000.0)
    woken: list[tuple[str, float]] = []

    async def nap(name: str, *naps: float) -> None:
        for seconds in naps:
            await clock.sleep(seconds)
            woken.append((name, clock.time()))

    async def everybody() -> None:
        await asyncio.gather(nap("long", 3600.0), nap("two", 5.0, 5.0), nap("short", 2.0), nap("same", 10.0))

    asyncio.run(everybody())
    assert woken == [("short", 1002.0), ("two", 1005.0), ("same", 1010.0), ("two", 1010.0), ("long", 4600.0)]


def test_the_fake_clock_stands_still_while_somebody_can_run() -> None:
    clock = FakeClock(1000.0)

    async def work() -> float:
        for _ in range(500):
            await asyncio.sleep(0)
        return clock.time()

    async def both() -> float:
        seen, _ = await asyncio.gather(work(), clock.sleep(1.0))
        return seen

    assert asyncio.run(both()) == 1000.0
    assert clock.time() == 1001.0


def test_the_fake_clock_forgets_a_cancelled_sleep_and_serves_one_loop_after_another() -> None:
    clock = FakeClock(1000.0)

    async def cancelled() -> None:
        sleeper = asyncio.ensure_future(clock.sleep(50.0))
        await asyncio.sleep(0)
        sleeper.cancel()

    asyncio.run(cancelled())
    asyncio.run(clock.sleep(7.0))
    assert clock.time() == 1007.0
