"""The provider's quota: requests a minute, input tokens a minute, requests a day, and the pauses that it asks for.

The `Limiter` protocol is here, the rules are pure functions in `rules`, and a store such as `sqlite` shares the state
between processes; `registry` chooses the store by URL.

Not pyrate-limiter: it cannot correct tokens afterwards or take one permit over three windows at once, and it has no
shared pause and no day of Los Angeles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from roadmap_assets.errors import InvalidSetting, RoadmapAssetsError

PROVIDER_ZONE = ZoneInfo("America/Los_Angeles")  # "RPD quotas reset at midnight Pacific time" (Gemini's rate limits)

Reason = Literal["requests", "tokens", "pause", "pacing"]


class DayExhausted(RoadmapAssetsError):
    """The requests of the day are used up; nothing can be sent before ``until`` (with its time zone)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the day's quota is used up; it resets at {until:%Y-%m-%d %H:%M %Z}: run again after that")
        self.until = until


class Limits(Struct, frozen=True, kw_only=True):
    """What the provider allows: requests and input tokens a window, requests a day; 0 is no limit.

    ``pacing`` is "burst" (whatever the window allows, at once) or "even" (requests spaced by window ÷ rpm).
    """

    rpm: int
    tpm: int
    rpd: int
    window_s: float = 60.0
    pacing: Literal["burst", "even"] = "burst"

    def __post_init__(self) -> None:
        if min(self.rpm, self.tpm, self.rpd) < 0 or not 0 < self.window_s < math.inf:
            raise InvalidSetting(f"limits must be 0 (none) or more, in a window longer than 0 s: {self}")

    @property
    def margin_s(self) -> float:
        """Added to the window, because requests take different times to reach the server that counts them."""
        return self.window_s / 60

    @property
    def span_s(self) -> float:
        """How long a permit counts."""
        return self.window_s + self.margin_s

    @property
    def hold_s(self) -> float:
        """How long a process may keep permits that it was granted in advance."""
        return self.margin_s / 16

    @property
    def spacing_s(self) -> float:
        """Least seconds from one request to the next."""
        return self.window_s / self.rpm if self.pacing == "even" and self.rpm else 0.0


class Permit(Struct, frozen=True):
    """Permission to send one request now. `granted_at` is in unix seconds, `grant` is what it is part of."""

    grant: int
    granted_at: float
    input_tokens: int


class Wait(Struct, frozen=True):
    """No permit for ``seconds``, and the limit that takes longest to allow one."""

    seconds: float
    reason: Reason


class QuotaState(Struct, frozen=True):
    """How much of a quota is used by all its processes; the two times are None when nothing is paused or closed."""

    requests_in_window: int
    tokens_in_window: int
    requests_today: int
    paused_until: datetime | None
    day_closed_until: datetime | None

    @property
    def open_at(self) -> datetime | None:
        """When pause and day allow requests again; None when they do now."""
        return max((at for at in (self.paused_until, self.day_closed_until) if at), default=None)


class Limiter(Protocol):
    """One quota, shared by every process that opens the same URL and scope. Any method may raise QuotaUnavailable."""

    def try_acquire(self, *, input_tokens: int) -> Permit | Wait:
        """A permit, or how long to wait. Raises DayExhausted, and InvalidSetting for more tokens than a window has."""
        ...

    async def acquire(self, *, input_tokens: int, on_wait: Callable[[Wait], None] | None = None) -> Permit:
        """Wait for a permit; ``on_wait`` is called before each sleep, about once a second."""
        ...

    def settle(self, permit: Permit, *, input_tokens: int) -> None:
        """Correct a permit to the tokens that the request used."""
        ...

    def pause(self, seconds: float) -> None:
        """Grant no permit to any process for so long; a longer pause from before stays."""
        ...

    def close_day(self, *, permit: Permit | None = None) -> datetime:
        """Close the day because the provider refused; returns when it ends. With the refused request's permit, it is
        the day in which that was sent, so that a refusal that arrives after midnight does not close the new day."""
        ...

    def reset(self) -> None:
        """Reopen the day, with no request counted so far, and end a pause. The window keeps its permits."""
        ...

    def state(self) -> QuotaState: ...

    def forecast(self, calls: int) -> float:
        """Seconds until the last of so many further calls can be sent, if no other process sends any."""
        ...

    def close(self) -> None: ...


def next_reset(now: float) -> datetime:
    """The next midnight in Los Angeles; its days last 23 to 25 hours."""
    tomorrow = datetime.fromtimestamp(now, PROVIDER_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), PROVIDER_ZONE)


def least_seconds(calls: int, tokens: int, limits: Limits, call_s: float) -> float:
    """The shortest time in which so many calls with so many input tokens altogether can be done, from an empty window.

    The last call starts when the windows before it are used up: 20 calls of 2 s at 15 a minute take 62 s. The day is
    left out: calls beyond it are deferred.
    """
    if calls <= 0:
        return 0.0
    by_requests = math.ceil(calls / limits.rpm) if limits.rpm else 1
    by_tokens = math.ceil(tokens / limits.tpm) if limits.tpm else 1
    return max((max(by_requests, by_tokens) - 1) * limits.window_s, (calls - 1) * limits.spacing_s) + call_s
