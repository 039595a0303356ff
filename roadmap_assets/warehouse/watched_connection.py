"""A connection to PostgreSQL that does not wait for ever for a network that has fallen silent.

TCP's own probes find a dead machine, but not a proxy or a firewall between that keeps the connection and forwards
nothing. A statement may take long, so its silence alone says nothing: the server is asked over another connection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Self

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Ready

SILENT_S = 10.0
"""So long a statement may be without an answer until the server is asked about it."""

_AT_WORK = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server cannot be reached, or does not work on the statement it waits for.

    That is found out twice in a row, since an answer may be under way while the server is asked. With the time for two
    new connections, it takes 40 s at most.
    """

    _parameters: Mapping[str, Any] | None = None

    @classmethod
    def to(cls, parameters: Mapping[str, Any]) -> Self:
        """A connection with these parameters of libpq's."""
        raw = cls.connect(**parameters, autocommit=True)
        raw._parameters = parameters
        return raw

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """See `psycopg.Connection`."""
        return super().wait(self._watched(gen), *args, **options)

    def _watched(self, gen: PQGen[RV]) -> PQGen[RV]:
        """The generator, which psycopg resumes ten times a second when nothing has arrived."""
        idle_checks, heard_at = 0, time.monotonic()
        try:
            waits_for = next(gen)
            while True:
                ready = yield waits_for
                if ready != Ready.NONE:
                    idle_checks, heard_at = 0, time.monotonic()
                elif time.monotonic() - heard_at >= SILENT_S:
                    idle_checks = 0 if self._is_at_work() else idle_checks + 1
                    heard_at = time.monotonic()
                    if idle_checks == 2 or not self._parameters:
                        self.close()
                        raise psycopg.OperationalError("the server does not answer: is the network up?")
                waits_for = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result

    def _is_at_work(self) -> bool:
        """Whether the server is working on the statement that this one waits for, asked over another connection.

        One that refuses the other connection is there, and may be.
        """
        if not self._parameters:
            return False
        try:
            with closing(type(self).connect(**self._parameters, autocommit=True)) as other:
                return bool(other.execute(_AT_WORK, [self.info.backend_pid]).fetchone())
        except psycopg.Error as error:
            return "FATAL" in str(error)  # an answer: it has no connection left for us, say
