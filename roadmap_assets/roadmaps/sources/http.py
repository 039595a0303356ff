"""One GET request: bounded in bytes and seconds, with at most one redirect, and its JSON read with care."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Final

import httpx2
from msgspec import Struct

from roadmap_assets.errors import InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.sources.daemon_threads import within

MAX_JSON_VALUES: Final = 1_000_000  # some 150 MB in memory; GitHub's listing has 70 000
_CONNECTIONS: Final = 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)


class Limit(Struct, frozen=True):
    """The most bytes that an answer may have after decompression, and the most seconds that it may take in all."""

    size: int
    seconds: float


LISTING: Final = Limit(64 << 20, 60.0)
DOCUMENT: Final = Limit(16 << 20, 30.0)
TEXT: Final = Limit(1 << 20, 20.0)


class Answer(Struct, frozen=True):
    """An answer with its whole body; `url` is the address that gave it, after a redirect."""

    url: str
    status: int
    headers: httpx2.Headers
    body: bytes


class Passing(Exception):
    """A failure that another attempt may not meet; `wait_s` is what the host asks to wait."""

    def __init__(self, problem: str, *, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class TooSlow(Exception):
    """The answer took longer than it may."""


class Client:
    """Connections, waiting and notices, shared by all hosts of a run.

    Without `waits`, every request has one attempt of at most ten seconds, and nothing is waited for. The proxy and
    certificates of the environment are used. Raises InvalidSetting when they are unusable.
    """

    def __init__(
        self,
        *,
        waits: bool = True,
        on_notice: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.waits = waits
        self.on_notice = on_notice
        self.clock = clock
        self._closed = Event()
        self.sleep = sleep or self._sleep
        try:
            self._http = httpx2.Client(
                headers={"User-Agent": "roadmap-assets", "Accept-Encoding": "gzip"},
                timeout=httpx2.Timeout(10, connect=5),
                limits=httpx2.Limits(
                    max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=60
                ),
            )
        except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
            # Not the error's text: it may hold the password of a proxy.
            raise InvalidSetting(
                "the proxy or the certificates that the environment names cannot be used "
                f"({type(error).__name__}); correct or unset ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, SSL_CERT_FILE"
            ) from None

    def close(self) -> None:
        self._closed.set()
        self._http.close()

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise SourceUnavailable("the source was closed")

    def ask(self, url: str, *, limit: Limit, headers: Mapping[str, str]) -> Answer:
        """One attempt. Raises Passing, TooSlow, SourceUnavailable, or what httpx2 raises for a bad address."""
        seconds = limit.seconds if self.waits else min(limit.seconds, 10.0)
        try:
            return within(seconds, lambda: self._exchange(url, limit=limit, headers=headers, seconds=seconds))
        except TimeoutError:
            raise TooSlow(f"was not answered in full within {seconds:g} s") from None
        except httpx2.RequestError as error:
            raise Passing(str(error) or type(error).__name__) from None

    def _exchange(self, url: str, *, limit: Limit, headers: Mapping[str, str], seconds: float) -> Answer:
        deadline = time.monotonic() + seconds
        for redirects in (0, 1):
            with self._http.stream("GET", url, headers=headers) as response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    url = _target(response, followed=redirects)
                    continue
                body = _body(response, limit=limit, deadline=deadline)
                return Answer(shown(response.url), response.status_code, response.headers, body)
        raise AssertionError("a second redirect is refused")


def read_json(answer: Answer, *, expected: str, setting: str) -> Any:
    """The JSON of an answer of 200. Raises SourceUnavailable for anything else."""
    found = ""
    if answer.status != 200:
        found = "an error"
    elif sum(map(answer.body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        found = f"more than {MAX_JSON_VALUES:,} values"
    else:
        try:
            return json.loads(answer.body)
        except ValueError:
            found = "HTML" if answer.body.lstrip()[:1] == b"<" else "no JSON"
        except RecursionError:
            found = "JSON that is nested too deeply"
    raise not_understood(answer, found=found, expected=expected, setting=setting)


def not_understood(answer: Answer, *, found: str, expected: str, setting: str) -> SourceUnavailable:
    """The error for an answer of another layout: which address, what was expected, which setting to change."""
    return SourceUnavailable(
        f"{answer.url} answered {answer.status} with {found}; expected {expected}. "
        f"If it has moved, set {setting}; nothing was changed"
    )


def shown(url: httpx2.URL | str) -> str:
    """An address as it may be printed: without user name and password."""
    return str(httpx2.URL(url).copy_with(userinfo=b""))


def _target(response: httpx2.Response, *, followed: int) -> str:
    """Where a redirect leads. Raises SourceUnavailable for a second one, and for one to another host."""
    here = response.url
    try:
        there = here.join(response.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        raise SourceUnavailable(f"{shown(here)} redirects to an unusable address; nothing was changed") from None
    if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
        raise SourceUnavailable(
            f"{shown(here)} redirects to another host ({there.host[:100]}), which is not followed; nothing was changed"
        )
    if followed:
        raise SourceUnavailable(f"{shown(here)} redirects a second time; nothing was changed")
    return str(there)


def _body(response: httpx2.Response, *, limit: Limit, deadline: float) -> bytes:
    """The body, decompressed no further than the limit allows."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding not in ("gzip", "identity"):
        raise SourceUnavailable(f"{shown(response.url)} is compressed as {encoding[:40]}, which was not asked for")
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body = bytearray()
    try:
        for chunk in response.iter_raw():
            body += unpack.decompress(chunk, limit.size + 1 - len(body)) if unpack else chunk
            if len(body) > limit.size:
                raise SourceUnavailable(
                    f"{shown(response.url)} is larger than {limit.size >> 20} MB; nothing was changed"
                )
            if time.monotonic() > deadline:
                raise TimeoutError
    except zlib.error as error:
        raise Passing(f"is badly compressed ({error})") from None
    if unpack and body and not unpack.eof:
        raise Passing("was cut off")
    return bytes(body)
