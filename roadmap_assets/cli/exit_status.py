"""What a command's exit status says."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit statuses and what they mean; docs/cli.md lists them."""

    DONE = 0, "everything asked for was done"
    NOT_DONE = 1, "it could not be done; one line on standard error says why and what to do"
    WRONG_USAGE = 2, "wrong usage, or a setting out of its range"
    INCOMPLETE = (
        3,
        "done, but some topics failed or were deferred, or some roadmaps were left out; the output says which",
    )
    INTERRUPTED = 130, "interrupted; what was answered is stored"

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitStatus:
        """A status is an `int` with a meaning."""
        status = int.__new__(cls, value)
        status._value_ = value
        status.meaning = meaning
        return status
