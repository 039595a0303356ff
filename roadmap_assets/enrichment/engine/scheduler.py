"""The loop that gets questions answered: workers take a batch, ask it, and sort what is left, until nothing is.

One run asks the misses of all its roadmaps together. At the start everything is sent at once, with the last batch
partly filled, since nothing could fill it. Later a batch that is not full waits as long as any call is in flight, so
that the leftovers of many replies share a call. Suspect batches go behind all others.

A question that has been asked without an answer is asked of the fallback model, if there is one. A fallback that
takes no calls is left out for the rest of the run: it must never keep the first model from answering.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from itertools import count

from roadmap_assets.enrichment.engine.admission import ModelClosed
from roadmap_assets.enrichment.engine.batching import Backlog, Item
from roadmap_assets.enrichment.engine.call import Reply
from roadmap_assets.enrichment.engine.claims import Claims, in_parts
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import BatchEnriched, BatchFailed, OnEvent
from roadmap_assets.enrichment.engine.outage import Health, judge_isolated, judge_unanswered
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.enrichment.engine.recovery import Recovery, backoff_s, recover, recover_unanswered
from roadmap_assets.enrichment.engine.route import Route
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.engine.tier import Tier
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.warehouse.enrichments import Failure

HELD_POLL_S = 0.5
"""How often a run checks whether another run has answered the keys that it holds."""


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
        route: Route,
        fallback: Route | None = None,
    ) -> None:
        self._config = config
        self._tally = tally
        self._stop = stop
        self._on_event = on_event
        self._claims = claims
        self._recorder = recorder
        self._first = route
        self._fallback = fallback
        self._tier = Tier(config, stop, on_event)
        self._health = Health()
        self._backlog = Backlog(config.new_pool(), config.new_pool() if fallback else None)
        self._isolated: list[tuple[list[Item], str]] = []
        self._batches = 0
        self._in_flight = 0
        self._claiming = True
        self._changed = asyncio.Condition()

    async def run(self, keys: Sequence[str]) -> None:
        """Ask these keys until all are settled or the run stops."""
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = (self._recorder.keep_storing(), self._await_held())
                background = [tasks.create_task(self._stop.on_error(part)) for part in parts]
                workers = (self._work() for _ in range(min(self._config.concurrency, len(keys))))
                work = [tasks.create_task(self._stop.on_error(part)) for part in (self._claim_all(keys), *workers)]
                await asyncio.wait(work)
                for task in background:
                    task.cancel()
        except BaseExceptionGroup as failures:  # a bug ends the run
            raise failures.exceptions[0] from None
        finally:
            self._recorder.close()

    async def _claim_all(self, keys: Sequence[str]) -> None:
        """Claim the keys of the run; what is claimed is asked at once."""
        await self._claim(keys)
        self._claiming = False
        await self._add([])

    async def _claim(self, keys: Collection[str]) -> None:
        items = [Item(self._tally.unique[key]) for key in keys]
        self._config.warehouse.require_room(answers=len(items))  # before they are paid for
        for part in in_parts(items):
            await self._add(await self._claims.claim(part))
            if self._stop.requested:
                return

    async def _add(self, items: list[Item]) -> None:
        async with self._changed:
            self._backlog.add(items)
            self._changed.notify_all()

    async def _work(self) -> None:
        """Ask one batch after another: a connection that is free is used at once."""
        while batch := await self.next_batch():
            self._batches += 1
            number = self._batches
            try:
                await self._ask(batch, number)
            finally:
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
        return self._stop.requested or not (self._claiming or self._in_flight or self._claims.held)

    def _choose_batch(self) -> list[Item]:
        """What to ask now; empty when there is nothing, or when it is better to wait for what is in flight."""
        if self._stop.requested:
            return []
        if not self._health.unanswered_batches:
            self._divide_isolated()
        idle = not (self._claiming or self._in_flight)
        if batch := self._backlog.take(idle=idle, more=self._claiming):
            return batch
        if idle and not self._backlog.has_suspects:
            self._divide_isolated()
        return [] if self._stop.requested else self._backlog.take_suspect()

    async def _await_held(self) -> None:
        """Ask the keys that another run holds as soon as it lets go of them, unless it answers them."""
        while not self._stop.requested:
            await self._stop.interruptible(asyncio.sleep(HELD_POLL_S))
            self._claims.check_generation()
            if self._claims.held:
                await self._claim(self._claims.held)

    # -------------------------------------------------------------------------------------------------- one batch

    async def _ask(self, items: list[Item], batch: int) -> None:
        """Ask a batch of the first model or, if it has been asked without an answer, of the fallback."""
        route = self._fallback if self._fallback and items[0].asked else self._first
        try:
            await self._send(items, batch, route)
        except ModelClosed as closed:
            if route is self._first:
                self._stop.request(str(closed), until=closed.until)
            else:
                self._report_failed(batch, f"{route.model}: {closed}", f"Asking {self._first.model} instead...")
                self._fallback = None
                self._backlog.add_suspect(items)
        finally:
            route.admission.connection.release(batch)

    async def _send(self, items: list[Item], batch: int, route: Route) -> None:
        """Send a batch until there is a reply, at most `attempts` times without those that the flex tier refused.

        Removes the items that another run has answered meanwhile. Raises ModelClosed, with the rest still to be asked.
        """
        usable_before = self._health.usable_replies
        outcome = Outcome(kind="cancelled")
        refused = 0
        for sending in count(1):
            attempt = sending - refused
            if attempt > self._config.attempts:
                break
            if sending > 1 or not self._claims.are_current(items):
                # Another run may have answered them while this one waited, or was suspended.
                items[:] = await self._claims.claim(items)
                if not items:
                    self._report_progress()
                    return
            questions = [item.question for item in items]
            sent = await route.send(questions, batch=batch, attempt=sending, service=self._tier.service)
            if sent is None:
                return
            outcome = sent.reply.outcome
            self._tier.record(outcome)
            if closed := route.closed_by(outcome, sent.permit, now=self._config.clock.time()):
                raise closed
            match outcome.kind:
                case "replied" | "blocked" | "failed":
                    self._settle(items, sent.reply, batch, sent_at=sent.sent_at)
                case "refused":
                    setting = "ROADMAP_MODEL" if route is self._first else "ROADMAP_FALLBACK_MODEL"
                    self._stop.request(
                        f"Gemini refuses the request: {outcome.detail}", error=route.refusal(outcome, setting)
                    )
                case kind:
                    refused += kind == "shed"
                    await self._back_off(outcome, refused if kind == "shed" else attempt, batch, route)
                    if not self._stop.requested:
                        continue
            return
        if route is not self._first:
            raise ModelClosed(f"no answer ({outcome.detail})")
        self._set_aside(items, outcome, batch, others_answered=self._health.usable_replies > usable_before)

    async def _back_off(self, outcome: Outcome, attempt: int, batch: int, route: Route) -> None:
        """Wait before the next attempt; after the last one, only pause the limiter if the quota is used up."""
        seconds = backoff_s(attempt, requested_s=outcome.retry_after_s, randomness=self._config.randomness)
        if outcome.kind == "busy":
            route.limiter.pause(seconds)  # and so for every process that shares the limiter
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
        self._backlog.add(recovery.again)
        self._backlog.add_suspect(*recovery.apart)
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

    def _set_aside(self, items: list[Item], outcome: Outcome, batch: int, *, others_answered: bool) -> None:
        """Decide about a batch whose attempts are used up without a reply."""
        reachable = outcome.sent or self._first.admission.connection.works
        unanswered = self._health.unanswered_batches + (not others_answered)
        verdict = judge_unanswered(
            outcome.kind, reachable=reachable, others_answered=others_answered, unanswered_batches=unanswered
        )
        if verdict == "requeue":
            self._backlog.add_suspect(items)
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
            self._apply(Recovery(failed=[(item, "unusable") for item in self._backlog.take_all() if item.asked]))
        self._stop.request(f"Gemini's replies are of no use ({reply.reason})")

    @property
    def _expected_batches(self) -> int:
        return max(self._tally.plan.calls, self._batches)

    def _report_progress(self) -> None:
        to_send = self._tally.open_calls - (self._in_flight - 1)  # the call that this is about is not yet taken off
        wait_s = self._first.limiter.forecast(to_send) if self._config.limits.rpm else 0.0
        self._on_event(self._tally.progress(wait_s=wait_s))

    def _report_failed(self, batch: int, reason: str, remedy: str) -> None:
        self._on_event(BatchFailed(batch, self._expected_batches, reason, "" if self._stop.requested else remedy))
