"""Roadmaps as they were fetched: tables `raw_roadmaps` and `raw_contents`."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from roadmap_assets.warehouse.rows import insert_rows, utc_now

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class ContentFile:
    """One markdown file of a roadmap.

    `topic_id` is the part of the name after the last `@` ('' when it carries none); `sha` is git's blob sha.
    """

    file: str
    topic_id: str
    sha: str
    markdown: str


@dataclass(frozen=True)
class Snapshot:
    """One roadmap as a source gave it: the document's JSON text and every text file.

    `tree` is the JSON text of the site's own hierarchy (`/v1-roadmap-tree-mapping/<slug>`), '' when there is none.
    """

    roadmap: str
    document: str
    origin: str
    source: str
    contents: tuple[ContentFile, ...]
    tree: str = ""

    @cached_property
    def version(self) -> str:
        """Changes exactly when the document, the tree or a text file does: sha256 over the JSON and the blob shas.

        An empty tree adds nothing, so versions stored before there were trees stay valid.
        """
        digest = hashlib.sha256(self.document.encode())
        for content in sorted(self.contents, key=lambda c: c.file):
            digest.update(f"\0{content.file}\0{content.sha}".encode())
        if self.tree:
            digest.update(f"\0\0{self.tree}".encode())
        return digest.hexdigest()


def load_snapshot(connection: DuckDBPyConnection, roadmap: str) -> Snapshot | None:
    """The roadmap as it was last fetched, or None when it never was."""
    found = connection.execute(
        "SELECT document, origin, source, tree FROM raw_roadmaps WHERE roadmap = ?", [roadmap]
    ).fetchone()
    if found is None:
        return None
    contents = connection.execute(
        "SELECT file, topic_id, sha, markdown FROM raw_contents WHERE roadmap = ? ORDER BY file", [roadmap]
    ).fetchall()
    document, origin, source, tree = found
    return Snapshot(
        roadmap=roadmap,
        document=document,
        origin=origin,
        source=source,
        contents=tuple(ContentFile(*row) for row in contents),
        tree=tree,
    )


def save_snapshot(connection: DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Replace the roadmap's rows in both tables by the snapshot's; other roadmaps' are left alone."""
    connection.execute("DELETE FROM raw_roadmaps WHERE roadmap = ?", [snapshot.roadmap])
    connection.execute("DELETE FROM raw_contents WHERE roadmap = ?", [snapshot.roadmap])
    connection.execute(
        "INSERT INTO raw_roadmaps (roadmap, document, version, origin, source, fetched_at, tree) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            snapshot.roadmap,
            snapshot.document,
            snapshot.version,
            snapshot.origin,
            snapshot.source,
            utc_now(),
            snapshot.tree,
        ],
    )
    insert_rows(
        connection,
        "raw_contents",
        ({"roadmap": snapshot.roadmap, **asdict(content)} for content in snapshot.contents),
        columns=dict.fromkeys(("roadmap", "topic_id", "file", "sha", "markdown"), "VARCHAR"),
    )


def stored_version(connection: DuckDBPyConnection, roadmap: str) -> str | None:
    """The version of the snapshot in the database, or None when there is none."""
    found = connection.execute("SELECT version FROM raw_roadmaps WHERE roadmap = ?", [roadmap]).fetchone()
    return found[0] if found else None


def has_vanished(connection: DuckDBPyConnection, roadmap: str) -> bool:
    """Whether the source had the roadmap no more when it was last asked."""
    query = "SELECT 1 FROM raw_roadmaps WHERE roadmap = ? AND vanished_at IS NOT NULL"
    return connection.execute(query, [roadmap]).fetchone() is not None


def mark_vanished(connection: DuckDBPyConnection, roadmap: str) -> None:
    """Note that the source has the roadmap no more; its last state stays."""
    connection.execute(
        "UPDATE raw_roadmaps SET vanished_at = coalesce(vanished_at, ?) WHERE roadmap = ?", [utc_now(), roadmap]
    )
