"""The engine of the service `batch`: its misses go into jobs, and its answers come from jobs that have ended."""

from __future__ import annotations

from msgspec.structs import replace

from roadmap_assets.enrichment.batch.following import Followed, Following, following
from roadmap_assets.enrichment.batch.options import BatchOptions
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.engine import Begun, Engine, give_up
from roadmap_assets.enrichment.engine.events import OnEvent, Stopped, Waiting
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.plan import LookUp, look_up, make_plan
from roadmap_assets.warehouse.batch_jobs import rows_left
from roadmap_assets.warehouse.rows import utc_now


class BatchEngine(Engine):
    """Answers questions by batch jobs. A run ends with rows pending, unless its options say that it waits."""

    def __init__(self, config: EngineConfig, options: BatchOptions) -> None:
        super().__init__(config)
        self.options = options

    def _leaves_open(self, tally: Tally, found: LookUp) -> bool:
        """See `Engine`; rows whose answers a job may have are open too."""
        is_open = bool(found.to_ask or found.pending)
        if not is_open:
            give_up(tally, found)
        return is_open

    async def _finish(self, begun: Begun, on_event: OnEvent) -> Report:
        """Collect the jobs that have ended, submit what is missing, and report what is pending."""
        async with following(self.config, self.options, begun.tally, on_event) as jobs:
            run = _Run(self.config, self.options, begun.tally, on_event, jobs)
            await run.until_done()
        return await run.report()

    async def follow(self, *, on_event: OnEvent = lambda _: None, waits: bool = False) -> Followed:
        """Look at every open job, once or until all have ended; nothing new is asked. Raises as `run`."""
        tally = self._no_questions()
        async with following(self.config, self.options, tally, on_event) as jobs:
            await jobs.advance()
            profile = self.config.profile.fingerprint  # a job of another profile is not collected here
            while waits and any(job.fingerprint == profile for job in jobs.open_jobs()):
                await _wait(self.config, self.options, jobs, on_event)
                await jobs.advance()
            return jobs.followed

    async def cancel(self, job_id: str, *, on_event: OnEvent = lambda _: None) -> Followed:
        """Cancel an open job of this scope, and store the results that it has. Raises as `run`."""
        async with following(self.config, self.options, self._no_questions(), on_event) as jobs:
            for job in jobs.open_jobs():
                if job.job_id == job_id:
                    await jobs.cancel(job)
            return jobs.followed

    def _no_questions(self) -> Tally:
        plan = make_plan(self.config, [], LookUp(frozenset(), {}, frozenset(), [], entries=0, latest=None))
        return Tally(self.config, [], unique={}, plan=plan, began=self.config.clock.time())


class _Run:
    """One run over questions whose answers are in jobs, or will be."""

    def __init__(
        self, config: EngineConfig, options: BatchOptions, tally: Tally, on_event: OnEvent, jobs: Following
    ) -> None:
        self._config = config
        self._options = options
        self._tally = tally
        self._on_event = on_event
        self._jobs = jobs
        self._live: list[str] = []
        self._found = LookUp(frozenset(), {}, frozenset(), [], entries=0, latest=None)

    async def until_done(self) -> None:
        """Collect and submit; once, or until no row is pending."""
        await self._step()
        await self._step()  # a small job may have ended already, and what it left goes into another one
        while self._options.waits and self._found.pending:
            await _wait(self._config, self._options, self._jobs, self._on_event)
            await self._step()

    async def report(self) -> Report:
        """Ask live what stuck jobs have left, and report."""
        for key in self._found.pending:
            self._tally.settle(key, "pending")
        reason, until = "; ".join(self._jobs.followed.reasons), None
        if self._jobs.submission.over_budget:
            reason = f"more would exceed the budget of ${self._config.budget_usd:g}; raise ROADMAP_BUDGET_USD"
        live_calls = 0
        if self._live:
            from roadmap_assets.enrichment.engine.run import ask_all

            live = replace(self._config, service="standard")
            live_calls = live.count_batches(self._tally.unique[key] for key in self._live)
            stop = await ask_all(self._live, live, self._tally, self._on_event)
            reason, until = stop.reason or reason, stop.until
        self._tally.plan = replace(self._tally.plan, calls=self._jobs.followed.results + live_calls)
        if reason:
            self._on_event(Stopped(reason))
        return self._tally.report(stop_reason=reason, deferred_until=until)

    async def _step(self) -> None:
        """Collect what has ended, and submit what is neither answered nor pending."""
        await self._jobs.advance()
        open_questions = {key: self._tally.unique[key] for key in self._tally.unsettled}
        with self._config.warehouse.transaction() as connection:
            self._found = look_up(connection, self._config, open_questions)
            left = rows_left(connection, [question.key for question in self._found.to_ask])
        for key in self._found.answered:
            self._tally.settle(key, "hit")
        give_up(self._tally, self._found)
        self._live = [key for key, row in left.items() if row.state == "stuck"]
        unlucky = {key for key, row in left.items() if row.job_id in self._unsuccessful_jobs()}
        again = [q for q in self._found.to_ask if q.key not in unlucky and q.key not in self._live]
        if again:
            self._jobs.submission.prepare(again)
            await self._jobs.submission.post_prepared()
            with self._config.warehouse.transaction() as connection:
                self._found = look_up(connection, self._config, open_questions)
        self._on_event(self._tally.progress(wait_s=0.0))

    def _unsuccessful_jobs(self) -> set[str]:
        """The jobs that ended without results in this run: what they left is for another run, or this would not end."""
        return {job_id for job_id, state in self._jobs.followed.ended.items() if state != "collected"}


async def _wait(config: EngineConfig, options: BatchOptions, jobs: Following, on_event: OnEvent) -> None:
    """Wait until it is worth looking at the jobs again."""
    now = utc_now()
    ages = [(now - (job.posted_at or job.created_at)).total_seconds() for job in jobs.open_jobs()]
    seconds = options.next_poll_s(min(ages, default=0.0))
    on_event(Waiting(seconds, f"{len(ages)} batch jobs have not ended"))
    await config.clock.sleep(seconds)
