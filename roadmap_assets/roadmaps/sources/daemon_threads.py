"""Work on daemon threads, which neither Ctrl-C nor the end of the program waits for.

A thread that waits for a socket or for a name to be resolved cannot be interrupted. So it is left behind: the caller
waits for a result, never for the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def within(seconds: float, work: Callable[[], _R]) -> _R:
    """What `work` returns or raises. Raises TimeoutError when it takes longer than `seconds`."""
    outcome: Future[_R] = Future()
    Thread(target=_run, args=(work, outcome), daemon=True).start()
    return outcome.result(timeout=seconds)


def each(work: Callable[[_T], _R], items: Iterable[_T], *, at_once: int) -> Iterator[tuple[_T, Future[_R]]]:
    """Every item with the outcome of `work`, as they finish; nothing is started after the iterator is closed."""
    waiting: SimpleQueue[_T] = SimpleQueue()
    for item in items:
        waiting.put(item)
    finished: SimpleQueue[tuple[_T, Future[_R]]] = SimpleQueue()
    closed = Event()
    total = waiting.qsize()

    def worker() -> None:
        while not closed.is_set():
            try:
                item = waiting.get_nowait()
            except Empty:
                return
            outcome: Future[_R] = Future()
            _run(partial(work, item), outcome)
            finished.put((item, outcome))

    for _ in range(min(at_once, total)):
        Thread(target=worker, daemon=True).start()
    try:
        for _ in range(total):
            yield finished.get()
    finally:
        closed.set()


def _run(work: Callable[[], _R], outcome: Future[_R]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised where the outcome is asked for
        outcome.set_exception(error)
