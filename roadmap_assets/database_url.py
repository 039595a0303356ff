"""The address of a PostgreSQL database, which shows itself without its password."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

SCHEMES = ("postgresql://", "postgres://")


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
