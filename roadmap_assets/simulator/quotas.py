"""Strict quotas of the simulator: what a sliding window does not allow is refused, to the millisecond.

As at Google, they hold per model, and only admitted requests count. The day is the calendar day of Los Angeles
(https://ai.google.dev/gemini-api/docs/rate-limits).
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from roadmap_assets.simulator.wire import quota_body

QuotaName = Literal["minute", "tokens", "day"]

_LOS_ANGELES = ZoneInfo("America/Los_Angeles")
_REQUESTS = "generate_content_free_tier_requests"
_TOKENS = "generate_content_free_tier_input_token_count"
_WIRE_NAMES: dict[QuotaName, tuple[str, str]] = {
    "minute": ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", _REQUESTS),
    "tokens": ("GenerateContentInputTokensPerModelPerMinute-FreeTier", _TOKENS),
    "day": ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", _REQUESTS),
}


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A request that a quota does not allow, and the delay after which the client is asked to retry."""

    quota: QuotaName
    limit: int
    retry_delay_s: float | None

    def body(self, model: str) -> bytes:
        quota_id, metric = _WIRE_NAMES[self.quota]
        return quota_body(
            quota_id=quota_id, metric=metric, limit=self.limit, model=model, retry_delay_s=self.retry_delay_s
        )


@dataclass(slots=True)
class _Usage:
    """What one model has admitted: (time, input tokens) inside the window, and the requests of a day."""

    window: deque[tuple[float, int]] = field(default_factory=deque)
    tokens: int = 0
    day: date = date.min
    requests_of_day: int = 0


class Quotas:
    """Requests a window, input tokens a window and requests a day, for each model; 0 is no limit."""

    def __init__(self, *, rpm: int = 0, tpm: int = 0, rpd: int = 0, window_s: float = 60.0) -> None:
        self._rpm, self._tpm, self._rpd, self._window_s = rpm, tpm, rpd, window_s
        self._usage: defaultdict[str, _Usage] = defaultdict(_Usage)

    def admit(self, model: str, input_tokens: int, *, now: float) -> Exceeded | None:
        """Count a request that arrives at ``now`` (seconds since the epoch), or say which quota refuses it.

        A quota of a window says when it is free again. The day's does not: like the real one it names a delay of
        at most one window, although the day is not over by then.
        """
        usage = self._usage[model]
        while usage.window and usage.window[0][0] <= now - self._window_s:
            usage.tokens -= usage.window.popleft()[1]
        today = datetime.fromtimestamp(now, _LOS_ANGELES).date()
        if today != usage.day:
            usage.day, usage.requests_of_day = today, 0

        if self._rpd and usage.requests_of_day >= self._rpd:
            return Exceeded("day", self._rpd, self._window_s)
        if self._rpm and len(usage.window) >= self._rpm:
            return Exceeded("minute", self._rpm, usage.window[0][0] + self._window_s - now)
        if self._tpm and usage.tokens + input_tokens > self._tpm:
            return Exceeded("tokens", self._tpm, self._until_tokens_fit(usage, input_tokens, now))
        usage.window.append((now, input_tokens))
        usage.tokens += input_tokens
        usage.requests_of_day += 1
        return None

    def reset(self) -> None:
        """Forget everything admitted."""
        self._usage.clear()

    def _until_tokens_fit(self, usage: _Usage, input_tokens: int, now: float) -> float:
        excess = usage.tokens + input_tokens - self._tpm
        for at, tokens in usage.window:
            excess -= tokens
            if excess <= 0:
                return at + self._window_s - now
        return self._window_s  # larger than the whole quota: it never fits, and the server gives no other delay
