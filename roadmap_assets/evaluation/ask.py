"""Asking the arms of an evaluation: as the engine does, with its limiter, budget and ledger, but without the cache.

A row whose answer is not accepted is asked once more, with the other such rows of its arm, so that rule breaches are
counted before any repair. A request without a reply is sent again, as often as the settings say.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.admission import ModelClosed
from roadmap_assets.enrichment.engine.call import Reply
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import OnEvent, Progress
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.enrichment.engine.recovery import backoff_s
from roadmap_assets.enrichment.engine.route import Route, open_route
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.plan import LookUp, Plan, make_plan
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.evaluation.arms import Arm, Batch, Packing, open_batches
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.evaluations import AskedRow, load_asked_rows
from roadmap_assets.warehouse.ledger import Call


class Asked(Struct, frozen=True):
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
        GeminiRefused, SimulatorAnswered, WarehouseError, QuotaUnavailable: as `Engine.run`; what was answered is
            stored, or in the journal of the database.
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
    recorder = Recorder(warehouse)
    answers = _Answers(recorder, evaluation, tally.run_id, asked)
    async with open_route(config, tally, stop, on_event, answers) as route:
        asker = _Asker(config, stop, on_event, packing, answers, route)
        try:
            async with asyncio.TaskGroup() as tasks:
                storing = tasks.create_task(stop.on_error(recorder.keep_storing()))
                for number in (1, 2):
                    await asker.run(open_batches(arms, answers.rows, round_=number, packing=packing))
                storing.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            answers.close()
    if stop.error:
        raise stop.error
    if config.budget_usd is not None:
        spent_usd += config.budget_usd - tally.left_usd(reserved=False)
    return Asked(answers.rows, run_id=tally.run_id, stop_reason=stop.reason, spent_usd=spent_usd)


def _config(access: Access, warehouse: Warehouse) -> EngineConfig:
    """How an evaluation asks: as a run would, but always on the standard tier, since a person waits for it."""
    return replace(access.engine(warehouse).config, service="standard")


def _plan(config: EngineConfig, batches: Sequence[Batch], packing: Packing) -> Plan:
    """What these batches take, each a call of its own."""
    questions = [packing.question(row) for batch in batches for row in batch.rows]
    found = LookUp(frozenset(), {}, frozenset(), questions, entries=0, latest=None)
    return make_plan(config, questions, found, calls=len(batches))


class _Answers:
    """What calls return, stored in the ledger and in `evaluation_answers`: together or not at all."""

    def __init__(self, recorder: Recorder, evaluation: str, run_id: str, rows: Sequence[AskedRow]) -> None:
        self.rows = [*rows]
        self._recorder = recorder
        self._evaluation = evaluation
        self._run_id = run_id
        self._calls: dict[str, Call] = {}

    def put(self, record: Record) -> None:
        """Take a call; its answers, meant for the cache, are left out. See `engine.call.Records`."""
        if record.call:
            self._calls[record.call.call_id] = record.call

    def add(self, batch: Batch, reply: Reply) -> None:
        """Take what a call returned for each row of a batch."""
        found = tuple(
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
        )
        self.rows += found
        self._recorder.put(Record(call=self._calls.pop(reply.call_id), asked=found))

    def close(self) -> None:
        """Store what is left, with the calls that were cancelled. Raises as `Recorder.close`."""
        for call in self._calls.values():
            self._recorder.put(Record(call=call))
        self._calls.clear()
        self._recorder.close()


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
        stop: Stop,
        on_event: OnEvent,
        packing: Packing,
        answers: _Answers,
        route: Route,
    ) -> None:
        self._config = config
        self._stop = stop
        self._on_event = on_event
        self._packing = packing
        self._answers = answers
        self._route = route
        self._randomness = random.Random()  # noqa: S311 - spreads retries
        self._sent = 0
        self._done = self._total = 0

    async def run(self, batches: Sequence[Batch]) -> None:
        """Ask these batches, or until the run stops."""
        if not batches:
            return
        waiting = deque(batches)
        self._total += sum(len(batch.rows) for batch in batches)
        self._report_progress()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self._config.concurrency, len(waiting))):
                tasks.create_task(self._stop.on_error(self._work(waiting)))

    async def _work(self, waiting: deque[Batch]) -> None:
        while waiting and not self._stop.requested:
            batch = waiting.popleft()
            self._sent += 1
            number = self._sent
            try:
                await self._ask(batch, [self._packing.question(row) for row in batch.rows], number)
            except ModelClosed as closed:
                self._stop.request(str(closed), until=closed.until)
            finally:
                self._route.admission.connection.release(number)
            self._done += len(batch.rows)
            self._report_progress()

    def _report_progress(self) -> None:
        self._on_event(Progress(self._done, self._total, hits=0, calls=self._sent, seconds_left=None))

    async def _ask(self, batch: Batch, questions: Sequence[Question], number: int) -> None:
        """Send a batch until there is a reply, at most `attempts` times; without one, stop the run.

        Raises ModelClosed.
        """
        outcome = Outcome(kind="cancelled")
        for attempt in range(1, self._config.attempts + 1):
            sent = await self._route.send(
                questions, batch=number, attempt=attempt, on_reply=lambda reply: self._answers.add(batch, reply)
            )
            if sent is None:
                return None
            outcome = sent.reply.outcome
            if closed := self._route.closed_by(outcome, sent.permit, now=self._config.clock.time()):
                raise closed
            match outcome.kind:
                case "replied" | "blocked" | "failed":
                    return None
                case "refused":
                    error = self._route.refusal(outcome, "the model")
                    return self._stop.request(f"Gemini refuses the request: {outcome.detail}", error=error)
            seconds = backoff_s(attempt, requested_s=outcome.retry_after_s, randomness=self._randomness)
            if outcome.kind == "busy":
                self._route.limiter.pause(seconds)  # and so for every process that shares the limiter
            elif attempt < self._config.attempts:
                await self._stop.interruptible(self._config.clock.sleep(seconds))
        return self._stop.request(f"Gemini does not answer ({outcome.detail})")
