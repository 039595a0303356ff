"""The arms of an evaluation: the same rows, each time asked in another way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.warehouse.evaluations import AskedRow

SMALL: Final = 5
SINGLE: Final = "single"
REVERSED: Final = "reversed"
REPEAT: Final = "repeat"

JUDGED: Final = frozenset({"answered", "missing", "doubled", "swapped", "rule", "unusable", "blocked", "failed"})
"""Outcomes of a row that the model is responsible for; after any other, the same batch is sent again."""


class Arm(Struct, frozen=True):
    """A way to ask: rows by batch, in the order asked; `size` is the number of rows that a batch may have."""

    name: str
    size: int
    batches: Sequence[Sequence[Row]]


class Batch(Struct, frozen=True):
    """One request of an arm; round 2 asks again for rows whose first answers were not accepted."""

    arm: str
    round: int
    rows: Sequence[Row]


class Packing:
    """Packs rows as the engine does, with the limits on topics and tokens, for the profile and model of `access`."""

    def __init__(self, access: Access, config: EngineConfig) -> None:
        self._access = access
        self._config = config

    def question(self, row: Row) -> Question:
        """The question about a row."""
        return self._access.question(topic=row.topic, description=row.description, context=row.context)

    def batches(self, rows: Sequence[Row], size: int) -> list[list[Row]]:
        """The rows in batches of at most `size`."""
        of_item = {}
        pool = replace(self._config, batch_size=size).new_pool()
        for row in rows:
            item = Item(self.question(row))
            of_item[item] = row
            pool.add([item])
        batches = []
        while items := pool.take(partial=True):
            batches.append([of_item[item] for item in items])
        return batches

    def arm(self, name: str, rows: Sequence[Row], size: int) -> Arm:
        """An arm of batches of `size`."""
        return Arm(name, size, self.batches(rows, size))


def batch_arms(rows: Sequence[Row], size: int, packing: Packing) -> list[Arm]:
    """Batches of `size`, smaller ones, single rows, each batch in reverse, and the first arm once more.

    Raises:
        InvalidSetting: there is nothing to compare batches of one row with.
    """
    if size < 2:
        raise InvalidSetting("ROADMAP_BATCH_SIZE is 1: there are no batches whose quality could be compared")
    first = packing.arm(f"batch_{size}", rows, size)
    small = [packing.arm(f"batch_{SMALL}", rows, SMALL)] if size > SMALL else []
    return [
        first,
        *small,
        packing.arm(SINGLE, rows, 1),
        replace(first, name=REVERSED, batches=[batch[::-1] for batch in first.batches]),
        replace(first, name=REPEAT),
    ]


def open_batches(arms: Sequence[Arm], asked: Sequence[AskedRow], *, round_: int, packing: Packing) -> list[Batch]:
    """The requests of a round that are not done: whole batches in the first, rejected rows together in the second."""
    done = {(row.arm, row.row_id, row.round): row.outcome for row in asked if row.outcome in JUDGED}
    if round_ == 1:
        return [
            Batch(arm.name, 1, batch)
            for arm in arms
            for batch in arm.batches
            if not all((arm.name, row.row_id, 1) in done for row in batch)
        ]
    return [
        Batch(arm.name, 2, batch)
        for arm in arms
        for batch in packing.batches(
            [
                row
                for rows in arm.batches
                for row in rows
                if done.get((arm.name, row.row_id, 1), "answered") != "answered"
                and (arm.name, row.row_id, 2) not in done
            ],
            arm.size,
        )
    ]


def answers_of(arm: str, asked: Sequence[AskedRow]) -> Mapping[str, AskedRow]:
    """row id -> what answered it in the arm."""
    return {row.row_id: row for row in asked if row.arm == arm and row.outcome == "answered"}


def evaluation_id(kind: str, asked: Sequence[tuple[Access, Sequence[Arm]]], *, judge: str = "") -> str:
    """The same for the same rows, texts, profiles, models, arms and judge: such an evaluation is resumed."""
    shaping = [
        [
            access.profile.fingerprint,
            access.model,
            access.settings.gemini_base_url or "",
            access.settings.temperature,
            access.settings.thinking_level,
            access.settings.description_chars,
            [[arm.name, [[[row.row_id, *_texts(row)] for row in batch] for batch in arm.batches]] for arm in arms],
        ]
        for access, arms in asked
    ]
    return hashlib.sha256(json.dumps([kind, shaping, judge]).encode()).hexdigest()[:16]


def _texts(row: Row) -> tuple[str, ...]:
    return row.topic, row.description, row.context
