"""Questions in, stored answers out: the look-up that every run begins with.

The loop that asks is in `run`, one attempt in `attempt`; `stopping` judges when to give up, `recovery` what becomes of
a topic without an answer, and `tally` counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadmap_assets.enrichment.engine.events import CacheChecked, OnEvent
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.engine.terms import Options, Terms
from roadmap_assets.enrichment.plan import Plan, look_up, make_plan
from roadmap_assets.enrichment.questions import Question

__all__ = ["Engine", "Options"]


class Engine(Terms):
    """Answers questions on its terms."""

    __slots__ = ()

    def plan(self, questions: Sequence[Question]) -> Plan:
        """What `run` would take now; no call is made. Raises as `Warehouse.transaction`."""
        return make_plan(self, questions, look_up(self, _by_key(questions)))

    async def run(self, questions: Sequence[Question], *, on_event: OnEvent = lambda _: None) -> Report:
        """Answer every question, from the cache or by asking, and store each answer as it comes.

        Rows that could not be answered do not raise: they are in the report. Cancelled, it stores what was answered.

        Raises:
            GeminiRefused: the key, the model or the request is refused; what was answered before that is stored.
            WarehouseBusy, WarehouseUnreadable: as `Warehouse.transaction`; answers that were not stored are lost.
            QuotaUnavailable: the state of the limiter cannot be kept.
        """
        began = self.clock.time()
        unique = _by_key(questions)
        found = look_up(self, unique)
        plan = make_plan(self, questions, found)
        tally = Tally(self, questions, unique=unique, plan=plan, began=began)
        for key in found.answered:
            tally.settle(key, "hit")
        for key, past in found.given_up.items():
            tally.fail(key, f"{past.reason}, in {past.runs} runs: {past.last_error}")
        on_event(CacheChecked(found.entries, found.latest, plan=plan, batch_size=self.options.batch_size))
        if not found.to_ask:
            return tally.report()
        from roadmap_assets.enrichment.engine.scheduler import (
            Run,  # of which most runs, that find every answer, have no need
        )

        run = Run(self, tally, on_event)
        await run.ask([question.key for question in found.to_ask])
        return tally.report(stop_reason=run.stop.reason, deferred_until=run.stop.until)


def _by_key(questions: Sequence[Question]) -> dict[str, Question]:
    return {question.key: question for question in questions}
