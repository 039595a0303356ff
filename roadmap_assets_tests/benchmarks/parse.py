"""Turning documents into topics: all real ones, and large ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.roadmaps.place import place_topics
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.table import build_topics
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets_tests.benchmarks import generated, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most

SIZES = (1_000, 5_000, 20_000)


def parse(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `parse`."""
    repeats = 1 if conditions.quick else measuring.REPEATS
    if conditions.real_roadmaps:
        source = DirectorySource(conditions.real_roadmaps)
        snapshots = [snapshot for slug in source.catalogue() if (snapshot := _readable(source, slug))]
        count = f"{len(snapshots)} real documents"
        placed = measuring.median_seconds(lambda: [_place(snapshot) for snapshot in snapshots], repeats=repeats)
        yield Figure(f"{count}: hierarchy", placed, "s", at_most(2))
        built = measuring.median_seconds(lambda: [build_topics(snapshot) for snapshot in snapshots], repeats=repeats)
        texts = sum(len(snapshot.contents) for snapshot in snapshots)
        yield Figure(f"{count}: hierarchy and {texts:,} texts", built, "s")
    else:
        yield Remark("There are no real documents here; the generated ones are all there is.")
    taken = {}
    for topics in SIZES:
        snapshot = generated.snapshot(topics)
        taken[topics] = measuring.median_seconds(partial(_place, snapshot), repeats=repeats)
        yield Figure(f"{topics:,} generated topics: hierarchy", taken[topics], "s", at_most(10))
    few, many = SIZES[0], SIZES[-1]
    power = math.log(taken[many] / taken[few]) / math.log(many / few)
    yield Figure("growth: time is as topics to the power of", power, "", at_most(1.15), f"from {few:,} to {many:,}")


def _readable(source: DirectorySource, slug: str) -> Snapshot | None:
    """The roadmap as fetched, if its document contains topics."""
    try:
        snapshot = source.fetch(slug)
        _document(snapshot)
    except DocumentError:
        return None
    return snapshot


def _document(snapshot: Snapshot) -> Document:
    return parse_document(snapshot.document, roadmap=snapshot.roadmap, origin=snapshot.origin)


def _place(snapshot: Snapshot) -> object:
    return place_topics(_document(snapshot))
