"""Table `source_listings`: a source's last listing with its ETag, so that the next is asked for conditionally."""

from __future__ import annotations

from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.rows import utc_now


class Listings:
    """The listings of all sources, in `warehouse`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def load(self, source: str) -> tuple[str, str] | None:
        """(ETag, body) of the source's last listing, or None."""
        with self._warehouse.transaction() as connection:
            found = connection.execute("SELECT etag, body FROM source_listings WHERE source = ?", [source]).fetchone()
        return found and (found[0], found[1])

    def save(self, source: str, etag: str, body: str) -> None:
        """Replace the source's listing."""
        with self._warehouse.transaction() as connection:
            connection.execute("DELETE FROM source_listings WHERE source = ?", [source])
            connection.execute("INSERT INTO source_listings VALUES (?, ?, ?, ?)", [source, etag, body, utc_now()])
