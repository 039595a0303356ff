"""What PostgreSQL raises for reasons outside this program, as errors for people; none has a password in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from roadmap_assets.errors import (
    WarehouseBusy,
    WarehouseError,
    WarehouseInterrupted,
    WarehouseUnavailable,
    WarehouseUnreadable,
    WarehouseUnwritable,
)

_INTERRUPTED = ("08", "57P", "40001", "40P01", "25P03", "23505")  # the last: another transaction was faster
_BUSY = ("55P03", "57014")
_READ_ONLY = "25006"
_FORBIDDEN = "42501"
_NOT_AS_DESCRIBED = ("42P01", "42703", "3F000")
_NO_ROOM = ("53", "58", "XX")


@contextmanager
def errors_explained(database: str, raw: psycopg.Connection[Any]) -> Iterator[None]:
    """Raise errors of the server as WarehouseError; a wrong statement of ours stays what it is."""
    try:
        yield
    except psycopg.Error as error:
        explained = _explained(database, error, broken=raw.closed)
        if explained is None:
            raise
        raise explained from error


def unavailable(database: str, error: psycopg.Error) -> WarehouseUnavailable:
    """The error for a connection that cannot be made."""
    return WarehouseUnavailable(
        f"cannot connect to the database {database}: {reason_of(error)}; check ROADMAP_DB, its password "
        "(in the URL, PGPASSWORD or ~/.pgpass), and that the server is up"
    )


def reason_of(error: psycopg.Error) -> str:
    """What the server or libpq says, on one line; not its details, which may have values of rows."""
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return "the URL has a parameter that libpq does not know"  # libpq's own text may show parts of a password
    text = error.diag.message_primary or str(error).strip() or type(error).__name__
    return text.splitlines()[0].removeprefix("connection failed: ").strip()


def _explained(database: str, error: psycopg.Error, *, broken: bool) -> WarehouseError | None:
    state, reason = error.sqlstate or "", reason_of(error)
    if state.startswith(_BUSY):
        return WarehouseBusy(f"the database {database} is held by another program ({reason}); try again later")
    if broken or state.startswith(_INTERRUPTED):
        return WarehouseInterrupted(
            f"the database {database} broke off a transaction ({reason}); nothing else is lost: run again"
        )
    if state == _READ_ONLY:
        return WarehouseUnwritable(
            f"the database {database} is read-only ({reason}); set ROADMAP_DB to one that can be written, such as the "
            "primary of this standby"
        )
    if state == _FORBIDDEN:
        return WarehouseUnwritable(
            f"the role may not do this in the database {database} ({reason}); let its owner run `roadmap-assets db "
            "info` once, which creates and migrates the tables, and grant the role what it needs"
        )
    if state in _NOT_AS_DESCRIBED:
        return WarehouseUnreadable(
            f"the database {database} does not have the tables it should ({reason}): it was changed by another "
            "program. Set ROADMAP_DB to another database, or restore this one"
        )
    if state.startswith(_NO_ROOM):
        return WarehouseUnwritable(
            f"the database {database} could not be written ({reason}); nothing of this step was stored. "
            "Make room on its server, and run again"
        )
    return None
