"""Python programs beside the test: real processes that hold, write, freeze and die."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.engine import Engine
from roadmap_assets.enrichment.engine.events import Event
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.registry import open_warehouse


class Program:
    """A Python program in a process of its own, killed at the latest when the context ends.

    It reports that it has reached a point by printing a line, and continues when it reads one.
    """

    def __init__(self, code: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream
            with suppress(BrokenPipeError):
                stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line it prints; waited for. Fails with what it wrote to stderr when it ends without one."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate()[1])
        return line.rstrip("\n")

    def go_on(self) -> None:
        """Send it a line."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> str:
        """Wait for its end and return the rest of what it printed. Fails when it ended with an error."""
        out, err = self._process.communicate()
        assert self._process.returncode == 0, err
        return out

    def rest(self) -> str:
        """What a killed program had printed and nobody has read; its last line may be incomplete."""
        assert self._process.stdout
        return self._process.stdout.read()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """`kill -9`, and wait until it is dead."""
        self._process.kill()
        self._process.wait()


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["google.genai", "httpcore2", "httpx2", "pandas", "roadmap_assets.enrichment.limiter.sqlite", __name__]
)


class EngineProcess:
    """A run of the whole engine, settings and all, in a process of its own: forked from one that has imported it
    already, so that it is at work in half a second. Killed at the latest when the context ends.
    """

    @staticmethod
    def _run(topics: Sequence[str], settings: dict[str, Any], teller: Connection) -> None:
        access = Access(load_settings(**settings))
        _report(access, access.engine(open_warehouse(access.settings.db)), topics, teller)

    def __init__(self, topics: Sequence[str], *, db: Path | PostgresUrl, url: str, **settings: Any) -> None:
        self._told, teller = _FORKS.Pipe(duplex=False)
        given = {"rpm": 0, "tpm": 0, "rpd": 0, **settings, "db": db, "gemini_base_url": url, "gemini_api_key": "any"}
        self._process = _FORKS.Process(target=self._run, args=(list(topics), given, teller))
        self._process.start()
        teller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._told.close()

    def wait_for(self, event: type, *, times: int = 1) -> bool:
        """Wait until it has reported this many more such events; False if it ended before that."""
        try:
            while times:
                times -= self._told.recv() == event.__name__
        except EOFError:
            return False
        return True

    def skim(self) -> None:
        """Discard what it has reported, so that it need not wait for a reader."""
        with suppress(EOFError):
            while self._told.poll():
                self._told.recv()

    def end(self) -> None:
        """Wait for its end; fails when it ended with an error."""
        self._process.join()
        assert self._process.exitcode == 0

    def ends_within(self, seconds: float) -> bool:
        self._process.join(seconds)
        return self._process.exitcode is not None

    def kill(self) -> None:
        """`kill -9`, and wait until it is dead."""
        self._process.kill()
        self._process.join()


def questions(access: Access, topics: Sequence[str]) -> list[Question]:
    """The questions that `EngineProcess` asks."""
    return [access.question(topic=topic, description=f"{topic} is a topic.", context="A Roadmap") for topic in topics]


class BatchProcess(EngineProcess):
    """A run by batch jobs that waits for them, and looks at them all the time."""

    @staticmethod
    def _run(topics: Sequence[str], settings: dict[str, Any], teller: Connection) -> None:
        access = Access(load_settings(service="batch", batch_poll_s=0.05, **settings))
        engine = access.batch_engine(open_warehouse(access.settings.db), waits=True)
        engine.options = replace(engine.options, confirm_s=0.5)
        engine.config = replace(engine.config, lease_s=5.0)
        _report(access, engine, topics, teller)


def _report(access: Access, engine: Engine, topics: Sequence[str], teller: Connection) -> None:
    """Run the engine, and report the name of each event."""

    def report(event: Event) -> None:
        with suppress(BrokenPipeError):  # the test has stopped reading
            teller.send(type(event).__name__)

    asyncio.run(engine.run(questions(access, topics), on_event=report))
