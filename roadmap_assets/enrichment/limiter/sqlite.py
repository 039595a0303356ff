"""The quota's state in one SQLite file, shared by all processes of a machine.

Each step is one ``BEGIN IMMEDIATE`` transaction, so that requests, tokens, day, pacing and pause are decided together.
The write-ahead log needs no sync to disk for it, and the operating system frees a killed process's lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import astuple, replace

from roadmap_assets.enrichment.clock import Clock, Instant
from roadmap_assets.enrichment.limiter.base import Limits, Permit, QuotaState, Wait, next_reset
from roadmap_assets.enrichment.limiter.quota_file import QuotaFile
from roadmap_assets.enrichment.limiter.reserve import ROOM_PER_PERMIT, Reserve
from roadmap_assets.enrichment.limiter.rules import Grant, Standing, decide, room, seconds_until_sent
from roadmap_assets.errors import QuotaUnavailable

RECHECK_S = 1.0  # other processes may correct their tokens downwards, and free a permit earlier than foreseen
COLUMNS = ", ".join(Standing.__struct_fields__)


class SqliteLimiter:
    """A `Limiter` over one SQLite file; each process opens its own, and uses it in one thread.

    ``scope`` separates quotas within the file, such as models and keys; it is stored as given, so pass no key itself.
    A killed process leaves neither a lock nor half a decision; its permits leave the window by themselves.
    A transaction takes a fraction of a millisecond: a longer wait than ``lock_timeout_s`` means that the process which
    holds the lock is suspended.
    """

    def __init__(self, path: Path, *, limits: Limits, scope: str, clock: Clock, lock_timeout_s: float = 30.0) -> None:
        self.limits = limits
        self._scope = scope
        self._clock = clock
        self._reserve = Reserve()
        self._signal = path.with_name(f"{path.name}.signal")
        self._file = QuotaFile(path, lock_timeout_s=lock_timeout_s)
        self._db = self._file.db

    def try_acquire(self, *, input_tokens: int) -> Permit | Wait:
        now = self._clock.now()
        signal = self._signalled_at()
        if not self._reserve.covers(input_tokens, now=now.monotonic, signal=signal):
            wanted = self._reserve.wanted_next(now=now.monotonic, hold_s=self.limits.hold_s)
            self._give_back()
            with self._transaction() as standing:
                with closing(self._newest()) as grants:
                    wait = decide(grants, standing, self.limits, input_tokens=input_tokens)
                if wait:
                    return wait
                self._reserve = self._grant(standing, wanted, input_tokens)
            self._reserve.signal = signal
            now = Instant(standing.boot, standing.monotonic, standing.wall)
        self._reserve.take(input_tokens)
        return Permit(self._reserve.grant, now.wall, input_tokens)

    async def acquire(self, *, input_tokens: int, on_wait: Callable[[Wait], None] | None = None) -> Permit:
        while isinstance(answer := self.try_acquire(input_tokens=input_tokens), Wait):
            if on_wait is not None:
                on_wait(answer)
            await self._clock.sleep(min(answer.seconds, RECHECK_S))
        return answer

    def settle(self, permit: Permit, *, input_tokens: int) -> None:
        if difference := input_tokens - permit.input_tokens:
            with self._file.transaction():
                correct = "UPDATE permits SET input_tokens = input_tokens + ? WHERE id = ?"
                self._db.execute(correct, (difference, permit.grant))

    def pause(self, seconds: float) -> None:
        self._give_back()
        with self._transaction() as standing:
            until = standing.monotonic + seconds
            self._save(replace(standing, paused_until=max(standing.paused_until, until)))
        self._end_reserves()

    def close_day(self, *, permit: Permit | None = None) -> datetime:
        self._give_back()
        with self._transaction() as standing:
            until = next_reset(standing.wall if permit is None else permit.granted_at)
            if standing.wall < until.timestamp():
                self._save(replace(standing, day_closed=1 + self.limits.rpd))
        self._end_reserves()
        return until

    def reset(self) -> None:
        self._give_back()
        with self._transaction() as standing:
            self._save(replace(standing, paused_until=standing.monotonic, requests_today=0, day_closed=0))
        self._end_reserves()

    def _end_reserves(self) -> None:
        """Have every process look at the file before its next request: what it holds in reserve no longer counts."""
        self._signal.touch()
        now = time.time_ns()  # touch() alone is as coarse as the kernel's clock
        os.utime(self._signal, ns=(now, now))

    def _signalled_at(self) -> int:
        """A value that changes with each call of `_end_reserves` by any process."""
        try:
            return self._signal.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def state(self) -> QuotaState:
        with self._transaction() as standing:
            window = [grant for grant in self._newest() if standing.monotonic < grant.at + self.limits.span_s]
            paused = standing.monotonic < standing.paused_until
            return QuotaState(
                requests_in_window=sum(grant.requests for grant in window),
                tokens_in_window=sum(grant.input_tokens for grant in window),
                requests_today=standing.requests_today,
                paused_until=datetime.fromtimestamp(standing.wall_time(standing.paused_until), UTC) if paused else None,
                day_closed_until=standing.closed_until(self.limits),
            )

    def forecast(self, calls: int) -> float:
        with self._transaction() as standing:
            return seconds_until_sent(calls, list(self._newest()), standing, self.limits)

    def close(self) -> None:
        with suppress(QuotaUnavailable):  # then the reserve counts as used until its window ends
            self._give_back()
        self._file.close()

    def _grant(self, standing: Standing, wanted: int, input_tokens: int) -> Reserve:
        """Grant so many requests, or as many of them as may be reserved; one at least."""
        requests = 1
        if wanted > 1 and self.limits.pacing == "burst":
            with closing(self._newest()) as grants:
                space = room(grants, standing, self.limits, input_tokens=input_tokens)
            requests = max(1, int(min(wanted, space / ROOM_PER_PERMIT)))
        now, hold_s = standing.monotonic, self.limits.hold_s
        # The last of several may be sent at the end of the hold: from then on they count.
        counts_from = now + hold_s if requests > 1 else now
        self._db.execute(
            "DELETE FROM permits WHERE scope = ? AND granted_at < ?", (self._scope, now - self.limits.span_s)
        )
        insert = "INSERT INTO permits (scope, granted_at, requests, input_tokens) VALUES (?, ?, ?, ?)"
        values = (self._scope, counts_from, requests, requests * input_tokens)
        grant = self._db.execute(insert, values).lastrowid
        assert grant is not None
        self._save(replace(standing, requests_today=standing.requests_today + requests))
        return Reserve(
            grant=grant,
            size=requests,
            left=requests,
            tokens_left=requests * input_tokens,
            good_until=min(now + hold_s, standing.day_lasts_until),
            day_lasts_until=standing.day_lasts_until,
        )

    def _give_back(self) -> None:
        """Return what is left of the reserve."""
        reserve, self._reserve = self._reserve, Reserve()
        if reserve.left:
            with self._transaction() as standing:
                shrink = "UPDATE permits SET requests = requests - ?, input_tokens = input_tokens - ? WHERE id = ?"
                self._db.execute(shrink, (reserve.left, reserve.tokens_left, reserve.grant))
                if standing.day_lasts_until == reserve.day_lasts_until:  # else it counts for a day that is over
                    requests_today = max(0, standing.requests_today - reserve.left)  # another process may have reset it
                    self._save(replace(standing, requests_today=requests_today))

    @contextmanager
    def _transaction(self) -> Iterator[Standing]:
        """One step that no other process comes between, with the standing at its instant.

        The time is read under the lock, so that it orders the steps.
        """
        with self._file.transaction():
            now = self._clock.now()
            stored = self._load()
            standing = stored.at(now)
            if shift := stored.shift_to(now):
                self._db.execute("UPDATE permits SET granted_at = granted_at + ? WHERE scope = ?", (shift, self._scope))
                self._save(standing)
            yield standing

    def _load(self) -> Standing:
        row = self._db.execute(f"SELECT {COLUMNS} FROM scopes WHERE scope = ?", (self._scope,)).fetchone()
        return Standing(*row) if row else Standing()

    def _save(self, standing: Standing) -> None:
        values = (self._scope, *astuple(standing))
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO scopes (scope, {COLUMNS}) VALUES ({marks})", values)

    def _newest(self) -> Generator[Grant]:
        newest = "SELECT granted_at, requests, input_tokens FROM permits WHERE scope = ? ORDER BY granted_at DESC"
        with closing(self._db.execute(newest, (self._scope,))) as rows:
            yield from map(Grant._make, rows)
