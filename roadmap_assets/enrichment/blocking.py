"""Running the engine from synchronous code."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_T = TypeVar("_T")


def run_blocking(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook.

    The caller's event loop is left alone: `work` gets a new one. On an interrupt (KeyboardInterrupt) it is cancelled
    and awaited, so that it can clean up. So it is on SIGTERM, unless the program handles that itself.
    """
    # With a factory, a runner does not make its loop the thread's current one, nor leave the thread without one.
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    with _sigterm_as_interrupt():
        # An interrupt that is raised in the middle of the loop may be lost there; a thread's caller only waits for it.
        if _inside_a_loop() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            return _run_in_thread(work, runner)
        with runner:
            return runner.run(work)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, by which a container is stopped, end the block as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    # asyncio turns a SIGINT into the cancellation of its main task: not where that task is the caller, who is blocked
    # here, and not where SIGINT is ignored, as in a job that a shell started in the background.
    direct = _inside_a_loop() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    signal.signal(signal.SIGTERM, _raise_interrupt if direct else lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


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
