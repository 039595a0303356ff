"""The cost of a few changed rows among many."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from roadmap_assets_tests.benchmarks import asking
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, exactly

ROWS = 2000


def edit(conditions: Conditions) -> Iterator[Figure]:
    """Benchmark `edit`."""
    chance = random.Random(20)
    with asking.server() as server:
        for changed in (1, 19, 21, 100):
            folder = conditions.folder / str(changed)
            folder.mkdir()
            yield Figure(
                f"{changed} rows changed: calls",
                calls_after(changed, server, folder, chance),
                "",
                exactly(-(-changed // 20)),
            )


def calls_after(changed: int, server: asking.Server, folder: Path, chance: random.Random) -> int:
    """Requests that the server sees after this many of 2000 answered rows were changed in random places."""
    access = asking.access_to(server.url, folder)
    asking.ask(access, asking.questions(access, ROWS))
    server.reset()
    edited = frozenset(chance.sample(range(ROWS), changed))
    asking.ask(access, asking.questions(access, ROWS, edited=edited))
    return len(server.requests())
