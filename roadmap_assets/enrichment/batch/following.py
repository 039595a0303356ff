"""Following the open jobs of a key and model: created, looked at, collected, and given up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct, field

from roadmap_assets.enrichment.batch.collection import Collection
from roadmap_assets.enrichment.batch.options import BatchOptions
from roadmap_assets.enrichment.batch.submission import Submission
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import BatchJobChanged, OnEvent
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.providers.batch import BatchCallFailed, BatchProvider, RemoteJob
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.warehouse.batch_jobs import BatchJob, JobState, RowState, end_job, load_job, load_open_jobs
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.rows import utc_now

_ENDS: dict[str, JobState] = {"FAILED": "failed", "EXPIRED": "expired", "CANCELLED": "cancelled"}


class Followed(Struct):
    """What came of following jobs: those that ended, with their states, and the requests whose results were read."""

    ended: dict[str, JobState] = field(default_factory=dict)
    results: int = 0
    answered: int = 0
    reasons: list[str] = field(default_factory=list)
    """Why jobs ended without results."""


class Following:
    """The open jobs of one scope. `followed` counts over all calls of `advance`."""

    def __init__(
        self,
        config: EngineConfig,
        options: BatchOptions,
        tally: Tally,
        on_event: OnEvent,
        holder: LeaseHolder,
        provider: BatchProvider,
    ) -> None:
        self.followed = Followed()
        self.submission = Submission(config, options, tally, on_event, holder, provider)
        self._config = config
        self._options = options
        self._tally = tally
        self._on_event = on_event
        self._holder = holder
        self._provider = provider
        self._said: dict[str, str] = {}

    def open_jobs(self) -> list[BatchJob]:
        """The jobs that have not ended, as far as is known."""
        with self._config.warehouse.transaction() as connection:
            return load_open_jobs(connection, scope=self._options.scope)

    async def advance(self) -> None:
        """Look at every open job once: confirm it, collect it or release its rows; then create what is prepared.

        Raises:
            GeminiRefused: Gemini refuses the key or the job.
        """
        for job in self.open_jobs():
            if job.state == "posting" and self._lease(job):
                await self.submission.confirm(job)
            elif job.state == "open" and self._lease(job):
                await self._look_at(job)
        await self.submission.post_prepared()

    async def cancel(self, job: BatchJob) -> None:
        """Cancel a job: at Gemini if it is there, and here. Results that it has are stored."""
        if not self._lease(job):
            self._note(job, "is being submitted or collected by another process; try again later")
            return
        if job.state == "posting":
            await self.submission.confirm(job)
            with self._config.warehouse.transaction() as connection:
                job = load_job(connection, job.job_id)
        if job.state == "prepared":
            await self._end(job, "cancelled", "cancelled before it was submitted")
        elif job.name:
            await self._cancel(job)
            await self._look_at(job)
        else:
            self._note(job, "cannot be cancelled yet: its creation is not confirmed; try again in some minutes")

    async def _look_at(self, job: BatchJob) -> None:
        try:
            remote = await self._provider.get(job.name)
            if remote and not remote.has_ended and self._is_stuck(job):
                self._note(job, f"has not ended for {self._age_s(job) / 3600:.1f} h, and is cancelled")
                await self._cancel(job)
                remote = await self._provider.get(job.name)
            if remote is None:
                await self._end(job, "lost", "Gemini does not know the job any longer")
            elif remote.has_ended:
                await self._collect(job, remote)
            else:
                self._note(job, f"{remote.state.lower()}, {job.rows} rows")
        except BatchCallFailed as failure:
            if failure.kind == "refused":
                raise GeminiRefused(
                    f"Gemini refuses to show the batch job {job.name} ({failure}); check GEMINI_API_KEY. "
                    "Its rows stay pending"
                ) from None
            self._note(job, f"cannot be read at the moment ({failure})")

    async def _collect(self, job: BatchJob, remote: RemoteJob) -> None:
        """Store the results of a job that has ended, in whatever way."""
        if job.fingerprint != self._config.profile.fingerprint:
            self._note(job, f"has ended; collect it with its profile: ROADMAP_PROFILE={job.profile}")
            return
        state = _ENDS.get(remote.state, "collected")
        reason = "" if state == "collected" else remote.error or f"the job is {state}"
        await self._end(job, state, reason, remote)

    async def _end(self, job: BatchJob, state: JobState, reason: str, remote: RemoteJob | None = None) -> None:
        """Store what results there are, and release the other rows."""
        collection = Collection(self._config, self._tally, job)
        left: RowState = "stuck" if state in ("cancelled", "expired") and self._is_stuck(job) else "again"
        try:
            if remote:
                await collection.read(self._provider.results(remote))
            with self._config.warehouse.transaction() as connection:
                collection.close(connection, left, reason and f"batch job {state}: {reason}")
                end_job(connection, job.job_id, state=state, reason=reason)
        finally:  # what was stored before a download broke off is not read again
            self.followed.results += collection.results
            self.followed.answered += collection.answered
        if remote:
            await self._delete_files(job, remote)
        self.followed.ended[job.job_id] = state
        if reason:
            self.followed.reasons.append(f"the batch job {job.job_id[:8]} {_VERBS[state]} ({reason})")
            self._note(job, f"{_VERBS[state]} ({reason}); its rows without an answer are released")
        else:
            self._note(job, f"collected: {collection.answered_in_all} of {job.rows} rows answered")

    async def _delete_files(self, job: BatchJob, remote: RemoteJob) -> None:
        """Delete what was uploaded and what came back; otherwise Gemini keeps them for 48 hours."""
        try:
            await self._provider.delete_files(remote)
        except BatchCallFailed as failure:
            self._note(job, f"has left files at Gemini ({failure})")

    async def _cancel(self, job: BatchJob) -> None:
        try:
            await self._provider.cancel(job.name)
        except BatchCallFailed as failure:
            self._note(job, f"could not be cancelled ({failure})")

    def _is_stuck(self, job: BatchJob) -> bool:
        limit_s = self._options.live_after_s
        return limit_s is not None and self._age_s(job) >= limit_s

    def _age_s(self, job: BatchJob) -> float:
        return (utc_now() - (job.posted_at or job.created_at)).total_seconds()

    def _lease(self, job: BatchJob) -> bool:
        with self._config.warehouse.transaction() as connection:
            return job.job_id in self._holder.claim(connection, [job.job_id]).leased

    def _note(self, job: BatchJob, text: str) -> None:
        """Report what became of a job, unless that is what was reported last."""
        if self._said.get(job.job_id) == text:
            return
        self._said[job.job_id] = text
        self._on_event(BatchJobChanged(job.job_id, text))


_VERBS: dict[JobState, str] = {
    "failed": "has failed",
    "expired": "has expired",
    "cancelled": "was cancelled",
    "lost": "is lost",
}


@asynccontextmanager
async def following(
    config: EngineConfig, options: BatchOptions, tally: Tally, on_event: OnEvent
) -> AsyncIterator[Following]:
    """The open jobs, with a client that is open as long as the block lasts."""
    async with AsyncExitStack() as stack:
        holder = stack.enter_context(LeaseHolder(config.warehouse, ttl_s=config.lease_s))
        provider = options.open_provider()
        stack.push_async_callback(provider.close)
        yield Following(config, options, tally, on_event, holder, provider)
