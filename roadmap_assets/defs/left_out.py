"""Roadmaps that cannot be made, as the database has them: those of a run, and those not worth another try.

A document that cannot be read stays unreadable until another version of it, or another version of our parser, is there.
Until then it is left out of whatever asks for many roadmaps; a run of that roadmap alone still tries it.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from roadmap_assets.defs.tables import RAW
from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps import PARSER_VERSION
from roadmap_assets.roadmaps.sources.base import Source
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.raw import load_snapshot, stored_version
from roadmap_assets.warehouse.unreadable import (
    forget_unreadable,
    left_out_of_run,
    record_unreadable,
    unreadable_roadmaps,
)

_NOT_LISTED = "not listed"
_PASSING = ""


def left_out(warehouse: Warehouse, run_id: str) -> dict[str, str]:
    """The roadmaps that the run has left out so far, each with the reason."""
    with warehouse.transaction() as connection:
        return left_out_of_run(connection, run_id)


def until_changed(warehouse: Warehouse, roadmaps: Collection[str]) -> dict[str, str]:
    """Those of `roadmaps` that are left out until they change, each with the version; the others are tried again."""
    with warehouse.transaction() as connection:
        records = unreadable_roadmaps(connection)
    return {
        roadmap: records[roadmap].version
        for roadmap in roadmaps
        if roadmap in records and records[roadmap].version != _PASSING
    }


def record(
    warehouse: Warehouse, asset: dg.AssetKey, roadmap: str, *, reason: str, run_id: str, source: Source | None
) -> None:
    """Record that the run leaves the roadmap out at `asset`; `source` is None where another try may help."""
    version = source.listing().get(roadmap, _NOT_LISTED) if source else _PASSING
    with warehouse.transaction() as connection:
        if asset != RAW:
            version = _read_as(stored_version(connection, roadmap) or "")
        record_unreadable(connection, roadmap, version=version, reason=reason, run_id=run_id)


def forget(warehouse: Warehouse, roadmap: str) -> None:
    """Clear the record of a roadmap that was read."""
    with warehouse.transaction() as connection:
        forget_unreadable(connection, roadmap)


def known_unreadable(source: Source, warehouse: Warehouse) -> dict[str, str]:
    """The roadmaps of which nothing has changed since they could not be read, each with the reason.

    Asks the source for its listing only when there is a record. One that does not answer counts as unchanged.
    """
    with warehouse.transaction() as connection:
        records = [found for found in unreadable_roadmaps(connection).values() if found.version != _PASSING]
        snapshots = {found.roadmap: load_snapshot(connection, found.roadmap) for found in records}
    if not records:
        return {}
    try:
        listing = source.listing()
    except SourceUnavailable:
        return {found.roadmap: found.reason for found in records}
    known = {}
    for found in records:
        snapshot, listed = snapshots[found.roadmap], listing.get(found.roadmap, _NOT_LISTED)
        stored = snapshot and source.version_of(snapshot) == listed and _read_as(snapshot.version)
        if found.version in (listed, stored):
            known[found.roadmap] = found.reason
    return known


def _read_as(version: str) -> str:
    return f"{version} parser-{PARSER_VERSION}"
