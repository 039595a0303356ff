"""The interface to jobs of many requests, which a provider works through while nobody waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from io import IOBase
from typing import Any, Protocol

from msgspec import Struct

from roadmap_assets.enrichment.providers.base import Kind, Outcome
from roadmap_assets.enrichment.questions import Question


class BatchCallFailed(Exception):
    """A request about a job failed; `sent` says whether it may have arrived. The text is cleaned."""

    def __init__(self, kind: Kind, detail: str, *, sent: bool = True) -> None:
        super().__init__(detail)
        self.kind = kind
        self.sent = sent


class RemoteJob(Struct, frozen=True):
    """A job as Gemini describes it: `state` is PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED or EXPIRED.

    Its results are in `file`, or in the description itself (`inlined`).
    """

    name: str
    display_name: str
    state: str
    error: str
    file: str
    inlined: Sequence[Mapping[str, Any]]

    @property
    def has_ended(self) -> bool:
        """Whether Gemini is done with it."""
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


class Result(Struct, frozen=True):
    """The result of one request: the key that it has, if any, and the outcome."""

    key: str
    outcome: Outcome


class BatchProvider(Protocol):
    """Makes jobs of many requests. Close it after use. Its methods raise BatchCallFailed."""

    def line(self, key: str, questions: Sequence[Question], *, first_id: int) -> bytes:
        """One request, as a line of a job's file; the ids of its topics count from `first_id`."""
        ...

    async def create(self, display_name: str, lines: IOBase, *, before_creation: Callable[[], None]) -> RemoteJob:
        """Upload the lines, and create a job. Calls `before_creation` between the two."""
        ...

    async def find(self, display_name: str) -> list[RemoteJob]:
        """The jobs of this name."""
        ...

    async def get(self, name: str) -> RemoteJob | None:
        """The job; None when Gemini does not know it."""
        ...

    async def cancel(self, name: str) -> None:
        """Cancel the job; one that has ended stays as it is."""
        ...

    def results(self, job: RemoteJob) -> AsyncIterator[Result]:
        """The results of a job that has ended."""
        ...

    async def delete_files(self, job: RemoteJob) -> None:
        """Delete the lines that were uploaded under the job's name, and the file of its results."""
        ...

    async def close(self) -> None: ...
