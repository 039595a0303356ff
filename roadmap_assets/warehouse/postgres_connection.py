"""A connection to PostgreSQL that takes our SQL."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.string import TextLoader

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.warehouse.base import AfterCommit, Cursor, one_row
from roadmap_assets.warehouse.dialect import Dialect, cell, quoted
from roadmap_assets.warehouse.watched_connection import WatchedConnection

_IDLE_S, _PROBE_S, _PROBES = 10, 5, 3
"""When each side asks whether the other machine is still there, and how often: a dead one is noticed after 25 s."""

_OF_CLIENT = {
    "connect_timeout": 10,
    "application_name": "roadmap-assets",
    "keepalives_idle": _IDLE_S,
    "keepalives_interval": _PROBE_S,
    "keepalives_count": _PROBES,
    "tcp_user_timeout": 25_000,
}
_OF_SERVER = {
    "tcp_keepalives_idle": _IDLE_S,
    "tcp_keepalives_interval": _PROBE_S,
    "tcp_keepalives_count": _PROBES,
    # Shorter than others wait for a lock: a transaction whose process is suspended or cut off must not make them fail.
    "idle_in_transaction_session_timeout": "20s",
    "client_encoding": "UTF8",
}


def connect(url: PostgresUrl, **of_server: object) -> psycopg.Connection[Any]:
    """A connection in which every statement is its own transaction unless there is a BEGIN.

    What the URL says comes before our own settings; `of_server` are more of the server's.
    """
    given = conninfo_to_dict(url.secret)
    options = " ".join(f"-c {name}={value}" for name, value in {**_OF_SERVER, **of_server}.items())
    parameters: dict[str, Any] = {**_OF_CLIENT, **given, "options": f"{options} {given.get('options', '')}".strip()}
    raw = WatchedConnection.to(parameters)
    raw.cursor_factory = psycopg.RawCursor
    # A statement that was prepared fails when another process has changed the type of a column that it returns.
    raw.prepare_threshold = None
    raw.adapters.register_loader("json", TextLoader)  # as DuckDB gives it
    return raw


class PostgresDialect:
    """PostgreSQL's spelling."""

    missing_table: type[Exception] = psycopg.errors.UndefinedTable
    foreign_table: tuple[type[Exception], ...] = (psycopg.errors.DuplicateTable, psycopg.errors.UndefinedColumn)
    primary_keys = True
    unless_known = " ON CONFLICT DO NOTHING"

    def unpacked(self, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[object]]:
        """See `Dialect`. One array a column; PostgreSQL's own reading of JSON refuses texts with a NUL anywhere."""
        listed = list(rows)
        arrays = ", ".join(f"CAST(? AS {self.spelled(kind)}[])" for kind in columns.values())
        names = ", ".join(map(quoted, columns))
        values: list[object] = [[_cell(row.get(name), kind) for row in listed] for name, kind in columns.items()]
        return f"unnest({arrays}) AS new_rows ({names})", values

    def spelled(self, kind: str) -> str:
        """See `Dialect`."""
        return _SPELLED.get(kind, kind)

    def described(self, kind: str) -> str:
        """See `Dialect`."""
        return _DESCRIBED.get(kind, kind.upper())

    def columns_of(self, table: str) -> str:
        """See `Dialect`."""
        return (
            f"SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = '{table}' "
            "AND table_catalog = current_database() AND table_schema = current_schema() ORDER BY ordinal_position"
        )


_SPELLED = {"VARCHAR": "character varying", "DOUBLE": "double precision", "TIMESTAMP": "timestamp without time zone"}
_DESCRIBED = {spelled: kind for kind, spelled in _SPELLED.items()}


def _cell(value: Any, kind: str) -> object:
    """See `dialect.cell`. PostgreSQL's texts cannot hold a NUL; its JSON can."""
    taken = cell(value, kind)
    return taken.replace("\0", "\ufffd") if kind == "VARCHAR" and isinstance(taken, str) else taken


class PostgresConnection(AfterCommit):
    """A `Connection` to PostgreSQL."""

    dialect: Dialect = PostgresDialect()

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.raw = raw

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> Cursor:
        """See `Connection`."""
        return self.raw.execute(_numbered(sql), parameters)

    def restart(self) -> None:
        """See `Connection`."""
        self.raw.execute("ROLLBACK")
        self.raw.execute("BEGIN")

    def lock(self, what: str) -> None:
        """See `Connection`."""
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", [what])

    def now(self) -> datetime:
        """See `Connection`. The server's clock, so that those of the machines may differ."""
        found: datetime = one_row(self.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'"))[0]
        return found


@functools.lru_cache(maxsize=512)
def _numbered(sql: str) -> bytes:
    """The statement with `$1`, `$2` … for each `?` outside of quotes."""
    parts = _QUOTED.split(sql)
    numbers = iter(range(1, sql.count("?") + 1))
    parts[::2] = [re.sub(r"\?", lambda _: f"${next(numbers)}", part) for part in parts[::2]]
    return "".join(parts).encode()


_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")
