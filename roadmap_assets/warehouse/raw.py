"""Roadmaps as they were fetched: tables `raw_roadmaps` and `raw_contents`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from msgspec import Struct
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import Column, Connection, Table
from roadmap_assets.warehouse.rows import insert_rows, utc_now

RAW_ROADMAPS = Table(
    "raw_roadmaps",
    "One row per roadmap, as its source last gave it",
    ("roadmap",),
    (
        Column("roadmap", "VARCHAR", "Slug of the roadmap"),
        Column("document", "VARCHAR", "The JSON document as fetched"),
        Column("version", "VARCHAR", "Hash over the document, tree and texts; changes exactly when one of them does"),
        Column("origin", "VARCHAR", "Address or path that the document came from"),
        Column("source", "VARCHAR", "Name of the source"),
        Column("fetched_at", "TIMESTAMP", "When this state was fetched (UTC)"),
        Column("vanished_at", "TIMESTAMP", "When it disappeared upstream (UTC); null while present", nullable=True),
        Column("tree", "VARCHAR", "The site's hierarchy as fetched (JSON); empty where there is none"),
        Column("updated_at", "VARCHAR", "When the document was last edited, as the site's list says; may be empty"),
    ),
)
RAW_CONTENTS = Table(
    "raw_contents",
    "One row per text file of a roadmap",
    ("roadmap", "file"),
    (
        Column("roadmap", "VARCHAR", "Slug of the roadmap"),
        Column("topic_id", "VARCHAR", "Id of the topic, from the file's name"),
        Column("file", "VARCHAR", "Name of the text file"),
        Column(
            "sha", "VARCHAR", "Git's hash of the file's content; begins with roadmap.sh: for a text of the site's API"
        ),
        Column("markdown", "VARCHAR", "The text as fetched"),
    ),
)


class ContentFile(Struct, frozen=True):
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
    `updated_at` is when the document was last edited, as the site's list says ('' when it does not); `fetched_at` is
    when this state was stored (UTC).
    """

    roadmap: str
    document: str
    origin: str
    source: str
    contents: tuple[ContentFile, ...]
    tree: str = ""
    updated_at: str = ""
    fetched_at: datetime | None = field(default=None, compare=False)

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


def load_snapshot(connection: Connection, roadmap: str) -> Snapshot | None:
    """The roadmap as it was last fetched, or None when it never was."""
    found = connection.execute(
        "SELECT document, origin, source, tree, updated_at, fetched_at FROM raw_roadmaps WHERE roadmap = ?", [roadmap]
    ).fetchone()
    if found is None:
        return None
    contents = connection.execute(
        "SELECT file, topic_id, sha, markdown FROM raw_contents WHERE roadmap = ? ORDER BY file", [roadmap]
    ).fetchall()
    document, origin, source, tree, updated_at, fetched_at = found
    return Snapshot(
        roadmap=roadmap,
        document=document,
        origin=origin,
        source=source,
        contents=tuple(ContentFile(*row) for row in contents),
        tree=tree,
        updated_at=updated_at,
        fetched_at=fetched_at,
    )


def save_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    """Replace the roadmap's rows in both tables by the snapshot's; other roadmaps' are left alone."""
    connection.lock(f"raw_roadmaps {snapshot.roadmap}")
    connection.execute("DELETE FROM raw_roadmaps WHERE roadmap = ?", [snapshot.roadmap])
    connection.execute("DELETE FROM raw_contents WHERE roadmap = ?", [snapshot.roadmap])
    row = {
        "roadmap": snapshot.roadmap,
        "document": snapshot.document,
        "version": snapshot.version,
        "origin": snapshot.origin,
        "source": snapshot.source,
        "fetched_at": utc_now(),
        "tree": snapshot.tree,
        "updated_at": snapshot.updated_at,
    }
    insert_rows(connection, RAW_ROADMAPS, [row])
    contents = ({"roadmap": snapshot.roadmap, **asdict(content)} for content in snapshot.contents)
    insert_rows(connection, RAW_CONTENTS, contents)


def stored_version(connection: Connection, roadmap: str) -> str | None:
    """The version of the snapshot in the database, or None when there is none."""
    found = connection.execute("SELECT version FROM raw_roadmaps WHERE roadmap = ?", [roadmap]).fetchone()
    return found[0] if found else None


def fetch_times(connection: Connection) -> dict[str, datetime]:
    """roadmap -> when a new state of it was last fetched (UTC)."""
    return dict(connection.execute("SELECT roadmap, fetched_at FROM raw_roadmaps").fetchall())


def is_stored(connection: Connection, snapshot: Snapshot) -> bool:
    """Whether this is the state that was stored last, and the roadmap was not missing upstream since."""
    query = "SELECT version, origin, source, updated_at, vanished_at FROM raw_roadmaps WHERE roadmap = ?"
    found = connection.execute(query, [snapshot.roadmap]).fetchone()
    return found == (snapshot.version, snapshot.origin, snapshot.source, snapshot.updated_at, None)


def mark_vanished(connection: Connection, roadmap: str) -> None:
    """Note that the roadmap is missing upstream; its last state stays."""
    connection.execute(
        "UPDATE raw_roadmaps SET vanished_at = coalesce(vanished_at, ?) WHERE roadmap = ?", [utc_now(), roadmap]
    )
