"""A user's own tables in a PostgreSQL database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import InvalidSetting, WarehouseInterrupted, WarehouseUnavailable
from roadmap_assets.warehouse.dialect import quoted
from roadmap_assets.warehouse.registry import require_psycopg
from roadmap_assets.warehouse.user_tables import ANSWERED, Source, quoted_table

if TYPE_CHECKING:
    import pandas as pd
    import psycopg

    from roadmap_assets.warehouse.postgres_connection import PostgresConnection

_TYPES: Final = {"str": "VARCHAR", "Int64": "BIGINT", "Float64": "DOUBLE", "boolean": "BOOLEAN"}
"""The types of a profile's columns, by those that a frame has for them; all others are JSON."""

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped
"""


class PostgresUserTables:
    """The tables of the database whose URL is in an environment variable, which is read when rows are."""

    kind = "postgres"

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def read(self, source: Source, *, partitions: Sequence[str]) -> pd.DataFrame:
        """See `UserTables`. Values stay as they are: an integer column with gaps is no column of floats."""
        import pandas as pd

        column = source.partition_column
        where = f"WHERE CAST({quoted(column)} AS VARCHAR) = ANY($1)" if column else ""
        with self._connected(default_transaction_read_only="on") as raw:
            found = raw.execute(_select("*", source, where), [list(partitions)] if column else [])
            names = [described.name for described in found.description or ()]
            return pd.DataFrame(found.fetchall(), columns=names, dtype="object")

    def write(self, new: pd.DataFrame, *, source: Source, target: str, key: str) -> None:
        """See `UserTables`."""
        from roadmap_assets.warehouse.postgres_connection import PostgresConnection

        kinds = {name: _TYPES.get(str(new[name].dtype), "JSON") for name in new.columns if name != key}
        rows = new.astype("object").where(new.notna(), None).to_dict("records")
        with self._connected() as raw, raw.transaction():
            connection = PostgresConnection(raw)
            connection.lock(f"roadmap-assets rows {target}")  # two partitions at once: one creates the table
            types = self._prepared(connection, source, target, key, kinds)
            _replace(connection, rows, target=target, key=key, types=types, whole=not source.partition_column)

    def _prepared(
        self, connection: PostgresConnection, source: Source, target: str, key: str, kinds: Mapping[str, str]
    ) -> dict[str, str]:
        """Create the target unless it is there; the types of the columns that are written."""
        found = connection.execute(_COLUMNS, [quoted_table(target)]).fetchall()
        if not found:
            spelled = connection.dialect.spelled
            columns = [quoted(key), *(f"CAST(NULL AS {spelled(kind)}) AS {quoted(n)}" for n, kind in kinds.items())]
            create = f"CREATE TABLE {quoted_table(target)} AS "
            connection.raw.execute(create.encode() + _select(", ".join(columns), source, "LIMIT 0"))
            found = connection.execute(_COLUMNS, [quoted_table(target)]).fetchall()
        types = dict(found)
        if missing := [name for name in (key, *kinds) if name not in types]:
            raise InvalidSetting(
                f"the table {target} has no column {', '.join(missing)}, which was added to the profile or has another "
                "name: add it, or name another target"
            )
        return {key: types[key], **kinds}

    @contextmanager
    def _connected(self, **of_server: object) -> Iterator[psycopg.Connection[Any]]:
        """A connection. Raises InvalidSetting, MissingExtra or WarehouseError, whose texts have no password."""
        url = self._url()
        require_psycopg()
        import psycopg

        from roadmap_assets.warehouse.postgres_connection import connect
        from roadmap_assets.warehouse.postgres_errors import reason_of

        try:
            connected = connect(url, **of_server)
        except psycopg.Error as error:
            raise WarehouseUnavailable(
                f"cannot connect to the database {url.name}: {reason_of(error)}; check the URL in {self._variable}, "
                "and that the server is up"
            ) from None
        with closing(connected) as raw:
            try:
                yield raw
            except psycopg.Error as error:
                if raw.closed:
                    raise WarehouseInterrupted(
                        f"the connection to the database {url.name} was lost ({reason_of(error)}); run again"
                    ) from None
                raise InvalidSetting(
                    f"the database {url.name} refuses ({reason_of(error)}); check the component's table or query and "
                    f"its columns, and what the role in {self._variable} may do"
                ) from None

    def _url(self) -> PostgresUrl:
        value = os.environ.get(self._variable)
        if not value:
            raise InvalidSetting(
                f"the environment variable {self._variable} is not set: give it the database's URL, postgresql://…"
            )
        try:
            return PostgresUrl(value)
        except ValueError as error:
            raise InvalidSetting(f"{self._variable} is not the URL of a PostgreSQL database: {error}") from None


def _select(columns: str, source: Source, rest: str) -> bytes:
    return f"SELECT {columns} FROM {source.sql} AS source {rest}".encode()


def _replace(
    connection: PostgresConnection,
    rows: Sequence[Mapping[Any, Any]],
    *,
    target: str,
    key: str,
    types: Mapping[str, str],
    whole: bool,
) -> None:
    to, by = quoted_table(target), quoted(key)
    keys = f"(SELECT unnest(CAST(? AS {types[key]}[])))"
    answered = [row[key] for row in rows if row["status"] in ANSWERED]
    connection.execute(f"DELETE FROM {to} WHERE {by} IN {keys}", [answered])
    if whole:
        connection.execute(f"DELETE FROM {to} WHERE {by} NOT IN {keys}", [[row[key] for row in rows]])
    items, values = connection.dialect.unpacked(types, rows)
    names = ", ".join(map(quoted, types))
    connection.execute(
        f"INSERT INTO {to} ({names}) SELECT {names} FROM {items} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {to} AS known WHERE known.{by} = new_rows.{by})",
        values,
    )
