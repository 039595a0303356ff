"""What the table modules share: a table's description, and the connection they work on.

A table is described once, in its own module: DDL, inserts, the catalogue's columns and `docs/tables.md` come from that
description. All SQL here keeps to what DuckDB and PostgreSQL both understand; what they spell differently is in
`dialect`. Never write `SEMI` or `ANTI` joins: PostgreSQL reads the two words as names of tables and returns other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.errors import WarehouseInterrupted
from roadmap_assets.warehouse.dialect import Dialect

if TYPE_CHECKING:
    from roadmap_assets.warehouse.journal import Journal

T = TypeVar("T")

KEYS = "(SELECT unnest(string_to_array(CAST(? AS VARCHAR), ',')))"
"""The keys in one comma-separated parameter, as in `WHERE key IN {KEYS}`; for hex digests and the like.

DuckDB splits it at four times the speed of a list parameter.
"""


class Column(Struct, frozen=True):
    """A column: its name, its type as DDL spells it, and its meaning as the catalogue shows it."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


class Table(Struct, frozen=True):
    """A table: `meaning` says what one row is, `key` which columns identify it.

    In PostgreSQL the key is the primary key. In DuckDB it is no constraint: every writer is alone behind the lock and
    replaces rows or checks for them, scans of whole columns beat an index in our set-based access, and an index can be
    stale after a crash.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def types(self) -> dict[str, str]:
        """Each column's type."""
        return {column.name: column.type for column in self.columns}

    def with_columns(self, columns: Sequence[Column]) -> Self:
        """The table with more columns at its end."""
        return replace(self, columns=(*self.columns, *columns))


class Cursor(Protocol):
    """The result of a statement."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        ...


class Connection(Protocol):
    """An open transaction."""

    dialect: Dialect

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """Run one statement; each `?` is a parameter."""
        ...

    def restart(self) -> None:
        """Begin again after a statement that failed, which aborts a transaction."""

    def lock(self, what: str) -> None:
        """Wait until no other transaction has this lock, and hold it to the end of this one.

        For what is replaced as a whole or read before it is written. A DuckDB transaction is alone anyway.
        """

    def now(self) -> datetime:
        """The time (UTC, without a zone) of the one clock by which leases end."""
        ...

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once this transaction is committed; never if it is rolled back."""


class AfterCommit:
    """The part of a `Connection` that keeps its actions."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        """See `Connection`."""
        self._actions.append(action)

    def committed(self) -> None:
        """To be called when the transaction is committed."""
        for action in self._actions:
            action()


class SignOfLife(Protocol):
    """Shows other processes that a lease holder lives, and is gone the moment it dies, even by `kill -9`."""

    def show(self) -> None:
        """From now on, until `hide`. Raises WarehouseError."""

    def hide(self, *, forgotten: bool) -> None:
        """Stop showing it; a holder whose rows are not `forgotten` is found dead by the next claim."""

    def keep_showing(self, connection: Connection) -> None:
        """Show it again where it was lost, as when the server was restarted."""

    def dead(self, connection: Connection, renewed: Mapping[str, datetime]) -> set[str]:
        """Holders that have died: of these, each with the time when it last renewed its leases, and of others that
        have left a trace, as one that died before its first claim.
        """
        ...


class Warehouse(Protocol):
    """A database. Cheap to make, and safe to share between threads."""

    journal: Journal

    @property
    def name(self) -> str:
        """The database as messages name it: a path, or a URL without its password."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """One transaction, committed when the block ends and rolled back when it raises. Raises WarehouseError."""
        ...

    def series(self) -> AbstractContextManager[None]:
        """The block has many transactions, which are made cheaper.

        They are committed as ever; but until the block ends, a part of a DuckDB database may be in the log beside it.
        """
        ...

    def exists(self) -> bool:
        """Whether there is anything to read; looking creates nothing."""
        ...

    def describe(self) -> str:
        """What kind of database it is, and its size, in words."""
        ...

    def require_room(self, *, answers: int) -> None:
        """Raise WarehouseUnwritable when there is known to be no room for this many answers."""

    def sign_of_life(self, holder: str) -> SignOfLife:
        """The sign of a lease holder with this id."""
        ...


def in_transaction(warehouse: Warehouse, step: Callable[[Connection], T], *, attempts: int = 5) -> T:
    """The result of `step` in a transaction that is repeated when the database interrupts it.

    The interrupted one may have been committed all the same, so running `step` twice must do no harm.
    """
    for _ in range(attempts - 1):
        try:
            with warehouse.transaction() as connection:
                return step(connection)
        except WarehouseInterrupted:
            continue
    with warehouse.transaction() as connection:
        return step(connection)


def one_row(cursor: Cursor) -> tuple[Any, ...]:
    """The row of a query that always has one, such as an aggregate over a whole table."""
    row = cursor.fetchone()
    assert row is not None
    return row
