"""The address of a PostgreSQL database, which shows itself without its password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from roadmap_assets.secret import Secret

SCHEMES = ("postgresql://", "postgres://")
_CHOOSE_THE_TABLES = ("dbname", "host", "hostaddr", "options", "port", "service")
"""Parameters of a URL that lead to another server, database or schema."""


class PostgresUrl(Secret):
    """A URL as libpq takes it, such as `postgresql://worker@db.example.org/roadmaps?sslmode=verify-full`.

    Text made from it (`str`, `repr`, an f-string) has neither password nor parameters; only `secret` is complete.
    Raises ValueError for a URL that libpq would read as something else than it looks like; the text has nothing of it.
    """

    __slots__ = ("name",)

    def __init__(self, secret: str) -> None:
        super().__init__(secret)
        if not secret.startswith(SCHEMES):
            raise ValueError("it does not begin with postgresql://")
        try:
            parts = urlsplit(secret)
            port = parts.port
        except ValueError:
            raise ValueError(
                "its host or port cannot be read; write / : @ # ? in a password as %2F %3A %40 …"
            ) from None
        if "@" in parts.path or parts.fragment or not secret.isprintable() or " " in secret:
            raise ValueError("a / : @ # ? or space in its user or password has to be written as %2F %3A %40 …")
        user = f"{unquote(parts.username)}@" if parts.username else ""
        place = parts.hostname or ""
        self.name = f"postgresql://{user}{place}{f':{port}' if port else ''}{parts.path}"

    def __repr__(self) -> str:
        return f"PostgresUrl({self.name!r})"

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


def database_of(text: str | Path | PostgresUrl) -> Path | PostgresUrl:
    """The database that a setting names: a DuckDB file, or a PostgreSQL server. Raises ValueError."""
    address = text if isinstance(text, Path) else quota_address_of(text)
    if isinstance(address, str) and re.match(r"[a-z][a-z0-9+]*:/", address):
        raise ValueError("a database is a file or postgresql://…")
    return Path(address) if isinstance(address, str) else address


def quota_address_of(text: str | PostgresUrl) -> str | PostgresUrl:
    """The address that a setting names; of PostgreSQL in the form that hides its password. Raises ValueError."""
    return PostgresUrl(text) if isinstance(text, str) and text.startswith(SCHEMES) else text
