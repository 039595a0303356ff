"""Python programs beside the test: real processes that hold, write, freeze and die."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import TracebackType
from typing import Self


class Program:
    """A Python program in a process of its own, killed at the latest when the context ends.

    It tells us that it has come to a point by printing a line, and goes on when it reads one.
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
        self._process.communicate()

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
        """Give it a line to read."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> str:
        """Wait for its end and return the rest of what it printed. Fails when it ended with an error."""
        out, err = self._process.communicate()
        assert self._process.returncode == 0, err
        return out

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """`kill -9`, and wait until it is dead."""
        self._process.kill()
        self._process.wait()
