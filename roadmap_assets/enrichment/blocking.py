"""Running the engine from synchronous code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_blocking(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook.

    The caller's event loop is left alone: `work` gets a new one. On an interrupt (KeyboardInterrupt) it is cancelled
    and awaited, so that it can clean up.
    """
    # With a factory, a runner does not make its loop the thread's current one, nor leave the thread without one.
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    if _inside_a_loop():
        return _run_in_thread(work, runner)
    with runner:
        return runner.run(work)


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_in_thread(work: Coroutine[Any, Any, _T], runner: asyncio.Runner) -> _T:
    loop = runner.get_loop()
    task = loop.create_task(work)  # created here, so that it can be cancelled from here; it runs in the thread only

    ended = threading.Event()  # a join that was interrupted cannot be repeated; waiting for an event can

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
