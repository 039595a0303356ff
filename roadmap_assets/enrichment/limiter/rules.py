"""The rules of the quota, as pure functions of what was granted before.

Windows and pauses are measured on the monotonic clock: setting the system clock neither frees nor withholds a permit.
Days need the time of day. A day ends when both clocks say so: the time of day is past midnight in Los Angeles, and the
hours that were left of the day when it began have really passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.clock import Instant
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, DayExhausted, Limits, Reason, Wait, next_reset
from roadmap_assets.errors import InvalidSetting


class Grant(NamedTuple):
    """Requests that were granted together; they count from `at` (monotonic), which is later than now for a reserve."""

    at: float
    requests: int
    input_tokens: int


class Standing(Struct, frozen=True):
    """What the processes of a scope share besides the grants, as of an instant (`boot`, `monotonic`, `wall`).

    `paused_until` and `day_lasts_until` are monotonic, `day_ends` is unix seconds. `day_closed` is 0, or 1 + the
    requests a day that were allowed when the provider refused for the day: under another limit, such as that of a paid
    tier, the refusal no longer counts.
    """

    boot: str = ""
    monotonic: float = 0.0
    wall: float = 0.0
    paused_until: float = 0.0
    day_ends: float = 0.0
    day_lasts_until: float = 0.0
    requests_today: int = 0
    day_closed: int = 0

    def shift_to(self, now: Instant) -> float:
        """What to add to monotonic readings of this standing's boot to compare them with ``now``.

        Over a reboot only the time of day is left to say how long it took; if it went back, no time counts as passed.
        """
        if now.boot == self.boot and now.monotonic >= self.monotonic:
            return 0.0
        passed = max(0.0, now.wall - self.wall)
        return now.monotonic - passed - self.monotonic

    def at(self, now: Instant) -> Standing:
        """The same, brought up to ``now``, which may be a new day."""
        shift = self.shift_to(now)
        lasts_until = self.day_lasts_until + shift
        moved = replace(
            self,
            boot=now.boot,
            monotonic=now.monotonic,
            wall=now.wall,
            paused_until=self.paused_until + shift,
            day_lasts_until=lasts_until,
        )
        if now.wall >= self.day_ends and now.monotonic >= lasts_until:
            day_ends = next_reset(now.wall).timestamp()
            lasts_until = now.monotonic + (day_ends - now.wall)
            return replace(moved, day_ends=day_ends, day_lasts_until=lasts_until, requests_today=0, day_closed=0)
        if now.wall < self.wall:  # set back, perhaps over midnight
            return replace(moved, day_ends=min(self.day_ends, next_reset(now.wall).timestamp()))
        return moved

    def wall_time(self, monotonic: float) -> float:
        """The time of day (unix seconds) at a monotonic reading, unless the clock is set before that."""
        return self.wall + (monotonic - self.monotonic)

    def closed_until(self, limits: Limits) -> datetime | None:
        if self.day_closed != 1 + limits.rpd and not 0 < limits.rpd <= self.requests_today:
            return None
        return datetime.fromtimestamp(max(self.day_ends, self.wall_time(self.day_lasts_until)), PROVIDER_ZONE)


def decide(grants: Iterable[Grant], standing: Standing, limits: Limits, *, input_tokens: int) -> Wait | None:
    """None when a request may be sent at the standing's instant; else how long it has to wait, to the instant.

    ``grants`` come newest first, and are read only as far as they matter: to the one that has to leave the window
    before the request fits. Raises DayExhausted and InvalidSetting.
    """
    require_fit(input_tokens, limits)
    if until := standing.closed_until(limits):
        raise DayExhausted(until)
    now = standing.monotonic
    opens: dict[Reason, float] = {"pause": standing.paused_until}
    requests, tokens = 0, input_tokens
    for grant in grants:
        if grant.at + limits.span_s <= now:
            break
        requests += grant.requests
        tokens += grant.input_tokens
        if limits.spacing_s:
            opens.setdefault("pacing", grant.at + limits.spacing_s)
        if 0 < limits.rpm <= requests:
            opens.setdefault("requests", grant.at + limits.span_s)
        if 0 < limits.tpm < tokens:
            opens.setdefault("tokens", grant.at + limits.span_s)
        if ("requests" in opens or not limits.rpm) and ("tokens" in opens or not limits.tpm):
            break
    reason = max(opens, key=lambda name: opens[name])
    return Wait(opens[reason] - now, reason) if opens[reason] > now else None


def require_fit(input_tokens: int, limits: Limits) -> None:
    """Raise InvalidSetting for a request that has more tokens than a window."""
    if 0 < limits.tpm < input_tokens:
        raise InvalidSetting(
            f"a request of {input_tokens} input tokens never fits a limit of {limits.tpm} a minute: "
            "ask fewer topics a batch (ROADMAP_BATCH_SIZE) or raise the limit (ROADMAP_TPM)"
        )


def room(grants: Iterable[Grant], standing: Standing, limits: Limits, *, input_tokens: int) -> float:
    """How many requests of so many tokens each may be sent at the standing's instant (infinity without a limit)."""
    requests, tokens = 0, 0
    if limits.rpm or limits.tpm:
        for grant in grants:
            if grant.at + limits.span_s <= standing.monotonic:
                break
            requests += grant.requests
            tokens += grant.input_tokens
    return min(
        limits.rpm - requests if limits.rpm else math.inf,
        (limits.tpm - tokens) // max(input_tokens, 1) if limits.tpm else math.inf,
        limits.rpd - standing.requests_today if limits.rpd else math.inf,
    )


def seconds_until_sent(calls: int, grants: Sequence[Grant], standing: Standing, limits: Limits) -> float:
    """See `Limiter.forecast`; ``grants`` come newest first. Tokens and the day are left out."""
    if calls <= 0:
        return 0.0
    opens_at = max(standing.monotonic, standing.paused_until)
    windows, place = divmod(calls - 1, limits.rpm) if limits.rpm else (0, 0)
    before = limits.rpm - place  # a call waits for the one that is `rpm` calls before it to leave the window
    for grant in grants if limits.rpm else ():
        before -= grant.requests
        if before <= 0:
            opens_at = max(opens_at, grant.at + limits.span_s)
            break
    return max(opens_at - standing.monotonic + windows * limits.span_s, (calls - 1) * limits.spacing_s)
