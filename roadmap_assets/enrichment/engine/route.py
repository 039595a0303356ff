"""How a run asks one model: through a provider and a limiter of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from msgspec import Struct

from roadmap_assets.enrichment.engine.admission import Admission, ModelClosed
from roadmap_assets.enrichment.engine.call import Calls, Records, Reply
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.engine.recovery import MAX_WAIT_S
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.limiter.base import PROVIDER_ZONE, Limiter, Permit
from roadmap_assets.enrichment.providers.base import Outcome, Provider, Service
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import GeminiRefused


class Sent(Struct, frozen=True):
    """A call that was made at `sent_at` (monotonic)."""

    reply: Reply
    permit: Permit
    sent_at: float


class Route(Struct, frozen=True):
    """Everything that the calls to one model go through."""

    model: str
    provider: Provider
    limiter: Limiter
    admission: Admission
    calls: Calls

    async def send(
        self,
        questions: Sequence[Question],
        *,
        batch: int,
        attempt: int,
        service: Service = "standard",
        on_reply: Callable[[Reply], None] = lambda _: None,
    ) -> Sent | None:
        """Make one call as soon as it may be made; None when the run stops instead.

        `on_reply` gets what is paid for before anything else can fail. Raises ModelClosed.
        """
        async with self.admission.admit(questions, batch=batch, service=service) as admitted:
            if admitted is None:
                return None
            sent_at = time.monotonic()
            reply = await self.calls.make(
                self.provider,
                questions,
                batch=batch,
                attempt=attempt,
                estimated_usd=admitted.reserved_usd,
                on_sending=self.admission.connection.record_success,
                service=service,
            )
            on_reply(reply)
            self.admission.record(admitted, reply.outcome, batch=batch)
            return Sent(reply, admitted.permit, sent_at)

    def closed_by(self, outcome: Outcome, permit: Permit, *, now: float) -> ModelClosed | None:
        """Why the model takes no call for longer than a run waits, if that is the outcome of the call of `permit`."""
        if outcome.kind == "day_exhausted":
            until = self.limiter.close_day(permit=permit)
            return ModelClosed(f"the day's quota is used up; it resets at {until:%Y-%m-%d %H:%M %Z}", until=until)
        if outcome.kind != "shed" and (outcome.retry_after_s or 0) > MAX_WAIT_S:
            until = datetime.fromtimestamp(now + (outcome.retry_after_s or 0), PROVIDER_ZONE)
            return ModelClosed(f"Gemini asks to wait until {until:%Y-%m-%d %H:%M %Z} ({outcome.detail})", until=until)
        return None

    def refusal(self, outcome: Outcome, setting: str) -> GeminiRefused:
        """The error for a request that is refused; `setting` is where the model's name came from."""
        return GeminiRefused(
            f"Gemini refuses the request ({outcome.detail}); nothing was sent again. "
            f"Check GEMINI_API_KEY and {setting} ({self.model})"
        )


@asynccontextmanager
async def open_route(
    config: EngineConfig, tally: Tally, stop: Stop, on_event: OnEvent, records: Records
) -> AsyncIterator[Route]:
    """The route to the model of `config`; its calls count in `tally` and are stored by `records`."""
    limiter = config.open_limiter()
    try:
        provider = config.open_provider()
        try:
            yield Route(
                model=config.model,
                provider=provider,
                limiter=limiter,
                admission=Admission(config, tally, stop, on_event, limiter=limiter),
                calls=Calls(config, tally, records),
            )
        finally:
            await provider.close()
    finally:
        limiter.close()
