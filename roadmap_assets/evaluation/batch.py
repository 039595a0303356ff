"""What batches cost in quality: the figures of `evaluate batch`, and the verdict.

Answers in batches are compared with answers to the same rows asked one by one. The noise floor is how far the model
agrees with itself when the very same batches are sent twice. Differences are between figures over the same rows.

The verdict names what is worse at a confidence of 95% over all its tests together: each is made at 1 - 5% ÷ their
number (Bonferroni), so that a table without any effect gets a clean verdict 19 times out of 20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from roadmap_assets.evaluation.agreement import CONFIDENCE, Estimate, Scores, difference, estimate
from roadmap_assets.evaluation.arm_figures import ArmFigures, arm_figures
from roadmap_assets.evaluation.arms import REPEAT, REVERSED, SINGLE, SMALL, answers_of
from roadmap_assets.evaluation.columns import Answers, Column, kappa, scores
from roadmap_assets.warehouse.evaluations import ArmCost, AskedRow

THIRDS: Final = ("first", "middle", "last")
_TESTS_PER_COLUMN: Final = 5


class Drift(Struct, frozen=True):
    """Agreement with single rows by position in the batch; `difference` is the first third minus the last."""

    first: Estimate
    middle: Estimate
    last: Estimate
    difference: Estimate


class BatchFigures(Struct, frozen=True):
    """All figures; `agreement` and `kappa` are by column and pair of arms, the others by column or arm.

    `resolution` is about the smallest drop that can be found with this many rows.
    """

    measures: Mapping[str, str]
    agreement: Mapping[str, Mapping[str, Estimate]]
    kappa: Mapping[str, Mapping[str, Estimate]]
    noise_floor: Mapping[str, Estimate]
    drift: Mapping[str, Drift]
    arms: Mapping[str, ArmFigures]
    resolution: float
    findings: Sequence[str]
    verdict: str


def batch_figures(
    columns: Sequence[Column],
    rows: Sequence[str],
    asked: Sequence[AskedRow],
    *,
    arms: Sequence[str],
    size: int,
    costs: Mapping[str, ArmCost],
) -> BatchFigures:
    """The figures over all that was asked; `rows` are the ids of the sample."""
    first = f"batch_{size}"
    pairs = {f"{first}_vs_{SINGLE}": (first, SINGLE)}
    if f"batch_{SMALL}" in arms and size != SMALL:
        pairs[f"batch_{SMALL}_vs_{SINGLE}"] = (f"batch_{SMALL}", SINGLE)
    pairs[f"{first}_vs_{REVERSED}"] = (first, REVERSED)
    pairs[f"{first}_vs_{REPEAT}"] = (first, REPEAT)
    answers = {arm: answers_of(arm, asked) for arm in arms}
    tested = _Tests(rows, answers, size=size, tests=_TESTS_PER_COLUMN * len(columns) + 1)
    findings = [finding for column in columns for finding in tested.findings(column)]
    findings += tested.breach_findings(asked)
    figures = {
        column.name: {
            name: estimate(scores(rows, answers[a], answers[b], column))
            for name, (a, b) in pairs.items()
            if answers[a].keys() & answers[b].keys()
        }
        for column in columns
    }
    floor = f"{first}_vs_{REPEAT}"
    return BatchFigures(
        measures={column.name: column.measure for column in columns},
        agreement={name: {pair: one for pair, one in by.items() if pair != floor} for name, by in figures.items()},
        kappa={
            column.name: {name: kappa(column, rows, answers[a], answers[b]) for name, (a, b) in pairs.items()}
            for column in columns
            if column.kind == "enumerated" and all(answers[a].keys() & answers[b].keys() for a, b in pairs.values())
        },
        noise_floor={name: by[floor] for name, by in figures.items() if floor in by},
        drift={column.name: drift for column in columns if (drift := tested.drift(column, CONFIDENCE))},
        arms={arm: arm_figures(arm, asked, costs) for arm in arms},
        resolution=tested.resolution,
        findings=findings,
        verdict=_verdict(findings, size),
    )


class _Tests:
    """The tests that the verdict rests on; each is about something that may be worse in batches."""

    def __init__(self, rows: Sequence[str], answers: Mapping[str, Answers], *, size: int, tests: int) -> None:
        self._rows = rows
        self._answers = answers
        self._size = size
        self._first = f"batch_{size}"
        self._confidence = 1 - (1 - CONFIDENCE) / tests
        self.resolution = 3 / max(1, len(rows))  # without a single miss in n rows, up to 3/n may be missed

    def findings(self, column: Column) -> Iterator[str]:
        """What is worse in this column, in words."""
        single = self._scores(column, self._first, SINGLE)
        floor = self._scores(column, self._first, REPEAT)
        batches = f"{column.name}: batches of {self._size} agree with single rows"
        if self._is_lower(single, floor):
            yield f"{batches} by {_percent(single)}, with themselves by {_percent(floor)}"
        if f"batch_{SMALL}" in self._answers and self._size != SMALL:
            small = self._scores(column, f"batch_{SMALL}", SINGLE)
            if self._is_lower(single, small):
                yield f"{batches} by {_percent(single)}, batches of {SMALL} by {_percent(small)}"
        reverse = self._scores(column, self._first, REVERSED)
        if self._is_lower(reverse, floor):
            yield (
                f"{column.name}: reversed batches agree with the first ones by {_percent(reverse)}, "
                f"repeated ones by {_percent(floor)}"
            )
        thirds = self._thirds(column)
        for third in (1, 2):
            if self._is_lower(thirds[third], thirds[0]):
                yield (
                    f"{column.name}: worse in the {THIRDS[third]} third of a batch: {_percent(thirds[third])} "
                    f"agree with single rows, {_percent(thirds[0])} in the first third"
                )

    def breach_findings(self, asked: Sequence[AskedRow]) -> Iterator[str]:
        """Whether batches break more rules than single rows."""
        kept = {
            arm: Scores.of([[float(outcomes[row] != "rule")] if row in outcomes else [] for row in self._rows])
            for arm in (self._first, SINGLE)
            for outcomes in [{row.row_id: row.outcome for row in asked if row.arm == arm and row.round == 1}]
        }
        if self._is_lower(kept[self._first], kept[SINGLE]):
            share, alone = _percent(kept[self._first]), _percent(kept[SINGLE])
            yield f"batches of {self._size} keep the rules in {share} of the rows, single rows in {alone}"

    def drift(self, column: Column, confidence: float) -> Drift | None:
        """Agreement by position; None where a third has no answers."""
        thirds = self._thirds(column)
        if not all(third.rows for third in thirds):
            return None
        first, middle, last = (estimate(third, confidence=confidence) for third in thirds)
        return Drift(first, middle, last, difference(thirds[0], thirds[2], confidence=confidence))

    def _thirds(self, column: Column) -> list[Scores]:
        """Agreement with single rows by third of the batch, over all arms that have batches of the first's size."""
        singles = self._answers[SINGLE]
        found: list[list[list[float]]] = [[[] for _ in self._rows] for _ in THIRDS]
        for arm in (self._first, REVERSED, REPEAT):
            for number, row_id in enumerate(self._rows):
                row = self._answers[arm].get(row_id)
                if row and row_id in singles and row.round == 1 and row.batch_rows >= len(THIRDS):
                    third = len(THIRDS) * row.position // row.batch_rows
                    found[third][number].append(column.score(row, singles[row_id]))
        return [Scores.of(third) for third in found]

    def _scores(self, column: Column, first: str, second: str) -> Scores:
        return scores(self._rows, self._answers[first], self._answers[second], column)

    def _is_lower(self, worse: Scores, better: Scores) -> bool:
        if not (worse.rows and better.rows):
            return False
        gap = difference(better, worse, confidence=self._confidence)
        self.resolution = max(self.resolution, (gap.high - gap.low) / 2)
        return gap.low > 0


def _verdict(findings: Sequence[str], size: int) -> str:
    if findings:
        return f"Batches of {size} cost quality here: {'; '.join(findings)}"
    return f"Within noise: batches of {size} cost no quality here"


def _percent(scored: Scores) -> str:
    return f"{100 * float(scored.means(np.arange(len(scored.counts))[None])[0]):.0f}%"
