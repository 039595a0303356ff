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


def outside(call: Callable[[], T]) -> T:
    return call()


WHERE = pytest.mark.parametrize("where", [outside, in_a_loop])


@WHERE
def test_that_the_result_comes_back(where: Callable[[Callable[[], int]], int]) -> None:
    async def seven() -> int:
        await asyncio.sleep(0)
        return 7

    assert where(lambda: run_blocking(seven())) == 7


@WHERE
def test_that_an_error_comes_back(where: Callable[[Callable[[], None]], None]) -> None:
    async def fail() -> None:
        raise KeyError("what")

    with pytest.raises(KeyError, match="what"):
        where(lambda: run_blocking(fail()))


@WHERE
def test_that_an_interrupt_lets_the_work_put_things_in_order(where: Callable[[Callable[[], None]], None]) -> None:
    order: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            order.append("in order")

    def call() -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler) if where is in_a_loop else None
        try:
            run_blocking(work())
        finally:
            if before:
                signal.signal(signal.SIGINT, before)

    with pytest.raises(KeyboardInterrupt):
        where(call)
    assert order == ["in order"]
