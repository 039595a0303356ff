"""The Batch API: jobs that Gemini works through within a day, at half the price (https://ai.google.dev/api/batch-api).

google-genai uploads and deletes files, creates and cancels jobs. Jobs and results are read as raw JSON: the SDK drops
the error of a job that failed, and rejects a whole job for one result whose error has details.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import IOBase
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.address import password_of
from roadmap_assets.enrichment.providers.base import Kind, Outcome
from roadmap_assets.enrichment.providers.batch import BatchCallFailed, RemoteJob, Result
from roadmap_assets.enrichment.providers.cleaning import Cleaner
from roadmap_assets.enrichment.providers.wire import (
    GEMINI,
    VERSION,
    an_object,
    classify_error,
    contents,
    decoded,
    encoded,
    fixed_members,
    objects,
    read_reply,
)
from roadmap_assets.enrichment.questions import Question

if TYPE_CHECKING:
    import httpx2

REQUEST_S: Final = 60.0
UPLOAD_S: Final = 900.0
"""Seconds that an upload may take; a file has at most 2 GB."""
MOST_LISTED: Final = 1_000
MAX_BYTES: Final = 64 * 2**20
"""Of a description or of one result; others may have jobs with their results in the description."""

_TRANSIENT: Final[Mapping[int, Kind]] = {1: "cancelled", 4: "timeout", 8: "busy", 13: "unavailable", 14: "unavailable"}
"""Codes (google.rpc.Code) of results that have failed for a reason that lies outside their request."""

_T = TypeVar("_T")


class GeminiBatch:
    """The Batch API behind one key and address, for one profile's columns; see `BatchProvider`."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        profile: Profile,
        base_url: str | None = None,
        temperature: float | None = None,
        thinking_level: str | None = None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        from google import genai
        from google.genai import types

        from roadmap_assets.enrichment.providers.http import open_client

        self.model = model
        self._cleaner = Cleaner([api_key, *password_of(base_url)])
        self._on_close = on_close
        self._url = f"{(base_url or GEMINI).rstrip('/')}/{VERSION}"
        self._headers = {"x-goog-api-key": api_key}
        self._http, certificates = open_client(connections=4, max_bytes=None)
        self._client = genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url,
                api_version=VERSION,
                httpx_async_client=self._http,
                client_args={"verify": certificates},
                async_client_args={"ssl": certificates},
            ),
        )
        self._fixed = fixed_members(profile, temperature=temperature, thinking_level=thinking_level)

    def line(self, key: str, questions: Sequence[Question], *, first_id: int) -> bytes:
        """See `BatchProvider`."""
        request = {"contents": contents(questions, first_id=first_id), **self._fixed}
        return encoded({"key": key, "request": request}) + b"\n"

    async def create(self, display_name: str, lines: IOBase, *, before_creation: Callable[[], None]) -> RemoteJob:
        """See `BatchProvider`."""
        from google.genai import types

        uploaded = await self._attempt(
            self._client.aio.files.upload(
                file=lines,
                config=types.UploadFileConfig(display_name=display_name, mime_type="application/jsonl"),
            ),
            timeout_s=UPLOAD_S,
        )
        before_creation()
        created = await self._attempt(
            self._client.aio.batches.create(
                model=self.model,
                src=uploaded.name or "",
                config=types.CreateBatchJobConfig(
                    display_name=display_name, http_options=types.HttpOptions(timeout=round(REQUEST_S * 1000))
                ),
            )
        )
        return RemoteJob(created.name or "", display_name, "PENDING", "", "", ())

    async def find(self, display_name: str) -> list[RemoteJob]:
        """See `BatchProvider`."""
        async for operations in self._pages("batches?pageSize=10", "operations"):
            jobs = [self._job(operation) for operation in operations]
            if found := [job for job in jobs if job.display_name == display_name]:
                return found
        return []

    async def get(self, name: str) -> RemoteJob | None:
        """See `BatchProvider`."""
        operation = await self._get(quote(name))
        return None if operation is None else self._job(operation)

    async def cancel(self, name: str) -> None:
        """See `BatchProvider`."""
        await self._attempt(self._client.aio.batches.cancel(name=name))

    async def results(self, job: RemoteJob) -> AsyncIterator[Result]:
        """See `BatchProvider`."""
        for entry in job.inlined:
            yield self._result(str(an_object(entry.get("metadata")).get("key") or ""), entry)
        if job.file:
            async for line in self._lines(f"{quote(job.file)}:download?alt=media"):
                entry = an_object(decoded(line))
                yield self._result(str(entry.get("key") or ""), entry)

    async def delete_files(self, job: RemoteJob) -> None:
        """See `BatchProvider`."""
        names: list[str] = []
        if job.display_name:
            async for files in self._pages("files?pageSize=100", "files"):
                names += [str(file.get("name")) for file in files if file.get("displayName") == job.display_name]
        for name in filter(None, [*names, job.file]):
            await self._attempt(self._client.aio.files.delete(name=name))

    async def close(self) -> None:
        """Close the connections, and what was opened for this client."""
        try:
            await self._http.aclose()
            self._client.close()
        finally:
            self._on_close()

    def _job(self, operation: Mapping[str, Any]) -> RemoteJob:
        metadata = an_object(operation.get("metadata"))
        output = an_object(metadata.get("output")) or an_object(operation.get("response"))
        error = an_object(operation.get("error"))
        return RemoteJob(
            name=str(operation.get("name") or metadata.get("name") or ""),
            display_name=str(metadata.get("displayName") or ""),
            state=str(metadata.get("state") or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_"),
            error=self._cleaner.line(str(error.get("message") or "")),
            file=str(output.get("responsesFile") or ""),
            inlined=objects(an_object(output.get("inlinedResponses")).get("inlinedResponses")),
        )

    def _result(self, key: str, entry: Mapping[str, Any]) -> Result:
        outcome = _outcome(entry)
        return Result(
            key,
            replace(
                outcome,
                detail=self._cleaner.line(outcome.detail),
                text=self._cleaner.body(outcome.text),
                model_version=self._cleaner.line(outcome.model_version),
                service="batch",
            ),
        )

    async def _pages(self, path: str, member: str) -> AsyncIterator[list[Mapping[str, Any]]]:
        """A list, page by page, up to `MOST_LISTED` objects."""
        token, listed = "", 0
        while listed < MOST_LISTED:
            page = await self._get(f"{path}{f'&pageToken={quote(token)}' if token else ''}") or {}
            found = objects(page.get(member))
            yield found
            listed += len(found)
            token = str(page.get("nextPageToken") or "")
            if not token or not found:
                return

    async def _get(self, path: str) -> Mapping[str, Any] | None:
        """A JSON object; None for a 404."""
        async with self._reading(path) as response:
            if response.status_code == 404:
                return None
            text = b"".join([chunk async for chunk in _pieces(response, end=b"")])
        body = decoded(text)
        if response.status_code != 200:
            raise self._failed(response.status_code, body)
        if not isinstance(body, dict):
            raise BatchCallFailed("failed", "the reply was not a JSON object")
        return body

    async def _lines(self, path: str) -> AsyncIterator[bytes]:
        async with self._reading(path) as response:
            if response.status_code != 200:
                raise self._failed(response.status_code, None)
            async for line in _pieces(response, end=b"\n"):
                yield line

    @asynccontextmanager
    async def _reading(self, path: str) -> AsyncIterator[httpx2.Response]:
        """A reply to a GET, whose body is read within the block."""
        import httpx2

        url = f"{self._url}/{path}"
        try:
            async with self._http.stream("GET", url, headers=self._headers, timeout=REQUEST_S) as response:
                yield response
        except httpx2.TimeoutException:
            raise BatchCallFailed("timeout", f"no reply within {REQUEST_S:g} s") from None
        except httpx2.RequestError as error:
            raise BatchCallFailed("dropped", self._cleaner.line(f"{type(error).__name__}: {error}")) from None

    def _failed(self, status: int, body: object) -> BatchCallFailed:
        kind, _ = classify_error(status, body)
        message = an_object(an_object(body).get("error")).get("message") or ""
        return BatchCallFailed(kind, self._cleaner.line(f"{status}: {message}"))

    async def _attempt(self, request: Awaitable[_T], *, timeout_s: float = REQUEST_S) -> _T:
        import httpx2
        from google.genai import errors

        try:
            async with asyncio.timeout(timeout_s):
                return await request
        except errors.APIError as error:
            kind, _ = classify_error(error.code, error.details)
            detail = self._cleaner.line(f"{error.code} {error.status or ''}: {error.message or ''}")
            raise BatchCallFailed(kind, detail) from None
        except TimeoutError:
            raise BatchCallFailed("timeout", f"no reply within {timeout_s:g} s") from None
        except httpx2.RequestError as error:
            sent = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            detail = self._cleaner.line(f"{type(error).__name__}: {error}")
            raise BatchCallFailed("dropped", detail, sent=sent) from None
        except (ValueError, KeyError) as error:  # a reply of an unforeseen shape
            raise BatchCallFailed("failed", f"the reply could not be read: {type(error).__name__}") from None


async def _pieces(response: httpx2.Response, *, end: bytes) -> AsyncIterator[bytes]:
    """The body in pieces that end with `end`, without it; all in one piece if that is empty."""
    rest = bytearray()
    async for chunk in response.aiter_bytes():
        rest += chunk
        if end and end in chunk:
            *pieces, rest = rest.split(end)
            for piece in filter(None, pieces):
                yield bytes(piece)
        if len(rest) > MAX_BYTES:
            raise BatchCallFailed("failed", f"a reply is larger than {MAX_BYTES // 2**20} MB")
    if rest:
        yield bytes(rest)


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    """The outcome of one result, not yet cleaned."""
    if error := an_object(entry.get("error")):
        code = error.get("code")
        kind = _TRANSIENT.get(code, "failed") if isinstance(code, int) else "failed"
        return Outcome(kind=kind, detail=f"{code}: {error.get('message') or ''}")
    if not an_object(entry.get("response")):
        return Outcome(kind="failed", detail="the result is neither a response nor an error")
    return read_reply(entry["response"])
