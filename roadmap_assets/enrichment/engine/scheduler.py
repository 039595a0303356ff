"""The loop that gets questions answered: workers take a batch, ask it, and sort what is left, until nothing is.

One run asks the misses of all its roadmaps together. At the start everything is sent at once, with the last batch
partly filled, since nothing could fill it. Later a batch that is not full waits as long as any call is in flight, so
that the leftovers of many replies share a call. Suspect batches go behind all others.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import count

from roadmap_assets.enrichment.engine.admission import Admission
from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.call import Calls, Reply
from roadmap_assets.enrichment.engine.claims import Claims
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import BatchEnriched, BatchFailed, OnEvent
from roadmap_assets.enrichment.engine.outage import Health, judge_isolated, judge_unanswered
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.enrichment.engine.recovery import MAX_WAIT_S, Recovery, backoff_s, recover, recover_unanswered
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.engine.tier import Tier
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, Limiter
from roadmap_assets.enrichment.providers.base import Outcome, Provider
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.warehouse.enrichments import Failure
from roadmap_assets.warehouse.leases import LeaseHolder

HELD_POLL_S = 0.5
"""How often a run checks whether another run has answered the keys that it holds."""


async def ask_all(keys: Sequence[str], config: EngineConfig, tally: Tally, on_event: OnEvent) -> Stop:
    """Settle these keys in `tally`, or stop with some of them open: the result says why. Raises as `Engine.run`."""
    stop = Stop(on_event)
    async with AsyncExitStack() as stack:
        holder = stack.enter_context(LeaseHolder(config.warehouse, ttl_s=config.lease_s))
        limiter = config.open_limiter()
        stack.callback(limiter.close)
        provider = config.open_provider()
        stack.push_async_callback(provider.close)
        recorder = Recorder(config.warehouse, holder)
        claims = Claims(config.warehouse, holder, tally)
        await Scheduler(config, tally, stop, on_event, claims, recorder, limiter, provider).run(keys)
    if stop.error:
        raise stop.error
    return stop


class Scheduler:
    """The state of one run's batches. Everything happens in one event loop, except for transactions."""

    def __init__(
        self,
        config: EngineConfig,
        tally: Tally,
        stop: Stop,
        on_event: OnEvent,
        claims: Claims,
        recorder: Recorder,
        limiter: Limiter,
        provider: Provider,
    ) -> None:
        self._config = config
        self._tally = tally
        self._stop = stop
        self._on_event = on_event
        self._claims = claims
        self._recorder = recorder
        self._limiter = limiter
        self._provider = provider
        self._admission = Admission(config, tally, stop, on_event, limiter=limiter)
        self._calls = Calls(config, tally, recorder)
        self._tier = Tier(config, stop, on_event)
        self._health = Health()
        self._pool = config.new_pool()
        self._suspect: deque[list[Item]] = deque()
        self._isolated: list[tuple[list[Item], str]] = []
        self._batches = 0
        self._in_flight = 0
        self._changed = asyncio.Condition()

    async def run(self, keys: Sequence[str]) -> None:
        """Ask these keys until all are settled or the run stops."""
        try:
            self._pool.add(await self._claims.claim(Item(self._tally.unique[key]) for key in keys))
            async with asyncio.TaskGroup() as tasks:
                parts = (self._recorder.keep_storing(), self._await_held())
                background = [tasks.create_task(self._stop.on_error(part)) for part in parts]
                work = (self._work() for _ in range(min(self._config.concurrency, len(keys))))
                workers = [tasks.create_task(self._stop.on_error(part)) for part in work]
                await asyncio.wait(workers)
                for task in background:
                    task.cancel()
        except BaseExceptionGroup as failures:  # a bug ends the run
            raise failures.exceptions[0] from None
        finally:
            self._recorder.close()

    async def _work(self) -> None:
        """Ask one batch after another: a connection that is free is used at once."""
        while batch := await self.next_batch():
            self._batches += 1
            number = self._batches
            try:
                await self._ask(batch, number)
            finally:
                self._admission.connection.release(number)
                async with self._changed:
                    self._in_flight -= 1
                    self._changed.notify_all()

    async def next_batch(self) -> list[Item]:
        """The next batch to ask, waited for; it counts as in flight from now on. Empty when the run is over."""
        async with self._changed:
            while not (batch := self._choose_batch()) and not self._over:
                await self._stop.interruptible(self._changed.wait())
            self._in_flight += bool(batch)
            return batch

    @property
    def _over(self) -> bool:
        return self._stop.requested or not (self._in_flight or self._claims.held)

    def _choose_batch(self) -> list[Item]:
        """What to ask now; empty when there is nothing, or when it is better to wait for what is in flight."""
        if self._stop.requested:
            return []
        if not self._health.unanswered_batches:
            self._divide_isolated()
        idle = not self._in_flight
        if batch := self._pool.take(partial=self._pool.nothing_asked or (idle and not self._suspect)):
            return batch
        if idle and not self._suspect:
            self._divide_isolated()
        return self._suspect.popleft() if self._suspect and not self._stop.requested else []

    async def _await_held(self) -> None:
        """Ask the keys that another run holds as soon as it lets go of them, unless it answers them."""
        while not self._stop.requested:
            await self._stop.interruptible(asyncio.sleep(HELD_POLL_S))
            self._claims.check_generation()
            if not self._claims.held:
                continue
            items = await self._claims.claim(Item(self._tally.unique[key]) for key in self._claims.held)
            async with self._changed:
                self._pool.add(items)
                self._changed.notify_all()

    # -------------------------------------------------------------------------------------------------- one batch

    async def _ask(self, items: list[Item], batch: int) -> None:
        """Send a batch until there is a reply, at most `attempts` times without those that the flex tier refused."""
        usable_before = self._health.usable_replies
        outcome = Outcome(kind="cancelled")
        refused = 0
        for sending in count(1):
            attempt = sending - refused
            if attempt > self._config.attempts:
                break
            if sending > 1 or not self._claims.are_current(items):
                # Another run may have answered them while this one waited, or was suspended.
                items = await self._claims.claim(items)
                if not items:
                    self._report_progress()
                    return
            service = self._tier.service
            asked = [item.question for item in items]
            async with self._admission.admit(asked, batch=batch, service=service) as admitted:
                if admitted is None:
                    return
                sent_at = time.monotonic()
                reply = await self._calls.make(
                    self._provider,
                    asked,
                    batch=batch,
                    attempt=sending,
                    estimated_usd=admitted.reserved_usd,
                    on_sending=self._admission.connection.record_success,
                    service=service,
                )
                self._admission.record(admitted, reply.outcome, batch=batch)
            self._tier.record(reply.outcome)
            outcome = reply.outcome
            match outcome.kind:
                case "replied" | "blocked" | "failed":
                    self._settle(items, reply, batch, sent_at=sent_at)
                case "refused":
                    self._refuse(outcome)
                case "day_exhausted":
                    until = self._limiter.close_day(permit=admitted.permit)
                    self._stop.request(
                        f"the day's quota is used up; it resets at {until:%Y-%m-%d %H:%M %Z}", until=until
                    )
                case "shed":
                    refused += 1
                    await self._back_off(outcome, refused, batch)
                    if not self._stop.requested:
                        continue
                case _ if (outcome.retry_after_s or 0) > MAX_WAIT_S:
                    self._defer(outcome)
                case _:
                    await self._back_off(outcome, attempt, batch)
                    if not self._stop.requested:
                        continue
            return
        self._set_aside(items, outcome, batch, others_answered=self._health.usable_replies > usable_before)

    async def _back_off(self, outcome: Outcome, attempt: int, batch: int) -> None:
        """Wait before the next attempt; after the last one, only pause the limiter if the quota is used up."""
        seconds = backoff_s(attempt, requested_s=outcome.retry_after_s, randomness=self._config.randomness)
        if outcome.kind == "busy":
            self._limiter.pause(seconds)  # and so for every process that shares the limiter
        more = outcome.kind == "shed" or attempt < self._config.attempts
        if more and not self._stop.requested:
            self._report_failed(batch, outcome.detail, f"Sending again in {seconds:.1f} s...")
            if outcome.kind != "busy":
                await self._stop.interruptible(self._config.clock.sleep(seconds))

    def _settle(self, items: list[Item], reply: Reply, batch: int, *, sent_at: float) -> None:
        """Decide what happens to the questions that a reply did not answer."""
        answered = len(reply.matched.answers)
        if answered or reply.outcome.kind == "blocked":
            self._health.record_usable(sent_at=sent_at)
        else:
            self._health.record_useless(sent_at=sent_at, now=time.monotonic())
        recovery = recover(items, reply.outcome, reply.matched, attempts=self._config.attempts)
        self._apply(recovery)
        if answered:
            self._on_event(BatchEnriched(batch, self._expected_batches, len(items), answered))
        if answered < len(items):
            self._report_failed(batch, reply.reason, recovery.remedy)
        self._report_progress()
        if self._health.replies_are_useless and not self._stop.requested:
            self._stop_useless(reply)

    def _apply(self, recovery: Recovery) -> None:
        self._pool.add(recovery.again)
        self._suspect.extend(recovery.apart)
        for item, reason in recovery.failed:
            self._tally.fail(item.question.key, f"{reason}: {item.last_error}")
        profile, model = self._config.profile.name, self._config.model
        failures = tuple(
            Failure(item.question.key, item.question.topic, profile, model, reason, item.last_error, item.asked)
            for item, reason in recovery.failed
        )
        if failures:
            self._recorder.put(Record(failures=failures))

    # ----------------------------------------------------------------------------------- no reply, or a useless one

    def _refuse(self, outcome: Outcome) -> None:
        error = GeminiRefused(
            f"Gemini refuses the request ({outcome.detail}); nothing was sent again. "
            f"Check GEMINI_API_KEY and ROADMAP_MODEL ({self._config.model})"
        )
        self._stop.request(f"Gemini refuses the request: {outcome.detail}", error=error)

    def _defer(self, outcome: Outcome) -> None:
        opens_at = self._config.clock.time() + (outcome.retry_after_s or 0)
        until = datetime.fromtimestamp(opens_at, PROVIDER_ZONE)
        self._stop.request(f"Gemini asks to wait until {until:%Y-%m-%d %H:%M %Z} ({outcome.detail})", until=until)

    def _set_aside(self, items: list[Item], outcome: Outcome, batch: int, *, others_answered: bool) -> None:
        """Decide about a batch whose attempts are used up without a reply."""
        reachable = outcome.sent or self._admission.connection.works
        unanswered = self._health.unanswered_batches + (not others_answered)
        verdict = judge_unanswered(
            outcome.kind, reachable=reachable, others_answered=others_answered, unanswered_batches=unanswered
        )
        if verdict == "requeue":
            self._suspect.append(items)
            return
        self._report_failed(batch, outcome.detail, "Trying others first..." if reachable else "")
        if reachable:
            self._health.unanswered_batches = unanswered
            self._isolated.append((items, outcome.detail))
        if verdict == "stop":
            self._stop.request(f"Gemini {'does not answer' if reachable else 'cannot be reached'} ({outcome.detail})")

    def _divide_isolated(self) -> None:
        """Bisect the batches that got no reply."""
        for items, detail in self._isolated:
            verdict = judge_isolated(len(items), others_answered=not self._health.unanswered_batches)
            if verdict == "stop":
                self._stop.request(f"Gemini does not answer ({detail})")
            else:
                self._apply(recover_unanswered(items, detail, attempts=self._config.attempts))
        self._isolated.clear()

    def _stop_useless(self, reply: Reply) -> None:
        """Stop; questions that were asked have failed, unless no reply came from Gemini, as behind a login page."""
        if self._health.usable_replies or reply.outcome.model_version:
            waiting = [*self._pool.take_all(), *(item for batch in self._suspect for item in batch)]
            self._suspect.clear()
            self._apply(Recovery(failed=[(item, "unusable") for item in waiting if item.asked]))
        self._stop.request(f"Gemini's replies are of no use ({reply.reason})")

    @property
    def _expected_batches(self) -> int:
        return max(self._tally.plan.calls, self._batches)

    def _report_progress(self) -> None:
        to_send = self._tally.open_calls - (self._in_flight - 1)  # the call that this is about is not yet taken off
        wait_s = self._limiter.forecast(to_send) if self._config.limits.rpm else 0.0
        self._on_event(self._tally.progress(wait_s=wait_s))

    def _report_failed(self, batch: int, reason: str, remedy: str) -> None:
        self._on_event(BatchFailed(batch, self._expected_batches, reason, "" if self._stop.requested else remedy))
