"""The quota's state in PostgreSQL, shared by all processes of all machines that name the same database.

Time is the server's. Decisions wait for each other in the order in which they arrive, as PostgreSQL's row locks do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import Clock
from roadmap_assets.enrichment.limiter.base import (
    PROVIDER_ZONE,
    DayExhausted,
    Limits,
    Permit,
    QuotaState,
    Wait,
    next_reset,
)
from roadmap_assets.enrichment.limiter.postgres_schema import CREATE, IS_CURRENT
from roadmap_assets.enrichment.limiter.rules import Grant, Standing, require_fit, seconds_until_sent
from roadmap_assets.errors import QuotaUnavailable
from roadmap_assets.warehouse.postgres_connection import connect
from roadmap_assets.warehouse.postgres_errors import reason_of

T = TypeVar("T")
_RECHECK_S = 1.0  # other processes may correct their tokens downwards, and free a permit earlier than foreseen
_POLL_S = 0.1
_REFRESH = "SELECT * FROM quota_refresh_1($1, $2, $3)"
_ACQUIRE = "SELECT * FROM quota_acquire_1($1, $2, $3, $4, $5, $6, $7, $8)"


class PostgresLimiter:
    """A `Limiter` over one PostgreSQL database; safe to share between threads.

    ``scope`` separates quotas within the database, such as models and keys; it is stored as given, so pass no key.
    A permit whose confirmation is lost, as when the server is killed, counts as used. A server that is restarted is
    waited for, for ``wait_s``. ``now`` replaces the server's clock in tests.
    """

    def __init__(
        self,
        url: PostgresUrl,
        *,
        limits: Limits,
        scope: str,
        clock: Clock,
        wait_s: float = 30.0,
        now: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.limits = limits
        self._url = url
        self._scope = scope
        self._clock = clock
        self._wait_s = wait_s
        self._now = now
        self._unsettled: list[tuple[int, int]] = []
        self._lock = threading.Lock()
        try:
            self._raw = self._connect()
        except psycopg.Error as error:
            raise self._unavailable(error) from None
        self._patiently(self._create)

    def try_acquire(self, *, input_tokens: int) -> Permit | Wait:
        require_fit(input_tokens, self.limits)
        limits = self.limits
        parameters = (limits.rpm, limits.tpm, limits.rpd, limits.span_s, limits.spacing_s, self._now())

        def acquire() -> dict[str, Any]:
            self._settle()
            [row] = self._execute(_ACQUIRE, self._scope, input_tokens, *parameters)
            return row

        row = self._patiently(acquire)
        if row["granted"] is not None:
            return Permit(row["granted"], row["seen_at"], input_tokens)
        if row["reason"] == "day":
            raise DayExhausted(datetime.fromtimestamp(row["opens_at"], PROVIDER_ZONE))
        return Wait(row["opens_at"] - row["seen_at"], row["reason"])

    async def acquire(self, *, input_tokens: int, on_wait: Callable[[Wait], None] | None = None) -> Permit:
        while True:
            answer = await asyncio.to_thread(self.try_acquire, input_tokens=input_tokens)
            if isinstance(answer, Permit):
                return answer
            if on_wait is not None:
                on_wait(answer)
            await self._clock.sleep(min(answer.seconds, _RECHECK_S))

    def settle(self, permit: Permit, *, input_tokens: int) -> None:
        if difference := input_tokens - permit.input_tokens:
            with self._lock:
                self._unsettled.append((permit.grant, difference))
                # The event loop, in which this is called, does not wait for a server that restarts; `acquire` does.
                with suppress(psycopg.Error):
                    self._settle()

    def pause(self, seconds: float) -> None:
        pause = "UPDATE quota_scopes SET paused_until = greatest(paused_until, seen_at + $2) WHERE scope = $1"
        self._patiently(lambda: self._update(pause, float(seconds)))

    def close_day(self, *, permit: Permit | None = None) -> datetime:
        now = self._patiently(self._standing)["seen_at"]
        until = next_reset(now if permit is None else permit.granted_at)
        # Unless that day is over, also in the moment between the two statements.
        close = "UPDATE quota_scopes SET day_closed = $2 WHERE scope = $1 AND seen_at < $3"
        self._patiently(lambda: self._update(close, 1 + self.limits.rpd, until.timestamp()))
        return until

    def reset(self) -> None:
        reset = "UPDATE quota_scopes SET paused_until = 0, requests_today = 0, day_closed = 0 WHERE scope = $1"
        self._patiently(lambda: self._update(reset))

    def state(self) -> QuotaState:
        row, limits = self._patiently(self._standing), self.limits
        closed = row["day_closed"] == 1 + limits.rpd or 0 < limits.rpd <= row["requests_today"]
        grants = self._patiently(self._grants)
        window = [grant for grant in grants if grant.at + limits.span_s > row["seen_at"]]
        paused_until = datetime.fromtimestamp(row["paused_until"], UTC)
        return QuotaState(
            requests_in_window=len(window),
            tokens_in_window=sum(grant.input_tokens for grant in window),
            requests_today=row["requests_today"],
            paused_until=paused_until if row["paused_until"] > row["seen_at"] else None,
            day_closed_until=next_reset(row["seen_at"]) if closed else None,
        )

    def forecast(self, calls: int) -> float:
        row, grants = self._patiently(self._standing), self._patiently(self._grants)
        standing = Standing(monotonic=row["seen_at"], paused_until=row["paused_until"])
        return seconds_until_sent(calls, grants, standing, self.limits)

    def close(self) -> None:
        with self._lock:  # a run that was stopped may have left a statement under way in a thread
            with suppress(psycopg.Error):
                self._settle()
            self._raw.close()

    def _connect(self) -> psycopg.Connection[Any]:
        """A connection whose commits are not awaited: a crash of the server forgets at most a second of permits."""
        raw = connect(self._url, synchronous_commit="off")
        raw.row_factory = dict_row
        return raw

    def _create(self) -> None:
        [found] = self._execute(f"{IS_CURRENT} AS found")
        if not found["found"]:
            with self._raw.transaction():
                self._execute("SELECT pg_advisory_xact_lock(hashtextextended('roadmap-assets quota', 0))")
                for statement in CREATE:
                    self._raw.execute(statement.encode())

    def _execute(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        return self._raw.execute(sql.encode(), parameters).fetchall()

    def _settle(self) -> None:
        while self._unsettled:
            self._execute("SELECT quota_settle_1($1, $2, $3)", self._scope, *self._unsettled[0])
            self._unsettled.pop(0)

    def _standing(self) -> dict[str, Any]:
        [row] = self._execute(_REFRESH, self._scope, self.limits.span_s, self._now())
        return row

    def _update(self, sql: str, *parameters: object) -> None:
        """Change the scope's row after it was brought up to date."""
        with self._raw.transaction():
            self._standing()
            self._raw.execute(sql.encode(), [self._scope, *parameters])

    def _grants(self) -> Sequence[Grant]:
        """Newest first."""
        newest = "SELECT granted_at, input_tokens FROM quota_grants WHERE scope = $1 ORDER BY granted_at DESC"
        return [Grant(row["granted_at"], 1, row["input_tokens"]) for row in self._execute(newest, self._scope)]

    def _patiently(self, step: Callable[[], T]) -> T:
        """The result of `step`, repeated when the connection was lost. Raises QuotaUnavailable."""
        began = time.monotonic()
        with self._lock:
            while True:
                try:
                    if self._raw.closed:
                        self._raw = self._connect()
                    return step()
                except psycopg.Error as error:
                    if not self._raw.closed or time.monotonic() - began >= self._wait_s:
                        raise self._unavailable(error) from None
                time.sleep(_POLL_S)

    def _unavailable(self, error: psycopg.Error) -> QuotaUnavailable:
        return QuotaUnavailable(
            f"the quota shared through {self._url} cannot be kept: {reason_of(error)}; "
            "check ROADMAP_QUOTA_URL or ROADMAP_DB, and that the server is up"
        )
