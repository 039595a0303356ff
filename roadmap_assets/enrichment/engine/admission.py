"""When a call may be sent: a connection works, the budget covers its cost, and the quota grants a permit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from msgspec import Struct

from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import OnEvent, Waiting
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.limiter.base import DayExhausted, Limiter, Permit, Wait
from roadmap_assets.enrichment.providers.base import Outcome, Service
from roadmap_assets.enrichment.questions import Question


class ModelClosed(Exception):
    """The model takes no call before `until` (None: unknown), which is too long for a run to wait."""

    def __init__(self, reason: str, *, until: datetime | None = None) -> None:
        super().__init__(reason)
        self.until = until


class Connection:
    """Whether the provider can be reached. While that is unknown, one batch probes it and the others wait.

    So a server that is down costs one batch's attempts, and not those of all batches in flight.
    """

    def __init__(self) -> None:
        self.works = False
        self._prober: int | None = None
        self._changed = asyncio.Event()

    async def wait_for_turn(self, batch: int) -> None:
        """Return when the connection works, or when this batch is the one that probes it."""
        while not self.works and self._prober not in (None, batch):
            await self._changed.wait()
        if not self.works:
            self._prober = batch

    def record_success(self) -> None:
        """A request went out: every batch may send."""
        if not self.works:
            self.works = True
            self._end_probe()

    def record_failure(self, batch: int) -> None:
        """A request could not be sent. Its batch probes from now on, unless another one does already."""
        self.works = False
        if self._prober is None:
            self._prober = batch

    def release(self, batch: int) -> None:
        """This batch sends nothing further; if it was the one that probed, another takes its turn."""
        if self._prober == batch:
            self._end_probe()

    def _end_probe(self) -> None:
        self._prober = None
        self._changed.set()
        self._changed = asyncio.Event()


class Admitted(Struct, frozen=True):
    """Leave to send one call now."""

    permit: Permit
    reserved_usd: float


class Admission:
    """Admits the calls of one run."""

    def __init__(self, config: EngineConfig, tally: Tally, stop: Stop, on_event: OnEvent, *, limiter: Limiter) -> None:
        self.connection = Connection()
        self._config = config
        self._tally = tally
        self._stop = stop
        self._on_event = on_event
        self._limiter = limiter
        self._released = asyncio.Event()

    @asynccontextmanager
    async def admit(
        self, questions: Sequence[Question], *, batch: int, service: Service = "standard"
    ) -> AsyncIterator[Admitted | None]:
        """Reserve budget and quota for a call that is made within the block; None when the run stops instead.

        Raises ModelClosed when the day's quota is used up.
        """
        # Wait for the connection first, so that a waiting batch holds neither budget nor quota.
        await self._stop.interruptible(self.connection.wait_for_turn(batch))
        reserved_usd = await self._reserve(questions, service)
        if reserved_usd is None:
            yield None
            return
        try:
            permit = await self._acquire(questions)
            yield Admitted(permit, reserved_usd) if permit else None
        finally:
            self._tally.reserve(-reserved_usd)
            self._released.set()
            self._released = asyncio.Event()

    def record(self, admitted: Admitted, outcome: Outcome, *, batch: int) -> None:
        """Learn from a call whether the connection works, and correct its permit to the tokens that it used."""
        if not outcome.sent:
            self.connection.record_failure(batch)
        if outcome.usage and outcome.usage.input_tokens and self._config.limits.tpm:
            self._limiter.settle(admitted.permit, input_tokens=outcome.usage.input_tokens)

    async def _reserve(self, questions: Sequence[Question], service: Service) -> float | None:
        """Reserve the call's estimated cost. Stops the run when it exceeds what is left without the calls in flight."""
        budget = self._config.budget_usd
        while not self._stop.requested:
            usd = self._tally.estimated_usd(questions, model=self._config.model, service=service)
            if usd is None and budget is not None:
                self._stop.request(f"there is a budget, but the price of {self._config.model} is unknown")
            elif (usd or 0.0) <= self._tally.left_usd(reserved=True):
                self._tally.reserve(usd or 0.0)
                return usd or 0.0
            elif (usd or 0.0) <= self._tally.left_usd(reserved=False):
                await self._stop.interruptible(self._released.wait())
            else:
                self._stop.request(
                    f"the next call could exceed the budget of ${budget:g}; raise ROADMAP_BUDGET_USD or run again"
                )
        return None

    async def _acquire(self, questions: Sequence[Question]) -> Permit | None:
        """Wait for a permit; None when the run stops instead. Raises ModelClosed."""

        def on_wait(wait: Wait) -> None:
            if wait.seconds >= 1:
                self._on_event(Waiting(wait.seconds, f"the limiter allows no call yet ({wait.reason})"))

        acquiring = self._limiter.acquire(input_tokens=self._tally.input_tokens(questions), on_wait=on_wait)
        try:
            permit = await self._stop.interruptible(acquiring)
        except DayExhausted as exhausted:
            raise ModelClosed(str(exhausted), until=exhausted.until) from None
        return None if self._stop.requested else permit
