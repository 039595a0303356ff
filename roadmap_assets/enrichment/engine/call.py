"""One call: send the request, match the reply, and record the call with the answers that it returned."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.recorder import Record
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.providers.base import SIMULATOR, Outcome, Provider, Service
from roadmap_assets.enrichment.providers.reply import Matched, match_reply
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import SimulatorAnswered
from roadmap_assets.warehouse.enrichments import Answer
from roadmap_assets.warehouse.ledger import Call
from roadmap_assets.warehouse.rows import utc_now

_UNANSWERED = Matched(answers={}, rejected={}, unknown=0, damage=None)


class Attempt(Struct, frozen=True):
    """One attempt at a batch: its number from 1 in the run, and how often that batch was sent, this time included.

    The ids of its topics count from `first_id`; `call_id` will be its row in the ledger.
    """

    batch: int
    attempt: int
    started_at: datetime
    estimated_usd: float
    first_id: int = 0
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Reply(Struct, frozen=True):
    """What one attempt returned; `call_id` is its row in the ledger."""

    outcome: Outcome
    matched: Matched
    call_id: str

    @property
    def reason(self) -> str:
        """Why not every question was answered."""
        if self.outcome.kind != "replied":
            return self.outcome.detail
        if self.matched.damage:
            return self.matched.damage
        kinds = [rejection.kind for rejection in self.matched.rejected.values()]
        return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


class Records(Protocol):
    """Where calls and answers are stored: the engine's `Recorder`, or an evaluation's, which leaves the cache alone."""

    def put(self, record: Record) -> None:
        """Take a record, to be stored soon."""


class Calls:
    """The calls of one run. Replies that come another way than by `make`, as from a batch job, go to `record`."""

    def __init__(self, config: EngineConfig, tally: Tally, recorder: Records) -> None:
        self._config = config
        self._tally = tally
        self._recorder = recorder

    async def make(
        self,
        provider: Provider,
        questions: Sequence[Question],
        *,
        batch: int,
        attempt: int,
        estimated_usd: float,
        on_sending: Callable[[], None],
        service: Service = "standard",
    ) -> Reply:
        """Send one request and record it, even when the task is cancelled while it is in flight."""
        this = Attempt(batch, attempt, utc_now(), estimated_usd)
        began = time.monotonic()
        sent = False

        def sending() -> None:
            nonlocal sent
            sent = True
            on_sending()

        try:
            outcome = await provider.ask(questions, service=service, on_sending=sending)
        except BaseException:
            latency_s = time.monotonic() - began
            self.record(Outcome(kind="cancelled", service=service, latency_s=latency_s, sent=sent), questions, this)
            raise
        return self.record(outcome, questions, this)

    def record(self, outcome: Outcome, questions: Sequence[Question], attempt: Attempt) -> Reply:
        """Match an outcome to its questions, and store its answers together with its row in the ledger.

        Raises:
            SimulatorAnswered: a simulator answered for a real model. The call is recorded, and its answers are not.
        """
        matched = _UNANSWERED
        simulated = outcome.model_version == SIMULATOR != self._config.model
        if outcome.kind == "replied" and not simulated:
            asked = {str(number): question.topic for number, question in enumerate(questions, attempt.first_id)}
            matched = match_reply(outcome.text, asked=asked, profile=self._config.profile)
            matched = _by_position(matched, first_id=attempt.first_id)
        call = self._ledger_row(outcome, matched, attempt, rows=len(questions))
        self._tally.charge(call, estimated_usd=attempt.estimated_usd, sent=outcome.sent)
        answered = [(questions[int(place)], columns) for place, columns in matched.answers.items()]
        for question, _ in answered:
            self._tally.settle(question.key, "enriched")
        profile = self._config.profile
        answers = tuple(
            Answer(
                key=question.key,
                topic=question.topic,
                answer=columns,
                profile=profile.name,
                fingerprint=profile.fingerprint,
                model=call.model,
                model_version=call.model_version,
                call_id=call.call_id,
                base_url=self._config.base_url,
            )
            for question, columns in answered
        )
        self._recorder.put(Record(call=call, answers=answers))
        if simulated:
            where = self._config.base_url or "the address of Gemini"
            raise SimulatorAnswered(
                f"the simulator answered at {where}, which did not say so before the run: its answers are not kept as "
                f"those of {self._config.model}. Unset GOOGLE_GEMINI_BASE_URL to ask Gemini, or run again to have "
                "simulated answers, kept as such"
            )
        return Reply(outcome, matched, call.call_id)

    def _ledger_row(self, outcome: Outcome, matched: Matched, attempt: Attempt, *, rows: int) -> Call:
        usage = outcome.usage
        return Call(
            call_id=attempt.call_id,
            run_id=self._tally.run_id,
            batch=attempt.batch,
            attempt=attempt.attempt,
            rows=rows,
            answered=len(matched.answers),
            outcome=_ledger_outcome(outcome, matched, rows),
            detail="; ".join(part for part in (outcome.detail, matched.damage) if part),
            model=self._config.model,
            model_version=outcome.model_version,
            input_tokens=usage.input_tokens if usage else None,
            cached_tokens=usage.cached_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            thought_tokens=usage.thought_tokens if usage else None,
            cost_usd=self._cost_usd(outcome),
            latency_s=outcome.latency_s,
            started_at=attempt.started_at,
            service=outcome.service,
        )

    def _cost_usd(self, outcome: Outcome) -> float | None:
        if outcome.usage is None:
            return None
        model = outcome.model_version or self._config.model
        return self._config.prices.cost_usd(model, outcome.usage, service=outcome.service)


def _by_position(matched: Matched, *, first_id: int) -> Matched:
    """A reply's topics by their positions in the request instead of by their ids."""
    if not first_id:
        return matched
    answers = {str(int(topic_id) - first_id): answer for topic_id, answer in matched.answers.items()}
    rejected = {str(int(topic_id) - first_id): why for topic_id, why in matched.rejected.items()}
    return replace(matched, answers=answers, rejected=rejected)


def _ledger_outcome(outcome: Outcome, matched: Matched, rows: int) -> str:
    if outcome.kind != "replied":
        return outcome.kind
    if len(matched.answers) == rows:
        return "answered"
    return "partly_answered" if matched.answers else "unusable"
