"""Standard output that cannot end a run: a closed pipe or a full disk is reported once, and the rest is dropped."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import click


class Output:
    """A text stream in place of `stream`; `lost` says that something could not be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = False

    def __getattr__(self, name: str) -> Any:
        """Everything but writing is the stream's own."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or lose, the text."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self.lose(error.strerror or str(error))
        return len(text)

    def flush(self) -> None:
        """Flush, or lose, what was written."""
        try:
            self._stream.flush()
        except OSError as error:
            self.lose(error.strerror or str(error))

    def lose(self, reason: str) -> None:
        """Report the loss, and send what the stream still holds to nowhere."""
        if not self.lost:
            self.lost = True
            with suppress(OSError):
                click.echo(f"Error: standard output cannot be written ({reason}); the rest of it is lost", err=True)
        with suppress(OSError, ValueError):  # a stream without a file, in a test
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def safe_output() -> Iterator[Output]:
    """Standard output as an `Output` while the block lasts.

    A character that a stream's encoding lacks is written as `?`, on standard error too.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    before = sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        output = Output(before or nowhere)
        if before is None:
            output.lose("it is closed")
        sys.stdout = cast("TextIO", output)
        try:
            yield output
        finally:
            output.flush()
            sys.stdout = before
