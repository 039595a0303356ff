"""Table `source_listings`: a source's last listing with its ETag, so that the next is asked for conditionally."""

from __future__ import annotations

from roadmap_assets.warehouse.base import Column, Table, Warehouse
from roadmap_assets.warehouse.rows import insert_rows, utc_now

SOURCE_LISTINGS = Table(
    "source_listings",
    "One row per source with its last listing",
    ("source",),
    (
        Column("source", "VARCHAR", "Name of the source"),
        Column("etag", "VARCHAR", "ETag of the listing, sent to ask whether it has changed"),
        Column("body", "VARCHAR", "The listing as fetched"),
        Column("fetched_at", "TIMESTAMP", "When it was fetched (UTC)"),
    ),
)


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
            connection.lock(f"source_listings {source}")
            connection.execute("DELETE FROM source_listings WHERE source = ?", [source])
            row = {"source": source, "etag": etag, "body": body, "fetched_at": utc_now()}
            insert_rows(connection, SOURCE_LISTINGS, [row])
