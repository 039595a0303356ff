"""The result of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.enrichment.questions import Question, keys_of
from roadmap_assets.warehouse.ledger import Spent

Status = Literal["hit", "enriched", "failed", "deferred", "pending"]
"""Of a key: answered before (or meanwhile by another run), answered by this run, given up, left to a later run, or in a
batch job."""


class Report(Struct, frozen=True):
    """The status of each key, and the calls, tokens and cost of the run as the ledger has them.

    `plan` is what was expected before the run, and `least_seconds` the shortest time that the quota allows for what was
    asked, at the calls' mean latency. `calls_by_service` counts the calls by the service that served them.
    `deferred_until` is when the quota reopens, if that stopped the run, and `stop_reason` says why anything was
    deferred. `cost_usd` is None where a price is unknown; `by_model` has the same for each model asked. `base_url` is
    the address asked, when it is not Gemini's own.
    """

    run_id: str
    statuses: Mapping[str, Status]
    rows: Mapping[Status, int]
    failures: Mapping[str, str]
    plan: Plan
    calls: int
    calls_by_service: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float
    least_seconds: float
    stop_reason: str = ""
    base_url: str = ""
    deferred_until: datetime | None = None
    by_model: Mapping[str, Spent] = field(default_factory=dict)

    @property
    def least_calls(self) -> int:
        """The minimum number of calls for what this run had to ask, by the batch size."""
        return self.plan.calls

    @property
    def total(self) -> int:
        """Number of rows."""
        return sum(self.rows.values())

    @property
    def success_rate(self) -> float:
        """Share of the rows that have an answer, 0 to 1."""
        answered = self.rows.get("hit", 0) + self.rows.get("enriched", 0)
        return answered / self.total if self.total else 1.0

    @property
    def complete(self) -> bool:
        """Whether every row has an answer."""
        return not any(self.rows.get(status) for status in ("failed", "deferred", "pending"))


def count_rows(questions: Iterable[Question], statuses: Mapping[str, Status]) -> Counter[Status]:
    """Number of rows by status; rows that share a key share its status."""
    return Counter(map(statuses.__getitem__, keys_of(questions)))
