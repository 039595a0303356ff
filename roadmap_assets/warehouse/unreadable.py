"""Table `unreadable_roadmaps`: which roadmaps a run left out, and why.

A run asks what its earlier steps left out; later runs ask what is known to be unreadable, so that they do not try the
same version again. Reading a roadmap clears its record.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import Column, Connection, Table
from roadmap_assets.warehouse.rows import insert_rows, utc_now

UNREADABLE_ROADMAPS = Table(
    "unreadable_roadmaps",
    "One row per roadmap and run that left it out",
    ("roadmap", "run_id"),
    (
        Column("roadmap", "VARCHAR", "Slug of the roadmap"),
        Column("version", "VARCHAR", "Version in raw_roadmaps that cannot be read; empty where nothing was fetched"),
        Column("reason", "VARCHAR", "Why it was left out"),
        Column("recorded_at", "TIMESTAMP", "When that was found (UTC)"),
        Column("run_id", "VARCHAR", "Dagster's id of the run"),
    ),
)


class Unreadable(Struct, frozen=True):
    """A roadmap that a run left out; `version` is '' where nothing was fetched."""

    roadmap: str
    version: str
    reason: str
    run_id: str
    recorded_at: datetime


def record_unreadable(connection: Connection, roadmap: str, *, version: str, reason: str, run_id: str) -> None:
    """Record that the run leaves the roadmap out; a later reason replaces an earlier one of the same run."""
    connection.lock(f"unreadable_roadmaps {roadmap}")
    connection.execute("DELETE FROM unreadable_roadmaps WHERE roadmap = ? AND run_id = ?", [roadmap, run_id])
    row = Unreadable(roadmap=roadmap, version=version, reason=reason, run_id=run_id, recorded_at=utc_now())
    insert_rows(connection, UNREADABLE_ROADMAPS, [asdict(row)])


def forget_unreadable(connection: Connection, roadmap: str) -> None:
    """Clear the roadmap's record, once it has been read."""
    connection.execute("DELETE FROM unreadable_roadmaps WHERE roadmap = ?", [roadmap])


def left_out_of_run(connection: Connection, run_id: str) -> dict[str, str]:
    """roadmap -> reason, of those that the run has left out so far."""
    query = "SELECT roadmap, reason FROM unreadable_roadmaps WHERE run_id = ? ORDER BY roadmap"
    return dict(connection.execute(query, [run_id]).fetchall())


def unreadable_roadmaps(connection: Connection) -> dict[str, Unreadable]:
    """The latest record of every roadmap that has one."""
    rows = connection.execute(
        "SELECT roadmap, version, reason, run_id, recorded_at FROM unreadable_roadmaps ORDER BY recorded_at, roadmap"
    ).fetchall()
    return {row[0]: Unreadable(*row) for row in rows}
