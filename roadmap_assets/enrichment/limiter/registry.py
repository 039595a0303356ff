"""Which limiter a URL names."""

from __future__ import annotations

from pathlib import Path

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.clock import Clock
from roadmap_assets.enrichment.limiter.base import Limiter, Limits
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.warehouse.registry import require_psycopg


def open_limiter(url: str | PostgresUrl, *, limits: Limits, scope: str, clock: Clock) -> Limiter:
    """The limiter that ``url`` names: ``sqlite:////absolute/path``, ``sqlite:///relative/path`` or ``postgresql://…``.

    Raises InvalidSetting for any other URL, and for a file that is not a quota file; such a file is left untouched.
    """
    if isinstance(url, PostgresUrl):
        require_psycopg()
        from roadmap_assets.enrichment.limiter.postgres import PostgresLimiter

        return PostgresLimiter(url, limits=limits, scope=scope, clock=clock)
    prefix = "sqlite:///"
    if url.startswith(prefix) and url != prefix:
        from roadmap_assets.enrichment.limiter.sqlite import SqliteLimiter

        return SqliteLimiter(Path(url.removeprefix(prefix)).expanduser(), limits=limits, scope=scope, clock=clock)
    raise InvalidSetting(  # only the scheme is shown: a URL may hold a password
        f"ROADMAP_QUOTA_URL must be {prefix}/path/to/file or postgresql://…; {url.partition(':')[0]}:… is not supported"
    )
