"""Asking the arms of an evaluation: as the engine does, with its limiter, budget and ledger, but without the cache.

A row whose answer is not accepted is asked once more, with the other such rows of its arm, so that rule breaches are
counted before any repair. A request without a reply is sent again, as often as the settings say.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.admission import Admission
from roadmap_assets.enrichment.engine.call import Calls, Reply
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import OnEvent, Progress
from roadmap_assets.enrichment.engine.recorder import GROUP_S, Record
from roadmap_assets.enrichment.engine.recovery import MAX_WAIT_S, backoff_s
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, Limiter
from roadmap_assets.enrichment.plan import LookUp, Plan, make_plan
from roadmap_assets.enrichment.providers.base import Outcome, Provider
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.evaluation.arms import Arm, Batch, Packing, open_batches
from roadmap_assets.warehouse.duckdb import Warehouse
from roadmap_assets.warehouse.evaluations import AskedRow, load_asked_rows, store_asked_rows
from roadmap_assets.warehouse.ledger import Call, record_calls


@dataclass(frozen=True, slots=True)
class Asked:
    """All that an evaluation has asked; `stop_reason` says why some of it is missing.

    `spent_usd` is what has been taken from the budget, 0 without one.
    """

    rows: Sequence[AskedRow]
    run_id: str = ""
    stop_reason: str = ""
    spent_usd: float = 0.0


def plan_arms(access: Access, arms: Sequence[Arm], *, warehouse: Warehouse, evaluation: str) -> dict[str, Plan]:
    """What asking would take now, by arm, if every answer is accepted; no call is made."""
    config = _config(access, warehouse)
    packing = Packing(access, config)
    with warehouse.transaction() as connection:
        asked = load_asked_rows(connection, evaluation)
    plans = {}
    for arm in arms:
        batches = [*open_batches([arm], asked, round_=1, packing=packing)]
        batches += open_batches([arm], asked, round_=2, packing=packing)
        plans[arm.name] = _plan(config, batches, packing)
    return plans


async def ask(
    access: Access,
    arms: Sequence[Arm],
    *,
    warehouse: Warehouse,
    evaluation: str,
    spent_usd: float = 0.0,
    on_event: OnEvent = lambda _: None,
) -> Asked:
    """Ask all that the evaluation has not asked yet; `spent_usd` was taken from the budget before.

    Raises:
        GeminiRefused, SimulatorAnswered, WarehouseBusy, QuotaUnavailable: as `Engine.run`; what was answered is stored.
    """
    config = _config(access, warehouse)
    if config.budget_usd is not None:
        config = replace(config, budget_usd=max(0.0, config.budget_usd - spent_usd))
    packing = Packing(access, config)
    with warehouse.transaction() as connection:
        asked = load_asked_rows(connection, evaluation)
    batches = [batch for number in (1, 2) for batch in open_batches(arms, asked, round_=number, packing=packing)]
    if not batches:
        return Asked(asked)
    questions = [packing.question(row) for batch in batches for row in batch.rows]
    unique = {question.key: question for question in questions}
    plan = _plan(config, batches, packing)
    tally = Tally(config, questions, unique=unique, plan=plan, began=config.clock.time())
    stop = Stop(on_event)
    async with AsyncExitStack() as stack:
        limiter = config.open_limiter()
        stack.callback(limiter.close)
        provider = config.open_provider()
        stack.push_async_callback(provider.close)
        answers = _Answers(warehouse, evaluation, tally.run_id, asked)
        asker = _Asker(config, tally, stop, on_event, packing, answers, limiter, provider)
        for number in (1, 2):
            await asker.run(open_batches(arms, answers.rows, round_=number, packing=packing))
    if stop.error:
        raise stop.error
    if config.budget_usd is not None:
        spent_usd += config.budget_usd - tally.left_usd(reserved=False)
    return Asked(answers.rows, run_id=tally.run_id, stop_reason=stop.reason, spent_usd=spent_usd)


def _config(access: Access, warehouse: Warehouse) -> EngineConfig:
    """How an evaluation asks: as a run would, but always the standard tier, since somebody waits for it."""
    return replace(access.engine(warehouse).config, service="standard")


def _plan(config: EngineConfig, batches: Sequence[Batch], packing: Packing) -> Plan:
    """What these batches take, each a call of its own."""
    questions = [packing.question(row) for batch in batches for row in batch.rows]
    found = LookUp(frozenset(), {}, questions, entries=0, latest=None)
    return make_plan(config, questions, found, calls=len(batches))


class _Answers:
    """Stores what calls return, in the ledger and in `evaluation_answers`: together or not at all."""

    def __init__(self, warehouse: Warehouse, evaluation: str, run_id: str, rows: Sequence[AskedRow]) -> None:
        self.rows = [*rows]
        self._warehouse = warehouse
        self._evaluation = evaluation
        self._run_id = run_id
        self._calls: list[Call] = []
        self._unstored: list[AskedRow] = []
        self._storing = threading.Lock()

    def put(self, record: Record) -> None:
        """Take a call; its answers, meant for the cache, are left out. See `engine.call.Records`."""
        if record.call:
            self._calls.append(record.call)

    def add(self, batch: Batch, reply: Reply) -> None:
        """Take what a call returned for each row of a batch."""
        found = [
            AskedRow(
                evaluation_id=self._evaluation,
                run_id=self._run_id,
                arm=batch.arm,
                row_id=row.row_id,
                topic=row.topic,
                round=batch.round,
                position=position,
                batch_rows=len(batch.rows),
                call_id=reply.call_id,
                outcome=outcome,
                reason=reason,
                answer=reply.matched.answers.get(str(position)),
            )
            for position, row in enumerate(batch.rows)
            for outcome, reason in [_outcome(reply, str(position))]
        ]
        self.rows += found
        self._unstored += found

    async def keep_storing(self) -> None:
        """Store what arrives until cancelled. Raises as `store`."""
        while True:
            await asyncio.sleep(GROUP_S)
            await asyncio.to_thread(self.store)

    def store(self) -> None:
        """Store everything taken so far. Safe from any thread. Raises as `Warehouse.transaction`."""
        with self._storing:
            calls, rows = list(self._calls), list(self._unstored)
            if calls or rows:
                with self._warehouse.transaction() as connection:
                    record_calls(connection, calls)
                    store_asked_rows(connection, rows)
                del self._calls[: len(calls)], self._unstored[: len(rows)]


def _outcome(reply: Reply, place: str) -> tuple[str, str]:
    """How a row came out of a call, in a word and in words."""
    if place in reply.matched.answers:
        return "answered", ""
    if reply.outcome.kind != "replied":
        return reply.outcome.kind, reply.outcome.detail
    rejection = reply.matched.rejected.get(place)
    if rejection is None or (rejection.kind == "missing" and (reply.matched.damage or reply.outcome.cut)):
        return "unusable", reply.matched.damage or reply.outcome.detail
    return rejection.kind, rejection.reason


class _Asker:
    """Sends batches, several at once."""

    def __init__(
        self,
        config: EngineConfig,
        tally: Tally,
        stop: Stop,
        on_event: OnEvent,
        packing: Packing,
        answers: _Answers,
        limiter: Limiter,
        provider: Provider,
    ) -> None:
        self._config = config
        self._stop = stop
        self._on_event = on_event
        self._packing = packing
        self._answers = answers
        self._limiter = limiter
        self._provider = provider
        self._admission = Admission(config, tally, stop, on_event, limiter=limiter)
        self._calls = Calls(config, tally, answers)
        self._randomness = random.Random()  # noqa: S311 - spreads retries
        self._sent = 0
        self._done = self._total = 0

    async def run(self, batches: Sequence[Batch]) -> None:
        """Ask these batches, or until the run stops."""
        if not batches:
            return
        waiting = deque(batches)
        self._total += sum(len(batch.rows) for batch in batches)
        try:
            async with asyncio.TaskGroup() as tasks:
                storing = tasks.create_task(self._answers.keep_storing())
                count = min(self._config.concurrency, len(waiting))
                await asyncio.wait([tasks.create_task(self._work(waiting)) for _ in range(count)])
                storing.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            self._answers.store()  # blocks the loop on purpose: nothing may come between an answer and its storing

    async def _work(self, waiting: deque[Batch]) -> None:
        while waiting and not self._stop.requested:
            batch = waiting.popleft()
            self._sent += 1
            number = self._sent
            try:
                await self._ask(batch, [self._packing.question(row) for row in batch.rows], number)
            finally:
                self._admission.connection.release(number)
            self._done += len(batch.rows)
            self._on_event(Progress(self._done, self._total, hits=0, calls=self._sent, seconds_left=None))

    async def _ask(self, batch: Batch, questions: Sequence[Question], number: int) -> None:
        """Send a batch until there is a reply, at most `attempts` times; without one, stop the run."""
        outcome = Outcome(kind="cancelled")
        for attempt in range(1, self._config.attempts + 1):
            async with self._admission.admit(questions, batch=number) as admitted:
                if admitted is None:
                    return None
                reply = await self._calls.make(
                    self._provider,
                    questions,
                    batch=number,
                    attempt=attempt,
                    estimated_usd=admitted.reserved_usd,
                    on_sending=self._admission.connection.record_success,
                )
                self._answers.add(batch, reply)
                self._admission.record(admitted, reply.outcome, batch=number)
            outcome = reply.outcome
            match outcome.kind:
                case "replied" | "blocked" | "failed":
                    return None
                case "refused":
                    error = GeminiRefused(
                        f"Gemini refuses the request ({outcome.detail}); nothing was sent again. "
                        f"Check GEMINI_API_KEY and the model ({self._config.model})"
                    )
                    return self._stop.request(f"Gemini refuses the request: {outcome.detail}", error=error)
                case "day_exhausted":
                    until = self._limiter.close_day(permit=admitted.permit)
                    return self._stop.request(f"the day's quota is used up; it resets at {until:%Y-%m-%d %H:%M %Z}")
                case _ if (outcome.retry_after_s or 0) > MAX_WAIT_S:
                    until = datetime.fromtimestamp(
                        self._config.clock.time() + (outcome.retry_after_s or 0), PROVIDER_ZONE
                    )
                    return self._stop.request(f"Gemini asks to wait until {until:%Y-%m-%d %H:%M %Z} ({outcome.detail})")
            seconds = backoff_s(attempt, requested_s=outcome.retry_after_s, randomness=self._randomness)
            if outcome.kind == "busy":
                self._limiter.pause(seconds)  # and so for every process that shares the limiter
            elif attempt < self._config.attempts:
                await self._stop.interruptible(self._config.clock.sleep(seconds))
        return self._stop.request(f"Gemini does not answer ({outcome.detail})")
