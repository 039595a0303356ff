"""Synchronous callers, inside a running event loop and outside."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import TypeVar

import pytest

from roadmap_assets.enrichment.blocking import run_blocking

T = TypeVar("T")


def in_a_loop(call: Callable[[], T]) -> T:
    async def notebook() -> T:
        return call()

    return asyncio.run(notebook())


def outside_a_loop(call: Callable[[], T]) -> T:
    return call()


WHERE = pytest.mark.parametrize("where", [outside_a_loop, in_a_loop])


@WHERE
def test_the_result_is_returned(where: Callable[[Callable[[], int]], int]) -> None:
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    assert where(lambda: run_blocking(seven())) == 7


@WHERE
def test_an_error_is_raised(where: Callable[[Callable[[], None]], None]) -> None:
    async def fail() -> None:
        raise KeyError("what")

    with pytest.raises(KeyError, match="what"):
        where(lambda: run_blocking(fail()))


@WHERE
def test_an_interrupt_lets_the_work_clean_up(where: Callable[[Callable[[], None]], None]) -> None:
    order: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            order.append("cleaned up")

    def call() -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler) if where is in_a_loop else None
        try:
            run_blocking(work())
        finally:
            if before:
                signal.signal(signal.SIGINT, before)

    with pytest.raises(KeyboardInterrupt):
        where(call)
    assert order == ["cleaned up"]


def test_the_loop_of_a_notebook_stays_open_and_current() -> None:
    async def notebook() -> bool:
        before = asyncio.get_running_loop()
        run_blocking(asyncio.sleep(0))
        return asyncio.get_event_loop_policy().get_event_loop() is before and not before.is_closed()

    with asyncio.Runner() as runner:
        assert runner.run(notebook())
        assert asyncio.get_event_loop() is runner.get_loop()
        assert runner.run(notebook())


def test_the_loop_that_a_script_has_set_stays_open_and_current() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        run_blocking(asyncio.sleep(0))
        assert asyncio.get_event_loop() is loop
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
