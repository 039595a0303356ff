"""The address of a PostgreSQL database, which shows itself without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

SCHEMES = ("postgresql://", "postgres://")
_CHOOSE_THE_TABLES = ("dbname", "host", "hostaddr", "options", "port", "service")
"""Parameters of a URL that lead to another server, database or schema."""


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A URL as libpq takes it, such as `postgresql://worker@db.example.org/roadmaps?sslmode=verify-full`.

    Text made from it (`str`, `repr`, an f-string) has neither password nor parameters; only `secret` is complete.
    Raises ValueError for a URL that libpq would read as something else than it looks like; the text has nothing of it.
    """

    secret: str = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.secret.startswith(SCHEMES):
            raise ValueError("it does not begin with postgresql://")
        try:
            parts = urlsplit(self.secret)
            port = parts.port
        except ValueError:
            raise ValueError(
                "its host or port cannot be read; write / : @ # ? in a password as %2F %3A %40 …"
            ) from None
        if "@" in parts.path or parts.fragment or not self.secret.isprintable() or " " in self.secret:
            raise ValueError("a / : @ # ? or space in its user or password has to be written as %2F %3A %40 …")
        user = f"{unquote(parts.username)}@" if parts.username else ""
        place = parts.hostname or ""
        object.__setattr__(self, "name", f"postgresql://{user}{place}{f':{port}' if port else ''}{parts.path}")

    def __str__(self) -> str:
        return self.name

    @property
    def tables(self) -> str:
        """Identifies the tables behind the URL: the name, and the parameters that choose the database or the schema.

        It has no password, but it may be long; messages have the name.
        """
        parameters = sorted(parse_qsl(urlsplit(self.secret).query))
        chosen = [(name, value) for name, value in parameters if name in _CHOOSE_THE_TABLES]
        return f"{self.name}?{urlencode(chosen)}" if chosen else self.name


def _hide_password(address: object) -> object:
    """Text that is the URL of a PostgreSQL database, in the form that does not show its password."""
    return PostgresUrl(address) if isinstance(address, str) and address.startswith(SCHEMES) else address


def _file_or_postgresql(database: Path | PostgresUrl) -> Path | PostgresUrl:
    if isinstance(database, Path) and re.match(r"[a-z][a-z0-9+]*:/", str(database)):
        raise ValueError("a database is a file or postgresql://…")
    return database


_Server = Annotated[PostgresUrl, PlainSerializer(str)]  # or a dump of the settings would have the password
Database = Annotated[Path | _Server, BeforeValidator(_hide_password), AfterValidator(_file_or_postgresql)]
"""The type of a setting that names a database: a DuckDB file, or a PostgreSQL server."""
QuotaAddress = Annotated[str | _Server, BeforeValidator(_hide_password)]
"""The type of the setting that says where the quota's state is shared."""
