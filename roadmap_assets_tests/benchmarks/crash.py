"""Runs that are killed at random moments: what is lost, and what is paid for twice."""

from __future__ import annotations

import random
from collections.abc import Iterator

from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, exactly
from roadmap_assets_tests.killed_runs import files_in, kill_runs


def crash(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `crash`."""
    damage = kill_runs(files_in(conditions.folder), kills=8 if conditions.quick else 50, moments=random.Random(6))
    yield Figure("kills", damage.kills, note=f"in {damage.runs} runs on {damage.databases} databases")
    yield Figure("stored answers lost or changed", damage.lost, "", exactly(0))
    yield Figure("topics paid for again though stored", damage.asked_though_stored, "", exactly(0))
    yield Figure("calls stored without all their answers, or the reverse", damage.torn, "", exactly(0))
    yield Figure("calls in all", damage.calls, note=f"of these, {damage.in_flight} were in flight at a kill")
    yield Figure("calls beyond the least, those, and one a run", damage.calls_beyond, "", exactly(0))
