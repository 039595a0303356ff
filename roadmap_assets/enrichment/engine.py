"""The loop that turns questions into stored answers: look up, lease, pack, acquire, call, match, recover, store.

One run asks the misses of all its roadmaps together. It sends a batch that is not full only when nothing that is
under way could still fill it, so that the stragglers of many replies share a call; it sends what it has at the start
at once, since nothing could come to fill it.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from roadmap_assets.enrichment import recovery
from roadmap_assets.enrichment.batching import Item, Pool, count_batches
from roadmap_assets.enrichment.clock import Clock, SystemClock
from roadmap_assets.enrichment.cost import Prices, Usage, estimate_tokens
from roadmap_assets.enrichment.events import (
    BatchEnriched,
    BatchFailed,
    CacheChecked,
    OnEvent,
    Progress,
    Stopped,
    Waiting,
)
from roadmap_assets.enrichment.gemini import Gemini, Outcome
from roadmap_assets.enrichment.profiles import Profile
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.quota import DayExhausted, Limiter, Limits, Permit, Wait, least_seconds
from roadmap_assets.enrichment.recorder import Record, Recorder
from roadmap_assets.enrichment.reply import Matched, match_reply
from roadmap_assets.enrichment.report import Report, Status, count_rows
from roadmap_assets.errors import GeminiRefused, RoadmapAssetsError
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.enrichments import Answer, Failure, answered_keys, cache_size, load_failures
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.ledger import Call, spent_in_run
from roadmap_assets.warehouse.rows import utc_now

HELD_POLL_S = 0.5
"""How often we look whether another run has answered what it holds."""

UNUSABLE_STREAK = 8
"""So many calls in a row without one usable object, and it is not the batches: stop."""

OUTPUT_TOKENS_PER_COLUMN = 40
"""A guess at a column's length, on the safe side for one line, until a run has seen its own replies."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Options:
    """How a run asks; see `settings.Settings` for the meaning of each."""

    model: str
    limits: Limits
    batch_size: int = 20
    batch_tokens: int = 16_000
    concurrency: int = 16
    attempts: int = 4
    failure_runs: int = 3
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """All that a run needs; `open_gemini` and `open_limiter` are called only when there is something to ask."""

    warehouse: Warehouse
    profile: Profile
    prices: Prices
    options: Options
    open_gemini: Callable[[], Gemini]
    open_limiter: Callable[[], Limiter]
    clock: Clock = field(default_factory=SystemClock)
    randomness: random.Random = field(default_factory=random.Random)

    async def run(self, questions: Sequence[Question], *, on_event: OnEvent = lambda _: None) -> Report:
        """Answer every question, from the cache or by asking, and store each answer as it comes.

        Rows that could not be answered do not raise: they are in the report. Cancelled, it stores what was answered.

        Raises:
            GeminiRefused: the key, the model or the request is refused; what was answered before that is stored.
            WarehouseBusy, WarehouseUnreadable: as `Warehouse.transaction`.
        """
        run = _Run(self, questions, on_event)
        with self.warehouse.transaction() as connection:
            answered = answered_keys(connection, run.unique)
            entries, latest = cache_size(connection)
            misses = [key for key in run.unique if key not in answered]
            failures = load_failures(connection, misses)
        run.statuses.update(dict.fromkeys(answered, "hit"))
        given_up = {key: past for key, past in failures.items() if past.runs >= self.options.failure_runs}
        for key, past in given_up.items():
            run.fail(key, f"{past.reason}, in {past.runs} runs: {past.last_error}")
        to_ask = [key for key in misses if key not in given_up]
        run.least_calls = run.count_batches(to_ask)
        on_event(
            CacheChecked(
                entries=entries,
                latest=latest,
                rows=len(questions),
                hits=count_rows((q for q in questions if q.key in answered), run.statuses)["hit"],
                to_enrich=sum(run.weights[key] for key in to_ask),
                batches=run.least_calls,
                batch_size=self.options.batch_size,
            )
        )
        if to_ask:
            await run.ask(to_ask)
        return run.report()

    @property
    def fixed_tokens(self) -> int:
        """Estimated input tokens of a request without a topic."""
        return estimate_tokens(self.profile.instructions) + estimate_tokens(str(self.profile.reply_schema))

    def count_batches(self, questions: Sequence[Question]) -> int:
        """The least number of calls for these questions."""
        tokens = self._batch_tokens
        return count_batches(questions, size=self.options.batch_size, tokens=tokens, fixed_tokens=self.fixed_tokens)

    @property
    def _batch_tokens(self) -> int:
        return min(self.options.batch_tokens, self.options.limits.tpm or self.options.batch_tokens)

    def new_pool(self) -> Pool:
        """An empty pool under the limits of this engine."""
        return Pool(size=self.options.batch_size, tokens=self._batch_tokens, fixed_tokens=self.fixed_tokens)


class _Run:
    """The state of one run. Everything here happens in one event loop, but for the recorder's transactions."""

    def __init__(self, engine: Engine, questions: Sequence[Question], on_event: OnEvent) -> None:
        self.id = uuid.uuid4().hex
        self.engine = engine
        self.options = engine.options
        self.questions = questions
        self.unique = {question.key: question for question in questions}
        self.weights = Counter(question.key for question in questions)
        self.statuses: dict[str, Status] = {}
        self.failures: dict[str, str] = {}
        self.least_calls = 0
        self.started = engine.clock.time()
        self._began = utc_now()
        self._on_event = on_event
        self._pool = engine.new_pool()
        self._ready: deque[list[Item]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.Task[None]] = set()
        self._held: set[str] = set()
        self._batches = 0
        self._calls = 0
        self._usable_calls = 0
        self._unusable_streak = 0
        self._streak_began = 0.0
        self._latency_s = 0.0
        self._spent_usd = 0.0
        self._reserved_usd = 0.0
        self._output_tokens_per_topic = 0.0
        self._stop_reason = ""
        self._deferred_until: datetime | None = None
        self._refusal: RoadmapAssetsError | None = None

    def count_batches(self, keys: Sequence[str]) -> int:
        return self.engine.count_batches([self.unique[key] for key in keys])

    def fail(self, key: str, reason: str) -> None:
        self.statuses[key] = "failed"
        self.failures[key] = reason

    # ------------------------------------------------------------------------------------------------ the whole run

    async def ask(self, keys: Sequence[str]) -> None:
        engine = self.engine
        with LeaseHolder(engine.warehouse) as self._holder:
            self._recorder = Recorder(engine.warehouse, self._holder)
            self._limiter = engine.open_limiter()
            self._gemini = engine.open_gemini()
            recording = asyncio.create_task(self._recorder.run())
            try:
                self._claim(keys)
                await self._drain(recording)
            finally:
                for task in (*self._tasks, recording):
                    task.cancel()
                await asyncio.gather(*self._tasks, recording, return_exceptions=True)
                # Blocks the loop for a moment on purpose: on Ctrl-C nothing may come between an answer and its storing.
                self._recorder.flush()
                self._limiter.close()
                await self._gemini.close()
        if self._refusal:
            raise self._refusal

    async def _drain(self, recording: asyncio.Task[None]) -> None:
        while True:
            self._launch()
            if self._stop_reason:
                self._held.clear()
            if not self._tasks and not self._held:
                return
            done, _ = await asyncio.wait(
                {*self._tasks, recording},
                timeout=HELD_POLL_S if self._held else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                self._tasks.discard(task)
                if not task.cancelled():
                    task.result()  # a database that cannot be written, or a fault of ours, ends the run
            if self._held:
                await asyncio.to_thread(self._claim, tuple(self._held))

    def _claim(self, keys: Sequence[str]) -> None:
        """Lease what is free; what another run has leased is looked at again until it is answered or free."""
        with self.engine.warehouse.transaction() as connection:
            claim = self._holder.claim(connection, keys)
            # What failed in another run since we began is not asked once more by us.
            failed = {
                key: past.last_error
                for key, past in load_failures(connection, claim.leased).items()
                if past.failed_at >= self._began
            }
        self._held = set(claim.held)
        self.statuses.update(dict.fromkeys(claim.answered, "hit"))
        for key, reason in failed.items():
            self.fail(key, reason)
        self._pool.add(Item(self.unique[key]) for key in keys if key in claim.leased and key not in failed)

    def _launch(self) -> None:
        while not self._stop_reason and len(self._tasks) < self.options.concurrency:
            batch = (
                self._ready.popleft()
                if self._ready
                else self._pool.take(partial=not self._tasks or self._pool.nothing_asked)
            )
            if not batch:
                return
            self._batches += 1
            self._tasks.add(asyncio.create_task(self._ask_batch(batch, self._batches)))

    # -------------------------------------------------------------------------------------------------- one batch

    async def _ask_batch(self, items: list[Item], batch: int) -> None:
        usable_before = self._usable_calls
        outcome = Outcome(kind="failed")
        for attempt in range(1, self.options.attempts + 1):
            permit = await self._permit(items)
            if permit is None:
                return
            began = time.monotonic()
            outcome, matched = await self._call(items, permit, batch=batch, attempt=attempt)
            if outcome.kind in ("replied", "blocked", "failed"):
                self._settle(items, outcome, matched, batch=batch, began=began)
                return
            if outcome.kind == "refused":
                self._refusal = GeminiRefused(_refusal_text(outcome, self.options.model))
                self._stop(f"Gemini refuses the request: {outcome.detail}")
                return
            if outcome.kind == "day_exhausted":
                until = self._limiter.close_day(permit=permit)
                self._stop(f"the day's quota is used up; it is new at {until:%Y-%m-%d %H:%M %Z}", until=until)
                return
            await self._wait_after(outcome, attempt, batch)
        self._give_up(items, outcome, batch, reached_others=self._usable_calls > usable_before)

    async def _permit(self, items: list[Item]) -> Permit | None:
        """Leave to send, or None when the run stops instead."""
        if self._stop_reason or not self._affordable(items):
            return None
        tokens = self._input_tokens(items)
        try:
            permit = await self._idling(self._limiter.acquire(input_tokens=tokens, on_wait=self._on_quota_wait))
        except DayExhausted as exhausted:
            self._stop(str(exhausted), until=exhausted.until)
            return None
        return None if self._stop_reason else permit

    async def _call(self, items: list[Item], permit: Permit, *, batch: int, attempt: int) -> tuple[Outcome, Matched]:
        """Send one request, and hand its answers and its ledger row to the recorder."""
        questions = [item.question for item in items]
        started_at = utc_now()
        reserved = self._estimated_cost(items) or 0.0
        self._reserved_usd += reserved
        self._calls += 1
        # Stands in the ledger if we are cancelled while it is under way.
        outcome = Outcome(kind="dropped", detail="cancelled by us")
        matched = Matched(answers={}, rejected={}, unknown=0, damage=None)
        try:
            outcome = await self._gemini.ask(questions)
            if outcome.kind == "replied":
                asked = {str(place): question.topic for place, question in enumerate(questions)}
                matched = match_reply(outcome.text, asked=asked, profile=self.engine.profile)
        finally:
            self._reserved_usd -= reserved
            self._record(items, outcome, matched, batch=batch, attempt=attempt, started_at=started_at)
        if outcome.usage.input_tokens:
            self._limiter.settle(permit, input_tokens=outcome.usage.input_tokens)
        return outcome, matched

    def _record(
        self, items: list[Item], outcome: Outcome, matched: Matched, *, batch: int, attempt: int, started_at: datetime
    ) -> None:
        cost = self.engine.prices.cost_usd(outcome.model_version or self.options.model, outcome.usage)
        self._spent_usd += cost or 0.0
        self._latency_s += outcome.latency_s
        if matched.answers:
            written = outcome.usage.output_tokens + outcome.usage.thought_tokens
            self._output_tokens_per_topic = max(self._output_tokens_per_topic, written / len(matched.answers))
        call = Call(
            call_id=uuid.uuid4().hex,
            run_id=self.id,
            batch=batch,
            attempt=attempt,
            rows=len(items),
            answered=len(matched.answers),
            outcome=_ledger_word(outcome, matched, len(items)),
            detail="; ".join(part for part in (outcome.detail, matched.damage) if part)[:500],
            model=self.options.model,
            model_version=outcome.model_version,
            input_tokens=outcome.usage.input_tokens,
            cached_tokens=outcome.usage.cached_tokens,
            output_tokens=outcome.usage.output_tokens,
            thought_tokens=outcome.usage.thought_tokens,
            cost_usd=cost,
            latency_s=outcome.latency_s,
            started_at=started_at,
        )
        answers = tuple(
            Answer(
                key=items[int(place)].question.key,
                topic=items[int(place)].question.topic,
                answer=columns,
                profile=self.engine.profile.name,
                fingerprint=self.engine.profile.fingerprint,
                model=self.options.model,
                model_version=outcome.model_version,
                call_id=call.call_id,
            )
            for place, columns in matched.answers.items()
        )
        self.statuses.update(dict.fromkeys((answer.key for answer in answers), "enriched"))
        self._recorder.put(Record(call=call, answers=answers))

    def _settle(self, items: list[Item], outcome: Outcome, matched: Matched, *, batch: int, began: float) -> None:
        """Sort what a call that came back did not answer."""
        self._watch_for_streak(outcome, matched, began)
        then = recovery.recover(items, outcome, matched, attempts=self.options.attempts)
        self._apply(then)
        if matched.answers:
            self._on_event(BatchEnriched(batch, self._expected_batches, len(items), len(matched.answers)))
        if len(matched.answers) < len(items):
            reason = matched.damage or _why(outcome, matched)
            self._on_event(BatchFailed(batch, self._expected_batches, reason, then.remedy))
        self._tell_progress()
        if self._unusable_streak >= UNUSABLE_STREAK:
            self._give_up_unusable(outcome.detail or matched.damage or "")

    def _give_up(self, items: list[Item], outcome: Outcome, batch: int, *, reached_others: bool) -> None:
        """The attempts are used up: the batch is at fault where others got through, else the provider is."""
        if not reached_others:
            self._stop(f"Gemini does not answer ({outcome.detail})")
        elif outcome.kind == "busy":
            self._ready.append(items)
        else:
            then = recovery.recover_unreached(items, outcome.detail, attempts=self.options.attempts)
            self._on_event(BatchFailed(batch, self._expected_batches, outcome.detail, then.remedy))
            self._apply(then)

    def _give_up_unusable(self, detail: str) -> None:
        """Nothing that comes back is of use: what was asked has failed in this run, the rest is left for another."""
        waiting = [*self._pool.take_all(), *(item for batch in self._ready for item in batch)]
        self._apply(recovery.Recovery(failed=[(item, "unusable") for item in waiting if item.asked]))
        self._stop(f"Gemini's replies are of no use ({detail})")

    def _apply(self, then: recovery.Recovery) -> None:
        self._pool.add(then.again)
        self._ready.extend(then.apart)
        failures = []
        for item, reason in then.failed:
            self.fail(item.question.key, f"{reason}: {item.last_error}")
            failures.append(
                Failure(
                    key=item.question.key,
                    topic=item.question.topic,
                    profile=self.engine.profile.name,
                    model=self.options.model,
                    reason=reason,
                    last_error=item.last_error[:500],
                    attempts=item.asked,
                )
            )
        if failures:
            self._recorder.put(Record(failures=tuple(failures)))

    # ------------------------------------------------------------------------------------------- waiting, stopping

    async def _wait_after(self, outcome: Outcome, attempt: int, batch: int) -> None:
        seconds = recovery.backoff_s(attempt, told_s=outcome.retry_after_s, randomness=self.engine.randomness)
        self._on_event(
            BatchFailed(batch, self._expected_batches, outcome.detail, f"Sending again in {seconds:.1f} s...")
        )
        if outcome.kind == "busy":
            self._limiter.pause(seconds)  # and so for every process that shares the limiter
        else:
            await self._idling(self.engine.clock.sleep(seconds))

    async def _idling(self, waiting: Awaitable[_T]) -> _T:
        """Wait in a way that `_stop` ends: nothing is on the wire."""
        task = asyncio.current_task()
        assert task is not None  # only batches wait like this
        self._idle.add(task)
        try:
            return await waiting
        finally:
            self._idle.discard(task)

    def _stop(self, reason: str, *, until: datetime | None = None) -> None:
        """Ask nothing further; what is on the wire may still be answered, what waits is deferred."""
        if self._stop_reason:
            return
        self._stop_reason, self._deferred_until = reason, until
        self._on_event(Stopped(reason))
        for task in self._idle - {asyncio.current_task()}:
            task.cancel()

    def _watch_for_streak(self, outcome: Outcome, matched: Matched, began: float) -> None:
        """Count calls in a row that brought nothing of use, sent when it was known that the one before did not."""
        if matched.answers or outcome.kind == "blocked":
            self._usable_calls += 1
            self._unusable_streak, self._streak_began = 0, 0.0
        elif not self._streak_began:
            self._unusable_streak, self._streak_began = 1, time.monotonic()
        elif began >= self._streak_began:
            self._unusable_streak += 1

    def _on_quota_wait(self, wait: Wait) -> None:
        if wait.seconds >= 1:
            self._on_event(Waiting(wait.seconds, f"the limiter allows no call yet ({wait.reason})"))

    # -------------------------------------------------------------------------------------------- money and counting

    def _input_tokens(self, items: list[Item]) -> int:
        return self.engine.fixed_tokens + sum(item.question.tokens for item in items)

    def _estimated_cost(self, items: list[Item]) -> float | None:
        per_topic = max(len(self.engine.profile.columns) * OUTPUT_TOKENS_PER_COLUMN, self._output_tokens_per_topic)
        usage = Usage(input_tokens=self._input_tokens(items), output_tokens=math.ceil(len(items) * per_topic))
        return self.engine.prices.cost_usd(self.options.model, usage)

    def _affordable(self, items: list[Item]) -> bool:
        """Whether the call leaves the run within its budget; stops the run where it does not."""
        if self.options.budget_usd is None:
            return True
        planned = self._spent_usd + self._reserved_usd + (self._estimated_cost(items) or 0.0)
        if planned <= self.options.budget_usd:
            return True
        self._stop(
            f"the budget of ${self.options.budget_usd:g} would be passed (spent ${self._spent_usd:.6f}); "
            "raise ROADMAP_BUDGET_USD or run again"
        )
        return False

    @property
    def _expected_batches(self) -> int:
        return max(self.least_calls, self._batches)

    def _tell_progress(self) -> None:
        done = sum(self.weights[key] for key in self.statuses)
        open_calls = -(-len(self.unique.keys() - self.statuses.keys()) // self.options.batch_size)
        latency_s = self._latency_s / max(1, self._calls)
        self._on_event(
            Progress(
                done=done,
                total=len(self.questions),
                hits=sum(self.weights[key] for key, status in self.statuses.items() if status == "hit"),
                calls=self._calls,
                seconds_left=least_seconds(open_calls, 0, self.options.limits, latency_s) if open_calls else 0.0,
            )
        )

    def report(self) -> Report:
        """What the run came to; what has no status by now is deferred."""
        statuses: dict[str, Status] = {key: self.statuses.get(key, "deferred") for key in self.unique}
        with self.engine.warehouse.transaction() as connection:
            spent = spent_in_run(connection, self.id)
        asked = [key for key, status in statuses.items() if status == "enriched"]
        tokens = sum(self.unique[key].tokens for key in asked) + self.least_calls * self.engine.fixed_tokens
        latency_s = self._latency_s / max(1, self._calls)
        return Report(
            run_id=self.id,
            statuses=statuses,
            rows=count_rows(self.questions, statuses),
            failures=self.failures,
            calls=spent.calls,
            least_calls=self.least_calls,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            cost_usd=spent.cost_usd,
            seconds=self.engine.clock.time() - self.started,
            least_seconds=least_seconds(self.least_calls, tokens, self.options.limits, latency_s),
            stop_reason=self._stop_reason,
            deferred_until=self._deferred_until,
        )


def _ledger_word(outcome: Outcome, matched: Matched, rows: int) -> str:
    if outcome.kind != "replied":
        return outcome.kind
    if len(matched.answers) == rows:
        return "answered"
    return "partly_answered" if matched.answers else "unusable"


def _why(outcome: Outcome, matched: Matched) -> str:
    if outcome.kind != "replied":
        return outcome.detail
    kinds = Counter(rejection.kind for rejection in matched.rejected.values())
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _refusal_text(outcome: Outcome, model: str) -> str:
    return (
        f"Gemini refuses the request ({outcome.detail}); nothing was sent again. "
        f"Check GEMINI_API_KEY and ROADMAP_MODEL ({model})"
    )
