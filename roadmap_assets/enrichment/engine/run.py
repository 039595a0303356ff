"""One run over questions without an answer: everything that it takes is opened, used and closed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from roadmap_assets.enrichment.engine.claims import Claims
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import OnEvent
from roadmap_assets.enrichment.engine.recorder import Recorder
from roadmap_assets.enrichment.engine.route import open_route
from roadmap_assets.enrichment.engine.scheduler import Scheduler
from roadmap_assets.enrichment.engine.stop import Stop
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.warehouse.leases import LeaseHolder


async def ask_all(keys: Sequence[str], config: EngineConfig, tally: Tally, on_event: OnEvent) -> Stop:
    """Settle these keys in `tally`, or stop with some of them open: the result says why. Raises as `Engine.run`."""
    stop = Stop(on_event)
    async with AsyncExitStack() as stack:
        holder = stack.enter_context(LeaseHolder(config.warehouse, ttl_s=config.lease_s))
        recorder = Recorder(config.warehouse, holder)
        models = [config, config.fallback] if config.fallback else [config]
        routes = [await stack.enter_async_context(open_route(each, tally, stop, on_event, recorder)) for each in models]
        claims = Claims(config.warehouse, holder, tally)
        await Scheduler(config, tally, stop, on_event, claims, recorder, *routes).run(keys)
    if stop.error:
        raise stop.error
    return stop
