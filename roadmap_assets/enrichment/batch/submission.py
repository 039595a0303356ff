"""Submitting a job: its rows are in the database before it is created, so that no crash makes two jobs for one row.

A process that submits a job holds a lease on the job's id. When it dies, another takes over: it searches Gemini's list
of jobs for that id, and creates the job again only when none has appeared for longer than a creation can take.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from tempfile import TemporaryFile

from msgspec.structs import replace

from roadmap_assets.enrichment.batch.items import item_of, question_of, row_of
from roadmap_assets.enrichment.batch.options import BatchOptions
from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.events import BatchJobChanged, OnEvent
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.providers.batch import BatchCallFailed, BatchProvider
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import GeminiRefused
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.batch_jobs import (
    BatchJob,
    BatchRow,
    add_job,
    change_job,
    end_job,
    load_job,
    load_open_jobs,
    load_rows,
    replace_rows,
    rows_left,
)
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.rows import utc_now

Requests = list[list[Item]]


class Submission:
    """Submits the jobs of one run, and those that other runs left unfinished."""

    def __init__(
        self,
        config: EngineConfig,
        options: BatchOptions,
        tally: Tally,
        on_event: OnEvent,
        holder: LeaseHolder,
        provider: BatchProvider,
    ) -> None:
        self.over_budget = False
        self._config = config
        self._options = options
        self._tally = tally
        self._on_event = on_event
        self._holder = holder
        self._provider = provider
        self._committed_usd = 0.0

    def prepare(self, questions: Sequence[Question]) -> None:
        """Pack these questions into jobs, and store them; those that another run or job holds are left out."""
        if not questions:
            return
        by_key = {question.key: question for question in questions}
        with self._config.warehouse.transaction() as connection:
            claim = self._holder.claim(connection, by_key)
            left = rows_left(connection, claim.leased)
            items = [item_of(left[key]) if key in left else Item(by_key[key]) for key in by_key if key in claim.leased]
            for requests in self._split(self._within_budget(self._packed(items, left))):
                add_job(connection, *self._job(requests))
            self._holder.release(connection, claim.leased)

    async def post_prepared(self) -> None:
        """Create the jobs that are prepared, as long as Gemini's limits allow another one."""
        with self._config.warehouse.transaction() as connection:
            jobs = load_open_jobs(connection, scope=self._options.scope)
        at_gemini = [job for job in jobs if job.state != "prepared"]
        count, tokens = len(at_gemini), sum(job.input_tokens for job in at_gemini)
        for job in jobs:
            if job.state != "prepared" or job.fingerprint != self._config.profile.fingerprint:
                continue
            tokens += job.input_tokens
            count += 1
            if count > self._options.max_jobs or (count > 1 and tokens > self._options.enqueued_tokens):
                self._note(job, "waits for another job to end, since Gemini's limits allow no more at once")
                return
            if self._lease(job) and not await self._post(job):
                return

    async def confirm(self, job: BatchJob) -> None:
        """Find out what became of a creation whose reply was lost."""
        name = display_name(job.job_id)
        try:
            found = await self._provider.find(name)
        except BatchCallFailed as failure:
            self._note(job, f"is not confirmed yet ({failure})")
            return
        if found:
            for remote in reversed(found):
                await self._adopt(job, remote.name)
        elif job.posted_at and (utc_now() - job.posted_at).total_seconds() >= self._options.confirm_s:
            with self._config.warehouse.transaction() as connection:
                change_job(connection, job.job_id, state="prepared", reason="an earlier creation had no effect")

    def _packed(self, items: Iterable[Item], left: dict[str, BatchRow]) -> Iterator[list[Item]]:
        """The items in requests; those that are to be asked by themselves are."""
        marks = {key: row.apart for key, row in left.items()}
        pool = self._config.new_pool()
        marked = sorted(items, key=lambda item: marks.get(item.question.key, ""))
        for mark, group in groupby(marked, key=lambda item: marks.get(item.question.key, "")):
            if mark:
                yield [*group]
            else:
                pool.add(group)
                while batch := pool.take(partial=True):
                    yield batch

    def _within_budget(self, requests: Iterable[list[Item]]) -> Iterator[list[Item]]:
        for request in requests:
            usd = self._estimated_usd([item.question for item in request]) or 0.0
            if self._committed_usd + usd > self._tally.left_usd(reserved=False):
                self.over_budget = True
                return
            self._committed_usd += usd
            yield request

    def _estimated_usd(self, questions: Sequence[Question]) -> float | None:
        return self._tally.estimated_usd(questions, model=self._config.model, service="batch")

    def _split(self, requests: Iterable[list[Item]]) -> Iterator[Requests]:
        """The requests in jobs that each keep Gemini's limits."""
        job: Requests = []
        tokens = size = 0
        for request in requests:
            questions = [item.question for item in request]
            request_tokens = self._tally.input_tokens(questions)
            request_bytes = len(self._provider.line("", questions, first_id=10**6)) + 20
            tokens += request_tokens
            size += request_bytes
            if job and (tokens > self._options.enqueued_tokens or size > self._options.max_bytes):
                yield job
                job, tokens, size = [], request_tokens, request_bytes
            job.append(request)
        if job:
            yield job

    def _job(self, requests: Requests) -> tuple[BatchJob, list[BatchRow]]:
        job_id, now = uuid.uuid4().hex, utc_now()
        rows: list[BatchRow] = []
        for number, request in enumerate(requests):
            for item in request:
                rows.append(row_of(job_id, number, len(rows), item))
        asked = [[item.question for item in request] for request in requests]
        estimates = [self._estimated_usd(questions) for questions in asked]
        known = [usd for usd in estimates if usd is not None]
        job = BatchJob(
            job_id=job_id,
            name="",
            scope=self._options.scope,
            model=self._config.model,
            profile=self._config.profile.name,
            fingerprint=self._config.profile.fingerprint,
            run_id=self._tally.run_id,
            state="prepared",
            reason="",
            requests=len(requests),
            rows=len(rows),
            input_tokens=sum(self._tally.input_tokens(questions) for questions in asked),
            estimated_usd=sum(known) if len(known) == len(estimates) else None,
            created_at=now,
            posted_at=None,
            expires_at=now + timedelta(seconds=self._options.lifetime_s),
            ended_at=None,
        )
        return job, rows

    async def _post(self, job: BatchJob) -> bool:
        """Create a job at Gemini; False when no other is to be tried now."""
        with self._config.warehouse.transaction() as connection:
            rows = load_rows(connection, job.job_id)
        posted = False

        def note_posting() -> None:
            nonlocal posted
            with self._config.warehouse.transaction() as connection:
                self._take_up(connection, job)
            posted = True

        with TemporaryFile() as lines:
            for number, group in groupby(rows, key=lambda row: row.request):
                request = [*group]
                questions = [question_of(row) for row in request]
                lines.write(self._provider.line(str(number), questions, first_id=request[0].position))
            lines.seek(0)
            try:
                remote = await self._provider.create(display_name(job.job_id), lines, before_creation=note_posting)
            except _TakenOver:
                return True
            except BatchCallFailed as failure:
                return await self._not_created(job, failure, posted=posted)
        await self._adopt(job, remote.name)
        return True

    def _take_up(self, connection: Connection, job: BatchJob) -> None:
        """Note that the creation is about to be requested, unless another process has done that meanwhile."""
        if job.job_id not in self._holder.claim(connection, [job.job_id]).leased:
            raise _TakenOver
        if load_job(connection, job.job_id).state != "prepared":
            raise _TakenOver
        now = utc_now()
        expires_at = now + timedelta(seconds=self._options.lifetime_s)
        change_job(connection, job.job_id, state="posting", posted_at=now, expires_at=expires_at)

    async def _not_created(self, job: BatchJob, failure: BatchCallFailed, *, posted: bool) -> bool:
        if failure.kind == "refused":
            self._refuse(job, failure)
        certain = not posted or not failure.sent or failure.kind in ("busy", "day_exhausted")
        with self._config.warehouse.transaction() as connection:
            change_job(connection, job.job_id, state="prepared" if certain else "posting", reason=str(failure))
        if certain:
            self._note(job, f"waits: Gemini takes no job at the moment ({failure})")
            return False
        with self._config.warehouse.transaction() as connection:
            job = load_job(connection, job.job_id)
        self._note(job, f"is not confirmed yet ({failure})")
        await self.confirm(job)
        return True

    def _refuse(self, job: BatchJob, failure: BatchCallFailed) -> None:
        with self._config.warehouse.transaction() as connection:
            rows = load_rows(connection, job.job_id)
            replace_rows(connection, [replace(row, state="again", last_error=str(failure)) for row in rows])
            end_job(connection, job.job_id, state="refused", reason=str(failure))
        raise GeminiRefused(
            f"Gemini refuses the batch job ({failure}); its rows are released. The Batch API needs a paid project; "
            f"check GEMINI_API_KEY and ROADMAP_MODEL ({self._config.model}), or use ROADMAP_SERVICE=standard"
        ) from None

    async def _adopt(self, job: BatchJob, name: str) -> None:
        """Note Gemini's name of a job; a second one of the same id, of a process that was suspended, is cancelled."""
        with self._config.warehouse.transaction() as connection:
            known = load_job(connection, job.job_id).name
            if not known:
                change_job(connection, job.job_id, name=name, state="open", reason="")
        if not known:
            self._note(job, f"submitted as {name}: {job.requests} requests, {job.rows} rows")
        elif known != name:
            await self._provider.cancel(name)

    def _lease(self, job: BatchJob) -> bool:
        with self._config.warehouse.transaction() as connection:
            return job.job_id in self._holder.claim(connection, [job.job_id]).leased

    def _note(self, job: BatchJob, text: str) -> None:
        self._on_event(BatchJobChanged(job.job_id, text))


class _TakenOver(Exception):
    """Another process submits the job."""


def display_name(job_id: str) -> str:
    """The name that a job has at Gemini."""
    return f"roadmap-assets-{job_id}"
