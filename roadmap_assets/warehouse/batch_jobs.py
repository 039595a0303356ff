"""Tables `batch_jobs` and `batch_rows`: jobs of Gemini's Batch API, which outlive the processes that made them.

A row that is pending holds its question as a lease does, for as long as its job may live: no run on any machine asks
it meanwhile. A row that a job did not answer stays as `again` or `stuck` until another job takes it over, so that the
recovery of a question goes on from job to job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table
from roadmap_assets.warehouse.rows import insert_rows, parts_to_query, utc_now

OpenState = Literal["prepared", "posting", "open"]
JobState = Literal["prepared", "posting", "open", "collected", "failed", "expired", "cancelled", "refused", "lost"]
"""Of a job:

prepared   not created at Gemini yet
posting    its creation was requested, and not confirmed yet
open       Gemini works on it, or will
collected  its results are stored
failed, expired, cancelled  as Gemini says; its rows are released
refused    Gemini did not accept it; its rows are released
lost       Gemini does not know it any longer; its rows are released
"""

OPEN: Final[tuple[str, ...]] = get_args(OpenState)

RowState = Literal["pending", "answered", "failed", "again", "stuck"]
"""Of a question in a job: asked; answered; given up; to be asked in a next job; or live, since the job was stuck."""

BATCH_JOBS = Table(
    "batch_jobs",
    "One row per job of Gemini's Batch API",
    ("job_id",),
    (
        Column("job_id", "VARCHAR", "Id of the job, and its display name at Gemini"),
        Column("name", "VARCHAR", "Gemini's name of the job; empty until its creation is confirmed"),
        Column("scope", "VARCHAR", "The model and a hash of the key and address that it was created with"),
        Column("model", "VARCHAR", "Model asked"),
        Column("profile", "VARCHAR", "Name of the profile asked for"),
        Column("fingerprint", "VARCHAR", "Changes with the profile's columns, rules and prompt"),
        Column("run_id", "VARCHAR", "Id of the run that submitted it"),
        Column("state", "VARCHAR", "prepared, posting, open, collected, failed, expired, cancelled, refused or lost"),
        Column("reason", "VARCHAR", "Why it is in this state, where that is not as usual"),
        Column("requests", "INTEGER", "Number of requests"),
        Column("rows", "INTEGER", "Number of questions in them"),
        Column("input_tokens", "BIGINT", "Estimated input tokens, which count against the quota of the Batch API"),
        Column("estimated_usd", "DOUBLE", "Estimated cost; null where the model's price is unknown", nullable=True),
        Column("created_at", "TIMESTAMP", "When its rows were chosen (UTC)"),
        Column("posted_at", "TIMESTAMP", "When its creation was requested last (UTC)", nullable=True),
        Column("expires_at", "TIMESTAMP", "Until when it holds its rows at most (UTC)"),
        Column("ended_at", "TIMESTAMP", "When it was found to have ended (UTC)", nullable=True),
    ),
)
BATCH_ROWS = Table(
    "batch_rows",
    "One row per question of a batch job; those that are settled are removed a week after its end",
    ("job_id", "position"),
    (
        Column("job_id", "VARCHAR", "Id of the job, as in batch_jobs"),
        Column("request", "INTEGER", "Number of the request in the job, from 0"),
        Column("position", "INTEGER", "Number of the question in the job, from 0: its id in the request"),
        Column("key", "VARCHAR", "Key of the question, as in enrichments"),
        Column("topic", "VARCHAR", "Name of the topic"),
        Column("description", "VARCHAR", "Description as sent"),
        Column("context", "VARCHAR", "Where the topic belongs, as sent"),
        Column("rejected", "VARCHAR", "The rule that its last answer broke"),
        Column("asked", "INTEGER", "Replies without its answer so far"),
        Column("breaches", "INTEGER", "Answers so far that broke a rule"),
        Column("state", "VARCHAR", "pending, answered, failed, again (for a next job) or stuck (to be asked live)"),
        Column("apart", "VARCHAR", "Rows to be asked by themselves share this mark; empty for all others"),
        Column("last_error", "VARCHAR", "Why there is no answer"),
    ),
)


class BatchJob(Struct, frozen=True):
    """A job; see the table's columns."""

    job_id: str
    name: str
    scope: str
    model: str
    profile: str
    fingerprint: str
    run_id: str
    state: JobState
    reason: str
    requests: int
    rows: int
    input_tokens: int
    estimated_usd: float | None
    created_at: datetime
    posted_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it may still bring answers."""
        return self.state in OPEN


class BatchRow(Struct, frozen=True):
    """A question of a job; see the table's columns."""

    job_id: str
    request: int
    position: int
    key: str
    topic: str
    description: str
    context: str
    rejected: str
    asked: int
    breaches: int
    state: RowState
    apart: str = ""
    last_error: str = ""


_JOB = ", ".join(BatchJob.__struct_fields__)
_ROW = ", ".join(BatchRow.__struct_fields__)
KEPT_FOR: Final = timedelta(days=7)
"""So long, the settled rows of a job that has ended show which roadmaps it was about."""


def add_job(connection: Connection, job: BatchJob, rows: Sequence[BatchRow]) -> None:
    """Store a new job with its questions, which takes over those that earlier jobs have left."""
    connection.execute(
        "DELETE FROM batch_rows WHERE state IN ('answered', 'failed') AND job_id IN "
        "(SELECT job_id FROM batch_jobs WHERE ended_at < ?)",
        [utc_now() - KEPT_FOR],
    )
    left = ",".join(row.key for row in rows)
    connection.execute(f"DELETE FROM batch_rows WHERE state IN ('again', 'stuck') AND key IN {KEYS}", [left])
    insert_rows(connection, BATCH_JOBS, [asdict(job)])
    insert_rows(connection, BATCH_ROWS, map(asdict, rows))


def change_job(connection: Connection, job_id: str, **columns: Any) -> None:
    """Set these columns of a job."""
    names = [name for name in BATCH_JOBS.types if name in columns]
    assert len(names) == len(columns)
    assigned = ", ".join(f"{name} = ?" for name in names)
    connection.execute(
        f"UPDATE batch_jobs SET {assigned} WHERE job_id = ?", [*(columns[name] for name in names), job_id]
    )


def end_job(connection: Connection, job_id: str, *, state: JobState, reason: str) -> None:
    """Note that a job has ended; none of its rows may be pending any longer."""
    change_job(connection, job_id, state=state, reason=reason, ended_at=utc_now())


def load_job(connection: Connection, job_id: str) -> BatchJob:
    """A job that exists."""
    return next(job for job in _jobs(connection, "WHERE job_id = ?", [job_id]))


def load_jobs(connection: Connection, *, scope: str | None = None, limit: int = 1_000) -> list[BatchJob]:
    """The latest jobs (of one scope), the oldest first."""
    found = _jobs(
        connection, "WHERE scope = coalesce(CAST(? AS VARCHAR), scope) ORDER BY created_at DESC LIMIT ?", [scope, limit]
    )
    return found[::-1]


def load_open_jobs(connection: Connection, *, scope: str) -> list[BatchJob]:
    """The jobs of a scope that may still bring answers, the oldest first."""
    return _jobs(connection, "WHERE scope = ? AND state = ANY(?) ORDER BY created_at", [scope, list(OPEN)])


def _jobs(connection: Connection, condition: str, parameters: Sequence[object]) -> list[BatchJob]:
    rows = connection.execute(f"SELECT {_JOB} FROM batch_jobs {condition}", parameters).fetchall()
    return [BatchJob(*row) for row in rows]


def load_rows(connection: Connection, job_id: str) -> list[BatchRow]:
    """The questions of a job, in order."""
    query = f"SELECT {_ROW} FROM batch_rows WHERE job_id = ? ORDER BY position"
    return [BatchRow(*row) for row in connection.execute(query, [job_id]).fetchall()]


def replace_rows(connection: Connection, rows: Sequence[BatchRow]) -> None:
    """Store rows of one job in place of those at their positions."""
    if not rows:
        return
    positions = [row.position for row in rows]
    connection.execute("DELETE FROM batch_rows WHERE job_id = ? AND position = ANY(?)", [rows[0].job_id, positions])
    insert_rows(connection, BATCH_ROWS, map(asdict, rows))


def pending_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys that a job holds."""
    query = (
        "SELECT r.key FROM batch_rows r JOIN batch_jobs j ON r.job_id = j.job_id "
        f"WHERE r.state = 'pending' AND j.expires_at > ? AND r.key IN {KEYS}"
    )
    now = utc_now()
    rows = (connection.execute(query, [now, ",".join(some)]).fetchall() for some in parts_to_query(keys))
    return {key for part in rows for (key,) in part}


def rows_left(connection: Connection, keys: Iterable[str]) -> dict[str, BatchRow]:
    """Those of the questions that a job has left without an answer, by key."""
    query = f"SELECT {_ROW} FROM batch_rows WHERE state IN ('again', 'stuck') AND key IN {KEYS}"
    return {row[3]: BatchRow(*row) for row in connection.execute(query, [",".join(keys)]).fetchall()}
