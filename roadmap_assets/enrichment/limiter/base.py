"""The provider's quota: requests a minute, input tokens a minute, requests a day, and the pause that it asks for.

Here are the rules, as pure functions of what was granted before; where that is kept so that all processes share it is
the affair of a store, chosen by URL (``quota_sqlite`` is the one there is).

Not pyrate-limiter: it can neither correct tokens afterwards nor take one permit over three windows at once, and it
knows no shared pause and no day of Los Angeles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from roadmap_assets.errors import InvalidSetting, RoadmapAssetsError

PROVIDER_ZONE = ZoneInfo("America/Los_Angeles")  # "RPD quotas reset at midnight Pacific time" (Gemini's rate limits)

Reason = Literal["requests", "tokens", "pause", "pacing"]


class DayExhausted(RoadmapAssetsError):
    """The requests of the day are used up; nothing more can be sent before ``until`` (with its time zone)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the day's quota is used up; it is new at {until:%Y-%m-%d %H:%M %Z}: run again after that")
        self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
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
        """Added to the window, since requests do not take equally long to arrive where they are counted."""
        return self.window_s / 60

    @property
    def span_s(self) -> float:
        """How long a permit counts."""
        return self.window_s + self.margin_s

    @property
    def spacing_s(self) -> float:
        """Least seconds from one request to the next."""
        return self.window_s / self.rpm if self.pacing == "even" and self.rpm else 0.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request, now; it counts from ``granted_at`` (unix seconds)."""

    id: int
    granted_at: float
    input_tokens: int


@dataclass(frozen=True, slots=True)
class Wait:
    """No permit for ``seconds``, and what stands against it for longest."""

    seconds: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class QuotaState:
    """How much of a quota is used, by all who share it; the two times are None when nothing is paused or closed."""

    requests_in_window: int
    tokens_in_window: int
    requests_today: int
    paused_until: datetime | None
    day_closed_until: datetime | None

    @property
    def open_at(self) -> datetime | None:
        """When requests are allowed again, as far as pause and day go; None when they are now."""
        return max((at for at in (self.paused_until, self.day_closed_until) if at), default=None)


class Limiter(Protocol):
    """One quota, shared by all who open the same URL and scope. Any method may raise QuotaUnavailable."""

    def try_acquire(self, *, input_tokens: int) -> Permit | Wait:
        """A permit, or how long to wait. Raises DayExhausted, and InvalidSetting for more tokens than a window has."""
        ...

    async def acquire(self, *, input_tokens: int, on_wait: Callable[[Wait], None] | None = None) -> Permit:
        """A permit, waited for; ``on_wait`` is told before each sleep, some once a second."""
        ...

    def settle(self, permit: Permit, *, input_tokens: int) -> None:
        """Correct a permit to the tokens that were really used."""
        ...

    def pause(self, seconds: float) -> None:
        """Nobody is granted a permit for so long; a longer pause that was asked for before stays."""
        ...

    def close_day(self, *, permit: Permit | None = None) -> datetime:
        """The provider says that the day's quota is gone: until when. With the refused request's permit, it is the day
        in which it was sent, so that a refusal that arrives after midnight does not close the new day."""
        ...

    def reset(self) -> None:
        """Reopen the day, with no request counted so far, and end a pause. The window keeps its permits."""
        ...

    def state(self) -> QuotaState: ...

    def forecast(self, calls: int) -> float:
        """Seconds until the last of so many further calls can be sent, if nobody else sends any."""
        ...

    def close(self) -> None: ...


def next_reset(now: float) -> datetime:
    """The next midnight in Los Angeles; its days last 23 to 25 hours."""
    tomorrow = datetime.fromtimestamp(now, PROVIDER_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), PROVIDER_ZONE)


def least_seconds(calls: int, tokens: int, limits: Limits, call_s: float) -> float:
    """The shortest time in which so many calls with so many input tokens altogether can be done, from an empty window.

    The last call starts no sooner than the windows before it are used up; 20 calls of 2 s at 15 a minute take 62 s. The
    day is left out: what passes it is deferred and not waited for.
    """
    if calls <= 0:
        return 0.0
    by_requests = math.ceil(calls / limits.rpm) if limits.rpm else 1
    by_tokens = math.ceil(tokens / limits.tpm) if limits.tpm else 1
    return max((max(by_requests, by_tokens) - 1) * limits.window_s, (calls - 1) * limits.spacing_s) + call_s


@dataclass(frozen=True, slots=True)
class Standing:
    """What a scope's sharers have in common besides the permits (times in unix seconds).

    `day_closed` is 0, or 1 + the requests a day that were allowed when the provider refused for the day: under another
    limit, such as that of a paid tier, the refusal no longer counts.
    """

    seen_at: float = 0.0
    paused_until: float = 0.0
    day_ends: float = 0.0
    requests_today: int = 0
    day_closed: int = 0

    def at(self, now: float) -> Standing:
        """The same, brought up to ``now``: a new day begins afresh; a clock that was set back takes the pause along."""
        if self.seen_at <= now < self.day_ends:
            return self
        day_ends = next_reset(now).timestamp()
        if now >= self.day_ends:
            return replace(self, seen_at=now, day_ends=day_ends, requests_today=0, day_closed=0)
        return replace(self, seen_at=now, paused_until=self.paused_until - (self.seen_at - now), day_ends=day_ends)

    def closed_until(self, limits: Limits) -> datetime | None:
        exhausted = self.day_closed == 1 + limits.rpd or 0 < limits.rpd <= self.requests_today
        return datetime.fromtimestamp(self.day_ends, PROVIDER_ZONE) if exhausted else None


def decide(
    permits: Iterable[tuple[float, int]], standing: Standing, limits: Limits, *, input_tokens: int, now: float
) -> Wait | None:
    """None when a request may be sent now; else how long it has to wait, to the instant.

    ``permits`` are (granted_at, input_tokens), newest first, and are read only as far as they matter: to the one that
    has to leave the window before the request fits. Raises DayExhausted and InvalidSetting.
    """
    if 0 < limits.tpm < input_tokens:
        raise InvalidSetting(
            f"a request of {input_tokens} input tokens never fits a limit of {limits.tpm} a minute: "
            "ask fewer topics a batch (ROADMAP_BATCH_SIZE) or raise the limit (ROADMAP_TPM)"
        )
    if until := standing.closed_until(limits):
        raise DayExhausted(until)
    opens: dict[Reason, float] = {"pause": standing.paused_until}
    tokens = input_tokens
    for count, (granted_at, used) in enumerate(permits, start=1):
        if granted_at + limits.span_s <= now:
            break
        tokens += used
        if count == 1:
            opens["pacing"] = granted_at + limits.spacing_s
        if count == limits.rpm:
            opens["requests"] = granted_at + limits.span_s
        if 0 < limits.tpm < tokens:
            opens.setdefault("tokens", granted_at + limits.span_s)
        if ("requests" in opens or not limits.rpm) and ("tokens" in opens or not limits.tpm):
            break
    reason = max(opens, key=lambda name: opens[name])
    return Wait(opens[reason] - now, reason) if opens[reason] > now else None


def seconds_until_sent(
    calls: int, granted_at: Sequence[float], standing: Standing, limits: Limits, *, now: float
) -> float:
    """See `Limiter.forecast`; ``granted_at`` are the permits so far, newest first. Tokens and the day are left out."""
    if calls <= 0:
        return 0.0
    opens_at = max(now, standing.paused_until)
    windows, place = divmod(calls - 1, limits.rpm) if limits.rpm else (0, 0)
    before = limits.rpm - 1 - place  # a call waits for the one that is `rpm` calls before it to leave the window
    if 0 <= before < len(granted_at):
        opens_at = max(opens_at, granted_at[before] + limits.span_s)
    return max(opens_at - now + windows * limits.span_s, (calls - 1) * limits.spacing_s)
