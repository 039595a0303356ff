"""Questions in, stored answers out: the look-up that every run starts with.

Its misses go through `scheduler`, which packs them (`batching`), waits until a call may be sent (`admission`), makes
and records it (`call`, `recorder`), and decides what happens to what is not answered (`recovery`, `outage`).
"""

from __future__ import annotations

from collections.abc import Sequence

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import CacheChecked, OnEvent
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.plan import Plan, look_up, make_plan
from roadmap_assets.enrichment.questions import Question, keys_of


class Engine:
    """Answers questions as its config says."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config

    def plan(self, questions: Sequence[Question]) -> Plan:
        """What `run` would take now; no call is made. Raises as `Warehouse.transaction`."""
        return make_plan(self.config, questions, look_up(self.config, by_key(questions)))

    def misses(self, questions: Sequence[Question]) -> Sequence[Question]:
        """The questions that `run` would ask now, each once. Raises as `Warehouse.transaction`."""
        return look_up(self.config, by_key(questions)).to_ask

    async def run(self, questions: Sequence[Question], *, on_event: OnEvent = lambda _: None) -> Report:
        """Answer every question, from the cache or by asking, and store each answer as it arrives.

        Rows that could not be answered do not raise: they are in the report. When cancelled, it stores what was
        answered.

        Raises:
            GeminiRefused: the key, the model or the request is refused; what was answered before that is stored.
            SimulatorAnswered: a simulator answered for a real model; its answers are not kept.
            WarehouseError: as `Warehouse.transaction`; answers that were not stored are in its journal.
            QuotaUnavailable: the state of the limiter cannot be kept.
        """
        config = self.config
        began = config.clock.time()
        unique = by_key(questions)
        found = look_up(config, unique)
        plan = make_plan(config, questions, found)
        tally = Tally(config, questions, unique=unique, plan=plan, began=began)
        tally.settle_all(found.answered, "hit")
        tally.settle_all(found.pending, "pending")
        for key, reason in found.given_up.items():
            tally.fail(key, reason)
        on_event(CacheChecked(found.entries, found.latest, plan=plan, batch_size=config.batch_size))
        if not found.to_ask:
            return tally.report()
        from roadmap_assets.enrichment.engine.run import ask_all  # most runs find every answer: not needed then

        stop = await ask_all([question.key for question in found.to_ask], config, tally, on_event)
        return tally.report(stop_reason=stop.reason, deferred_until=stop.until)


def by_key(questions: Sequence[Question]) -> dict[str, Question]:
    """Each question once."""
    return dict(zip(keys_of(questions), questions, strict=True))
