"""Requests to one host: retried, within its rate limits, and stopped once it no longer answers.

Rate limits are read as
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api describes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Final

import httpx2

from roadmap_assets.errors import InvalidSetting, SourceUnavailable
from roadmap_assets.roadmaps.sources.http import Answer, Client, Limit, Passing, TooSlow, shown

ATTEMPTS: Final = 5
BACKOFF_S: Final = 0.5  # doubled with each attempt
LONGEST_WAIT_S: Final = 60.0  # for the rate limits of one host; a longer one is reported
FAILURES: Final = 3  # in a row, after which a host that has answered before counts as silent


class Host:
    """One host, or one address of it.

    When it no longer answers, the reason is kept and raised at once for every later request, so that a run finds out
    once that a host is down. `setting` names the environment variable that holds its address. Without `refuses`, a 403
    that names no rate limit is retried.
    """

    def __init__(self, client: Client, address: str, *, setting: str, refuses: bool = True, hint: str = "") -> None:
        self.address = address.rstrip("/")
        self.setting = setting
        self._client = client
        self._refuses = refuses
        self._hint = hint
        self._lock = Lock()
        self._answered = False
        self._failures = 0  # since the last answer
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
        try:
            return self._persist(f"{self.address}{path}", limit=limit, headers=headers or {}, fault=fault)
        except _Exhausted as end:
            self._failures += 1
            if end.closed or not self._answered or self._failures >= FAILURES:
                self._silence = str(end)
            raise SourceUnavailable(str(end)) from None
        except (httpx2.InvalidURL, ValueError) as error:
            raise InvalidSetting(f"{self.setting} is not a usable address ({type(error).__name__})") from None

    def _persist(self, url: str, *, limit: Limit, headers: Mapping[str, str], fault: Callable[[Answer], str]) -> Answer:
        attempts = ATTEMPTS if self._client.waits else 1
        problem, answered = "", False
        for attempt in range(1, attempts + 1):
            self._wait_for_limit()
            try:
                answer = self._client.ask(url, limit=limit, headers=headers)
                wait_s, problem = None, self._fault(answer)
                answered = not problem
                if answered:
                    self._answered, self._failures = True, 0
                    problem = fault(answer)
                if not problem:
                    return answer
            except TooSlow as slow:
                raise _Exhausted(f"{shown(url)} {slow}; nothing was changed") from None
            except Passing as passing:
                problem, wait_s, answered = str(passing), passing.wait_s, False
            if wait_s is not None:
                self._limited(wait_s)
            elif attempt < attempts:
                self._client.sleep(BACKOFF_S * 2 ** (attempt - 1))
        times = f" {attempts} times" if attempts > 1 else ""
        reason = f"{shown(url)} failed{times}: {problem}; nothing was changed, try again later"
        raise SourceUnavailable(reason) if answered else _Exhausted(reason)

    def _fault(self, answer: Answer) -> str:
        """What is wrong with the answer of a busy host. Raises Passing for a rate limit, _Exhausted for a refusal."""
        status, headers = answer.status, answer.headers
        if status < 500 and status not in (403, 429):
            return ""
        wait_s = _seconds(headers.get("retry-after"), now=self._client.clock())
        reset = _seconds(headers.get("x-ratelimit-reset"), now=0.0)
        if wait_s is None and reset is not None and headers.get("x-ratelimit-remaining") == "0" and status < 500:
            wait_s = max(0.0, reset - self._client.clock()) + 1  # its clock is cut to seconds
        if wait_s is not None:
            raise Passing(f"answered {status}", wait_s=wait_s)
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
