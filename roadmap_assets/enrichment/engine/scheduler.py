"""The loop that gets questions answered: lease, pack, ask, recover, until nothing is left or it is time to stop.

One run asks the misses of all its roadmaps together. What it has at the start it sends at once, the last batch not
full, since nothing could come to fill it. Later a batch that is not full waits for as long as anything is under way
that could fill it, so that the stragglers of many replies share a call. What is suspect goes behind what is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.call import Attempt, Caller
from roadmap_assets.enrichment.engine.circuit import Circuit
from roadmap_assets.enrichment.engine.events import BatchEnriched, BatchFailed, OnEvent
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.enrichment.engine.recovery import MAX_WAIT_S, Recovery, backoff_s, recover, recover_unreached
from roadmap_assets.enrichment.engine.stopping import Stop, Streaks
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.engine.terms import Terms
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.warehouse.enrichments import Failure, load_failures
from roadmap_assets.warehouse.leases import Claim, LeaseHolder
from roadmap_assets.warehouse.rows import utc_now

HELD_POLL_S = 0.5
"""How often we look whether another run has answered what it holds."""


class Run:
    """The state of one run. Everything here happens in one event loop, but for the transactions."""

    def __init__(self, terms: Terms, tally: Tally, on_event: OnEvent) -> None:
        self.stop = Stop(on_event)
        self._terms = terms
        self._options = terms.options
        self._tally = tally
        self._on_event = on_event
        self._began = utc_now()
        self._streaks = Streaks()
        self._pool = terms.new_pool()
        self._suspect: deque[list[Item]] = deque()
        self._unreached: list[tuple[list[Item], str]] = []
        self._circuit = Circuit()
        self._workers: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._woken = asyncio.Event()
        self._held: frozenset[str] = frozenset()
        self._batches = 0
        self._refusal = ""

    async def ask(self, keys: Sequence[str]) -> None:
        """Get these keys answered, or given up, or stop with some of them left. Raises as `Engine.run`."""
        terms = self._terms
        async with AsyncExitStack() as stack:
            self._holder = stack.enter_context(LeaseHolder(terms.warehouse))
            self._limiter = terms.open_limiter()
            stack.callback(self._limiter.close)
            provider = terms.open_provider()
            stack.push_async_callback(provider.close)
            self._recorder = Recorder(terms.warehouse, self._holder)
            recording = await stack.enter_async_context(self._recorder.storing())
            self._caller = Caller(
                terms,
                self._tally,
                self.stop,
                limiter=self._limiter,
                provider=provider,
                circuit=self._circuit,
                recorder=self._recorder,
            )
            try:
                await self._claim(keys)
                await self._drain(recording)
            finally:
                for worker in self._workers:
                    worker.cancel()
                await asyncio.gather(*self._workers, return_exceptions=True)
        if self._refusal:
            raise GeminiRefused(self._refusal)

    # ------------------------------------------------------------------------------------------ what is asked when

    async def _drain(self, recording: asyncio.Task[None]) -> None:
        recording.add_done_callback(lambda _: self._woken.set())
        while True:
            self._woken.clear()  # before we look who has ended: whoever ends from here on wakes us
            for task in [recording, *self._workers]:
                if task.done() and not task.cancelled():
                    task.result()  # a database that cannot be written, or a fault of ours, ends the run
            self._workers = {worker for worker in self._workers if not worker.done()}
            self._launch()
            if not self._workers and (self.stop or not self._held):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HELD_POLL_S if self._held else None):
                    await self._woken.wait()
            if self._held and not self.stop:
                await self._claim(self._held)

    async def _claim(self, keys: Iterable[str]) -> None:
        """Lease what is free; what another run has leased is looked at again until it is answered or free."""
        claim, failed = await asyncio.to_thread(self._lease, tuple(keys))
        self._held = claim.held
        for key in claim.answered:
            self._tally.settle(key, "hit")
        for key, reason in failed.items():
            self._tally.fail(key, reason)
        wanted = claim.leased - failed.keys()
        self._pool.add(Item(self._tally.unique[key]) for key in keys if key in wanted)

    def _lease(self, keys: Sequence[str]) -> tuple[Claim, dict[str, str]]:
        """The claim, and those of its leased keys that failed in another run since we began: not asked once more."""
        with self._terms.warehouse.transaction() as connection:
            claim = self._holder.claim(connection, keys)
            past = load_failures(connection, claim.leased)
        return claim, {key: failure.last_error for key, failure in past.items() if failure.failed_at >= self._began}

    def _launch(self) -> None:
        while len(self._workers) < self._options.concurrency and (batch := self._next_batch()):
            worker = asyncio.create_task(self._work(batch))
            worker.add_done_callback(lambda _: self._woken.set())
            self._workers.add(worker)

    async def _work(self, batch: list[Item]) -> None:
        """Ask one batch after another, for as long as there is one: a connection that is free is used at once."""
        while batch:
            self._batches += 1
            number = self._batches
            try:
                await self._ask_batch(batch, number)
            finally:
                self._circuit.leave(number)
                self._under_way -= 1
            batch = self._next_batch()
            self._launch()  # a reply may leave more than one batch behind

    def _next_batch(self) -> list[Item]:
        """What to ask next, which is under way from now on; nothing when there is nothing, or when it is better to
        wait for what is under way."""
        batch = [] if self.stop else self._choose_batch()
        self._under_way += bool(batch)
        return batch

    def _choose_batch(self) -> list[Item]:
        if not self._streaks.unreached:
            self._divide_unreached()
        idle = not self._under_way
        partial = self._pool.nothing_asked or (idle and not self._suspect)
        if batch := self._pool.take(partial=partial):
            return batch
        if idle and not self._suspect:
            self._divide_unreached()
        return self._suspect.popleft() if self._suspect and not self.stop else []

    # -------------------------------------------------------------------------------------------------- one batch

    async def _ask_batch(self, items: list[Item], batch: int) -> None:
        questions = [item.question for item in items]
        usable_before = self._streaks.usable
        last = self._options.attempts
        for attempt in range(1, last + 1):
            made = await self._caller.attempt(questions, batch=batch, attempt=attempt, on_event=self._on_event)
            if made is None:
                return
            outcome = made.outcome
            if outcome.kind in ("replied", "blocked", "failed"):
                self._settle(items, made, batch)
                return
            if outcome.kind == "refused":
                self._refuse(outcome)
            elif outcome.kind == "day_exhausted":
                until = self._limiter.close_day(permit=made.permit)
                self.stop(f"the day's quota is used up; it is new at {until:%Y-%m-%d %H:%M %Z}", until=until)
            elif outcome.retry_after_s is not None and outcome.retry_after_s > MAX_WAIT_S:
                now = self._terms.clock.time()
                until = datetime.fromtimestamp(now + outcome.retry_after_s, PROVIDER_ZONE)
                self.stop(f"Gemini asks to wait until {until:%Y-%m-%d %H:%M %Z} ({outcome.detail})", until=until)
            else:
                await self._back_off(outcome, attempt, batch)
            if self.stop:
                return
        self._give_up(items, outcome, batch, got_through=self._streaks.usable > usable_before)

    async def _back_off(self, outcome: Outcome, attempt: int, batch: int) -> None:
        """Wait before the next attempt at a batch; after its last one, only tell others about a full quota."""
        seconds = backoff_s(attempt, told_s=outcome.retry_after_s, randomness=self._terms.randomness)
        if outcome.kind == "busy":
            self._limiter.pause(seconds)  # and so for every process that shares the limiter
        if attempt < self._options.attempts and not self.stop:
            self._tell_failed(batch, outcome.detail, f"Sending again in {seconds:.1f} s...")
            if outcome.kind != "busy":
                await self.stop.waiting(self._terms.clock.sleep(seconds))

    def _settle(self, items: list[Item], made: Attempt, batch: int) -> None:
        """Sort what a call that came back did not answer."""
        answered = len(made.matched.answers)
        if answered or made.outcome.kind == "blocked":
            self._streaks.broken(sent_at=made.sent_at)
        else:
            self._streaks.count_unusable(sent_at=made.sent_at, now=time.monotonic())
        then = recover(items, made.outcome, made.matched, attempts=self._options.attempts)
        self._apply(then)
        if answered:
            self._on_event(BatchEnriched(batch, self._expected_batches, len(items), answered))
        if answered < len(items):
            self._tell_failed(batch, made.reason, then.remedy)
        self._on_event(self._tally.progress)
        if self._streaks.replies_are_useless and not self.stop:
            self._give_up_useless(made)

    def _apply(self, then: Recovery) -> None:
        self._pool.add(then.again)
        self._suspect.extend(then.apart)
        failures = []
        for item, reason in then.failed:
            self._tally.fail(item.question.key, f"{reason}: {item.last_error}")
            failures.append(
                Failure(
                    key=item.question.key,
                    topic=item.question.topic,
                    profile=self._terms.profile.name,
                    model=self._options.model,
                    reason=reason,
                    last_error=item.last_error,
                    attempts=item.asked,
                )
            )
        if failures:
            self._recorder.put(Record(failures=tuple(failures)))

    # ------------------------------------------------------------------------------------------------- giving up

    def _refuse(self, outcome: Outcome) -> None:
        self._refusal = (
            f"Gemini refuses the request ({outcome.detail}); nothing was sent again. "
            f"Check GEMINI_API_KEY and ROADMAP_MODEL ({self._options.model})"
        )
        self.stop(f"Gemini refuses the request: {outcome.detail}")

    def _give_up(self, items: list[Item], outcome: Outcome, batch: int, *, got_through: bool) -> None:
        """A batch's attempts are used up. It is at fault where others got through, else the provider may be."""
        if not (outcome.sent or self._circuit.closed):
            self._tell_failed(batch, outcome.detail, "")
            self.stop(f"Gemini cannot be reached ({outcome.detail})")
            return
        if got_through and outcome.kind == "busy":
            self._suspect.append(items)
            return
        self._tell_failed(batch, outcome.detail, "Trying others first...")
        self._unreached.append((items, outcome.detail))
        if not got_through:
            self._streaks.unreached += 1
            if self._streaks.nobody_answers or outcome.kind == "busy":
                self.stop(f"Gemini does not answer ({outcome.detail})")

    def _divide_unreached(self) -> None:
        """Ask the batches that got no answer in smaller ones. A single topic has failed, if others got through."""
        for items, detail in self._unreached:
            if len(items) == 1 and self._streaks.unreached:
                self.stop(f"Gemini does not answer ({detail})")
            else:
                self._apply(recover_unreached(items, detail, attempts=self._options.attempts))
        self._unreached.clear()

    def _give_up_useless(self, made: Attempt) -> None:
        """What comes back is of no use. What was asked has failed, unless no reply of this run was Gemini's own, as
        behind a login page; what was not asked is left for another run."""
        if self._streaks.usable or made.outcome.model_version:
            waiting = [*self._pool.take_all(), *(item for batch in self._suspect for item in batch)]
            self._suspect.clear()
            self._apply(Recovery(failed=[(item, "unusable") for item in waiting if item.asked]))
        self.stop(f"Gemini's replies are of no use ({made.reason})")

    # ------------------------------------------------------------------------------------------------ what is told

    @property
    def _expected_batches(self) -> int:
        return max(self._tally.plan.calls, self._batches)

    def _tell_failed(self, batch: int, reason: str, remedy: str) -> None:
        self._on_event(BatchFailed(batch, self._expected_batches, reason, "" if self.stop else remedy))
