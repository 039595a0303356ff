"""Running the engine from synchronous code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_blocking(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, also where an event loop runs already, as in a notebook.

    Interrupted (KeyboardInterrupt), it is cancelled and waited for in either case, so that it can put things in order.
    """
    return _run_in_thread(work) if _inside_a_loop() else asyncio.run(work)


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(work: Coroutine[Any, Any, _T]) -> _T:
    runner = asyncio.Runner()
    loop = runner.get_loop()
    task = loop.create_task(work)  # made here, so that it can be cancelled from here; it runs in the thread alone

    ended = threading.Event()  # a thread that was interrupted while joining another cannot join it again

    def run() -> None:
        try:
            with runner:
                loop.run_until_complete(asyncio.wait([task]))
        finally:
            ended.set()

    try:
        threading.Thread(target=run, name="roadmap-assets").start()
        ended.wait()
    except BaseException:
        loop.call_soon_threadsafe(task.cancel)
        ended.wait()
        raise
    return task.result()
