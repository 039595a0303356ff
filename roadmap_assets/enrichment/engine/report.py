"""What a run came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.questions import Question

Status = Literal["hit", "enriched", "failed", "deferred"]
"""Of a key: answered before (or meanwhile by another run), answered by this run, given up, or left for a later run."""


@dataclass(frozen=True, slots=True)
class Report:
    """A run's result: what became of each key, and what it took, from the ledger.

    `plan` is what was known before it, and `least_seconds` is what the quota allows at best for what was asked, at the
    calls' mean latency. `deferred_until` says when the quota is open again, where that is what stopped the run, and
    `stop_reason` says in words why anything was deferred. `cost_usd` is None where a price is unknown.
    """

    run_id: str
    statuses: Mapping[str, Status]
    rows: Mapping[Status, int]
    failures: Mapping[str, str]
    plan: Plan
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float
    least_seconds: float
    stop_reason: str = ""
    deferred_until: datetime | None = None

    @property
    def least_calls(self) -> int:
        """Calls that the batch size allows at best for what this run had to ask."""
        return self.plan.calls

    @property
    def total(self) -> int:
        """Rows asked about."""
        return sum(self.rows.values())

    @property
    def success_rate(self) -> float:
        """Share of the rows that have an answer, 0 to 1."""
        answered = self.rows.get("hit", 0) + self.rows.get("enriched", 0)
        return answered / self.total if self.total else 1.0

    @property
    def complete(self) -> bool:
        """Whether every row has an answer."""
        return not (self.rows.get("failed") or self.rows.get("deferred"))


def count_rows(questions: Iterable[Question], statuses: Mapping[str, Status]) -> Counter[Status]:
    """Rows by what became of them; rows that share a key share its fate."""
    return Counter(statuses[question.key] for question in questions)
