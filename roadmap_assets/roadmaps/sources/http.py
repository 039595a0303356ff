"""Bounded GET requests: retries, rate limits, one redirect, and an end to every wait and every body.

Rate limits are read as
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api describes them.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event, Lock
from typing import Any, Final

import httpx2

from roadmap_assets.errors import InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.sources.daemon_threads import within

ATTEMPTS: Final = 5
BACKOFF_S: Final = 0.5  # doubled with each attempt
LONGEST_WAIT_S: Final = 60.0  # for the rate limits of one host; a longer one is reported
MAX_JSON_VALUES: Final = 1_000_000  # some 150 MB in memory; GitHub's listing has 70 000
_CONNECTIONS: Final = 16
_REDIRECTS: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most bytes that an answer may have after decompression, and the most seconds that it may take in all."""

    size: int
    seconds: float


LISTING: Final = Limit(64 << 20, 60.0)
DOCUMENT: Final = Limit(16 << 20, 30.0)
TEXT: Final = Limit(1 << 20, 20.0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body; `url` is the address that gave it, after a redirect."""

    url: str
    status: int
    headers: httpx2.Headers
    body: bytes


class _Passing(Exception):
    """A failure that another attempt may not meet; `wait_s` is what the host asks to wait."""

    def __init__(self, problem: str, *, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class _TooSlow(Exception):
    """The answer took longer than it may."""


class Client:
    """What all hosts of a run share: connections, the way to wait, and who hears of it.

    Without `waits`, every request has one attempt of at most ten seconds, and nothing is waited for. The proxy and the
    certificates of the environment are used, as with any program. Raises InvalidSetting when they cannot be.
    """

    def __init__(
        self,
        *,
        waits: bool = True,
        on_notice: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.attempts = ATTEMPTS if waits else 1
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
        """One attempt. Raises _Passing, _TooSlow, SourceUnavailable, or what httpx2 raises for a bad address."""
        seconds = limit.seconds if self.waits else min(limit.seconds, 10.0)
        try:
            return within(seconds, lambda: self._exchange(url, limit=limit, headers=headers, seconds=seconds))
        except TimeoutError:
            raise _TooSlow(f"was not answered in full within {seconds:g} s") from None
        except httpx2.RequestError as error:
            raise _Passing(str(error) or type(error).__name__) from None

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


class Host:
    """One host, or one address of it, asked politely.

    When nothing of it answers any more, the reason is kept and raised at once for every later request: a dead host is
    found out once. `setting` names the environment variable that holds its address. Without `refuses`, a 403 that
    names no rate limit may pass.
    """

    def __init__(self, client: Client, address: str, *, setting: str, refuses: bool = True, hint: str = "") -> None:
        self.address = address.rstrip("/")
        self.setting = setting
        self._client = client
        self._refuses = refuses
        self._hint = hint
        self._lock = Lock()
        self._answers = 0
        self._silence = ""
        self._open_at = 0.0
        self._waited_s = 0.0

    def get(
        self,
        path: str,
        *,
        limit: Limit,
        headers: Mapping[str, str] | None = None,
        fault: Callable[[Answer], str] = lambda _: "",
    ) -> Answer:
        """The answer to a GET of `path` below the address; its status is neither 403, 429 nor 5xx.

        `fault` says what is wrong with an answer that another attempt may not meet, such as an outdated file.

        Raises:
            SourceUnavailable: no answer, too long or too slow an answer, a redirect to another host, or a rate limit
                that ends too late to wait for it.
            InvalidSetting: the address is unusable.
        """
        if self._silence:
            raise SourceUnavailable(self._silence)
        url, before = f"{self.address}{path}", self._answers
        try:
            answer = self._persist(url, limit=limit, headers=headers or {}, fault=fault)
        except _Exhausted as end:
            if end.closed or self._answers == before:
                self._silence = str(end)
            raise SourceUnavailable(str(end)) from None
        except (httpx2.InvalidURL, ValueError) as error:
            raise InvalidSetting(f"{self.setting} is not a usable address ({type(error).__name__})") from None
        self._answers += 1
        return answer

    def _persist(self, url: str, *, limit: Limit, headers: Mapping[str, str], fault: Callable[[Answer], str]) -> Answer:
        attempts = self._client.attempts
        problem = ""
        for attempt in range(1, attempts + 1):
            self._wait_for_limit()
            try:
                answer = self._client.ask(url, limit=limit, headers=headers)
                problem = self._fault(answer) or fault(answer)
                if not problem:
                    return answer
                wait_s = None
            except _TooSlow as slow:
                raise _Exhausted(f"{shown(url)} {slow}; nothing was changed") from None
            except _Passing as passing:
                problem, wait_s = str(passing), passing.wait_s
            if wait_s is not None:
                self._limited(wait_s)
            elif attempt < attempts:
                self._client.sleep(BACKOFF_S * 2 ** (attempt - 1))
        times = f" {attempts} times" if attempts > 1 else ""
        raise _Exhausted(f"{shown(url)} failed{times}: {problem}; nothing was changed, try again later")

    def _fault(self, answer: Answer) -> str:
        """What is wrong with the answer of a busy host. Raises _Passing for a rate limit, _Exhausted for a refusal."""
        status, headers = answer.status, answer.headers
        if status < 500 and status not in (403, 429):
            return ""
        wait_s = _seconds(headers.get("retry-after"), now=self._client.clock())
        reset = _seconds(headers.get("x-ratelimit-reset"), now=0.0)
        if wait_s is None and reset is not None and headers.get("x-ratelimit-remaining") == "0" and status < 500:
            wait_s = max(0.0, reset - self._client.clock()) + 1  # its clock is cut to seconds
        if wait_s is not None:
            raise _Passing(f"answered {status}", wait_s=wait_s)
        if status == 403 and self._refuses:
            raise _Exhausted(f"{answer.url} is refused (403); nothing was changed", closed=True)
        return f"answered {status}"

    def _limited(self, wait_s: float) -> None:
        """Note how long the host asks to wait. Raises _Exhausted when that is more than a minute in all."""
        with self._lock:
            now = self._client.clock()
            more_s = now + wait_s - max(self._open_at, now)
            if more_s <= 0:
                return
            until = datetime.fromtimestamp(now + wait_s, tz=UTC).astimezone()
            if not self._client.waits or self._waited_s + more_s > LONGEST_WAIT_S:
                raise _Exhausted(
                    f"{self.name} takes no more requests until {until:%Y-%m-%d %H:%M %Z}; try again then{self._hint}",
                    closed=True,
                )
            self._open_at = now + wait_s
            self._waited_s += more_s
            if more_s >= 1:
                self._client.on_notice(f"{self.name} asks to wait {wait_s:.0f} s, until {until:%H:%M:%S} …")

    def _wait_for_limit(self) -> None:
        while (wait_s := self._open_at - self._client.clock()) > 0:
            self._client.sleep(wait_s)

    @property
    def name(self) -> str:
        return str(httpx2.URL(self.address).host)


class _Exhausted(Exception):
    """A request is given up; `closed` means that no other request to this host would be answered either."""

    def __init__(self, reason: str, *, closed: bool = False) -> None:
        super().__init__(reason)
        self.closed = closed


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
        raise _Passing(f"is badly compressed ({error})") from None
    if unpack and body and not unpack.eof:
        raise _Passing("was cut off")
    return bytes(body)


def _seconds(text: str | None, *, now: float) -> float | None:
    """A header's value where it is a number of seconds or a date, then counted from `now`."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,10}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
