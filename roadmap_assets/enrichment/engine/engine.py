"""Questions in, stored answers out: the look-up that every run starts with.

Its misses go through `scheduler`, which packs them (`batching`), waits until a call may be sent (`admission`), makes
and records it (`call`, `recorder`), and decides what happens to what is not answered (`recovery`, `outage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import CacheChecked, OnEvent
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.plan import LookUp, Plan, look_up, make_plan
from roadmap_assets.enrichment.questions import Question, keys_of
from roadmap_assets.warehouse.base import Connection


class Begun(NamedTuple):
    """A run after its look-up; `is_open` says whether anything is left to ask or to wait for."""

    tally: Tally
    found: LookUp
    is_open: bool


class Engine:
    """Answers questions as its config says."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config

    def look_up(self, connection: Connection, questions: Sequence[Question]) -> LookUp:
        """What the database knows about these questions."""
        return look_up(connection, self.config, by_key(questions))

    def plan(self, questions: Sequence[Question], *, found: LookUp | None = None) -> Plan:
        """What `run` would take now; no call is made. Raises as `Warehouse.transaction`."""
        return make_plan(self.config, questions, found or self._looked_up(by_key(questions)))

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
        begun = self._begin(questions, None, on_event)
        return await self._finish(begun, on_event) if begun.is_open else begun.tally.report()

    def run_blocking(
        self, questions: Sequence[Question], *, found: LookUp | None = None, on_event: OnEvent = lambda _: None
    ) -> Report:
        """As `run`, for a caller without an event loop of its own; see `blocking.run_blocking`.

        It starts with a look-up, unless the caller has just made one: `found`.
        """
        begun = self._begin(questions, found, on_event)
        if not begun.is_open:
            return begun.tally.report()
        from roadmap_assets.enrichment.blocking import run_blocking  # most runs find every answer, and need no asyncio

        return run_blocking(self._finish(begun, on_event))

    def _looked_up(self, questions: Mapping[str, Question]) -> LookUp:
        with self.config.warehouse.transaction() as connection:
            return look_up(connection, self.config, questions)

    def _begin(self, questions: Sequence[Question], found: LookUp | None, on_event: OnEvent) -> Begun:
        """Look up the answers unless they are `found`, and settle every row that is not left open."""
        config = self.config
        began = config.clock.time()
        unique = by_key(questions)
        found = found or self._looked_up(unique)
        plan = make_plan(config, questions, found)
        tally = Tally(config, questions, unique=unique, plan=plan, began=began)
        tally.settle_all(found.answered, "hit")
        is_open = self._leaves_open(tally, found)
        on_event(CacheChecked(found.entries, found.latest, plan=plan, batch_size=config.batch_size))
        return Begun(tally, found, is_open)

    def _leaves_open(self, tally: Tally, found: LookUp) -> bool:
        """Settle the rows without an answer that are not asked; return whether any are left to ask."""
        tally.settle_all(found.pending, "pending")
        give_up(tally, found)
        return bool(found.to_ask)

    async def _finish(self, begun: Begun, on_event: OnEvent) -> Report:
        """Ask what is open."""
        from roadmap_assets.enrichment.engine.run import ask_all  # as above

        keys = [question.key for question in begun.found.to_ask]
        stop = await ask_all(keys, self.config, begun.tally, on_event)
        return begun.tally.report(stop_reason=stop.reason, deferred_until=stop.until)


def give_up(tally: Tally, found: LookUp) -> None:
    """Settle the rows that are not asked again."""
    for key, reason in found.given_up.items():
        tally.fail(key, reason)


def by_key(questions: Sequence[Question]) -> dict[str, Question]:
    """Each question once."""
    return dict(zip(keys_of(questions), questions, strict=True))
