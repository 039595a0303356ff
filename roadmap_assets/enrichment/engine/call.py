"""One attempt at a batch: money and permit first, then the call, then its row in the ledger with what it brought."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from roadmap_assets.enrichment.engine.circuit import Circuit
from roadmap_assets.enrichment.engine.events import OnEvent, Waiting
from roadmap_assets.enrichment.engine.recorder import Record, Recorder
from roadmap_assets.enrichment.engine.stopping import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.engine.terms import Terms
from roadmap_assets.enrichment.limiter.base import DayExhausted, Limiter, Permit, Wait
from roadmap_assets.enrichment.providers.base import Outcome, Provider
from roadmap_assets.enrichment.providers.reply import Matched, match_reply
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.warehouse.enrichments import Answer
from roadmap_assets.warehouse.ledger import Call
from roadmap_assets.warehouse.rows import utc_now

_UNANSWERED = Matched(answers={}, rejected={}, unknown=0, damage=None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt brought; `sent_at` is monotonic."""

    outcome: Outcome
    matched: Matched
    permit: Permit
    sent_at: float

    @property
    def reason(self) -> str:
        """Why not everything was answered, in words."""
        if self.outcome.kind != "replied":
            return self.outcome.detail
        if self.matched.damage:
            return self.matched.damage
        kinds = [rejection.kind for rejection in self.matched.rejected.values()]
        return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


class Caller:
    """Makes a run's attempts."""

    def __init__(
        self,
        terms: Terms,
        tally: Tally,
        stop: Stop,
        *,
        limiter: Limiter,
        provider: Provider,
        circuit: Circuit,
        recorder: Recorder,
    ) -> None:
        self._terms = terms
        self._tally = tally
        self._stop = stop
        self._limiter = limiter
        self._provider = provider
        self._circuit = circuit
        self._recorder = recorder
        self._released = asyncio.Event()

    async def attempt(
        self, questions: Sequence[Question], *, batch: int, attempt: int, on_event: OnEvent
    ) -> Attempt | None:
        """Ask once, as soon as budget and quota allow; None when the run stops instead."""
        # First of all, since what is set aside or granted while we wait here would be missing to the one who tries.
        await self._stop.waiting(self._circuit.passed(batch))
        estimated_usd = await self._reserve(questions)
        if estimated_usd is None:
            return None
        try:
            permit = await self._permit(questions, on_event)
            if permit is None:
                return None
            return await self._send(questions, permit, batch=batch, attempt=attempt, estimated_usd=estimated_usd)
        finally:
            self._tally.reserve(-estimated_usd)
            self._released.set()
            self._released = asyncio.Event()

    async def _reserve(self, questions: Sequence[Question]) -> float | None:
        """Set the call's cost aside. Stops the run where it would pass the budget, whatever those under way cost."""
        budget = self._terms.options.budget_usd
        while not self._stop:
            usd = self._tally.estimated_usd(questions)
            if usd is None and budget is not None:
                self._stop(f"there is a budget, but the price of {self._terms.options.model} is unknown")
            elif (usd or 0.0) <= self._tally.left_usd(reserved=True):
                self._tally.reserve(usd or 0.0)
                return usd or 0.0
            elif (usd or 0.0) <= self._tally.left_usd(reserved=False):
                await self._stop.waiting(self._released.wait())
            else:
                self._stop(f"the next call could pass the budget of ${budget:g}; raise ROADMAP_BUDGET_USD or run again")
        return None

    async def _permit(self, questions: Sequence[Question], on_event: OnEvent) -> Permit | None:
        """Leave to send, or None when the run stops instead."""

        def on_wait(wait: Wait) -> None:
            if wait.seconds >= 1:
                on_event(Waiting(wait.seconds, f"the limiter allows no call yet ({wait.reason})"))

        acquiring = self._limiter.acquire(input_tokens=self._tally.input_tokens(questions), on_wait=on_wait)
        try:
            permit = await self._stop.waiting(acquiring)
        except DayExhausted as exhausted:
            self._stop(str(exhausted), until=exhausted.until)
            return None
        return None if self._stop else permit

    async def _send(
        self, questions: Sequence[Question], permit: Permit, *, batch: int, attempt: int, estimated_usd: float
    ) -> Attempt:
        """Send the request, and hand its answers and its ledger row to the recorder, cancelled or not."""
        sent_at, started_at = time.monotonic(), utc_now()
        outcome, matched = None, _UNANSWERED
        try:
            outcome = await self._provider.ask(questions, on_sending=self._circuit.close)
            if not outcome.sent:
                self._circuit.trip(batch)
            if outcome.kind == "replied":
                asked = {str(place): question.topic for place, question in enumerate(questions)}
                matched = match_reply(outcome.text, asked=asked, profile=self._terms.profile)
        finally:
            seen = outcome or Outcome(kind="cancelled", latency_s=time.monotonic() - sent_at)
            call = Call(
                call_id=uuid.uuid4().hex,
                run_id=self._tally.run_id,
                batch=batch,
                attempt=attempt,
                rows=len(questions),
                answered=len(matched.answers),
                outcome=_ledger_word(seen, matched, len(questions)),
                detail="; ".join(part for part in (seen.detail, matched.damage) if part),
                model=self._terms.options.model,
                model_version=seen.model_version,
                input_tokens=seen.usage.input_tokens,
                cached_tokens=seen.usage.cached_tokens,
                output_tokens=seen.usage.output_tokens,
                thought_tokens=seen.usage.thought_tokens,
                cost_usd=self._terms.prices.cost_usd(seen.model_version or self._terms.options.model, seen.usage),
                latency_s=seen.latency_s,
                started_at=started_at,
            )
            self._tally.charge(call, estimated_usd=estimated_usd)
            self._store(call, questions, matched)
        if outcome.usage.input_tokens and self._terms.options.limits.tpm:
            self._limiter.settle(permit, input_tokens=outcome.usage.input_tokens)
        return Attempt(outcome=outcome, matched=matched, permit=permit, sent_at=sent_at)

    def _store(self, call: Call, questions: Sequence[Question], matched: Matched) -> None:
        profile = self._terms.profile
        answers = []
        for place, columns in matched.answers.items():
            question = questions[int(place)]
            self._tally.settle(question.key, "enriched")
            answers.append(
                Answer(
                    key=question.key,
                    topic=question.topic,
                    answer=columns,
                    profile=profile.name,
                    fingerprint=profile.fingerprint,
                    model=call.model,
                    model_version=call.model_version,
                    call_id=call.call_id,
                )
            )
        self._recorder.put(Record(call=call, answers=tuple(answers)))


def _ledger_word(outcome: Outcome, matched: Matched, rows: int) -> str:
    if outcome.kind != "replied":
        return outcome.kind
    if len(matched.answers) == rows:
        return "answered"
    return "partly_answered" if matched.answers else "unusable"
