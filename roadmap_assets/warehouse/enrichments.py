"""Tables `enrichments` (answers, by key) and `enrichment_failures` (topics that could not be answered)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roadmap_assets.warehouse.rows import insert_rows, utc_now, want_keys

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered topic: `answer` holds the profile's columns; `call_id` names the call that brought it."""

    key: str
    topic: str
    answer: Mapping[str, Any]
    profile: str
    fingerprint: str
    model: str
    model_version: str
    call_id: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One topic that could not be answered: why, after how many attempts in the run."""

    key: str
    topic: str
    profile: str
    model: str
    reason: str
    last_error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class PastFailure:
    """What is on record of a failed topic; `runs` counts the runs in which it failed."""

    reason: str
    last_error: str
    runs: int
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """The cached answers of one model and profile."""

    model: str
    profile: str
    fingerprint: str
    answers: int
    latest: datetime


def load_answers(connection: DuckDBPyConnection, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The columns of every key that is answered."""
    want_keys(connection, keys)
    rows = connection.execute("SELECT key, answer FROM enrichments SEMI JOIN wanted USING (key)").fetchall()
    return {key: json.loads(answer) for key, answer in rows}


def answered_keys(connection: DuckDBPyConnection, keys: Iterable[str]) -> set[str]:
    """Those of the keys that are answered."""
    want_keys(connection, keys)
    rows = connection.execute("SELECT key FROM wanted SEMI JOIN enrichments USING (key)").fetchall()
    return {key for (key,) in rows}


def store_answers(connection: DuckDBPyConnection, answers: Sequence[Answer]) -> None:
    """Keep the answers, each by its key; an answered key keeps what it has. Their failures are forgotten."""
    if not answers:
        return
    first = {answer.key: answer for answer in reversed(answers)}
    answered = answered_keys(connection, first)
    now = utc_now().isoformat()
    insert_rows(
        connection,
        "enrichments",
        ({**_row(a), "answered_at": now} for key, a in first.items() if key not in answered),
        columns={
            **dict.fromkeys(("key", "topic", "profile", "fingerprint", "model", "model_version", "call_id"), "VARCHAR"),
            "answer": "JSON",
            "answered_at": "TIMESTAMP",
        },
    )
    connection.execute("DELETE FROM enrichment_failures WHERE key IN (SELECT key FROM wanted)")


def _row(answer: Answer) -> dict[str, Any]:
    """As `asdict`, which copies what is in the fields too: a third of the time that storing takes."""
    return {field.name: getattr(answer, field.name) for field in fields(answer)}


def load_failures(connection: DuckDBPyConnection, keys: Iterable[str]) -> dict[str, PastFailure]:
    """What is on record of those keys that failed and were never answered."""
    want_keys(connection, keys)
    rows = connection.execute(
        "SELECT key, reason, last_error, runs, failed_at FROM enrichment_failures SEMI JOIN wanted USING (key)"
    ).fetchall()
    return {row[0]: PastFailure(*row[1:]) for row in rows}


def store_failures(connection: DuckDBPyConnection, failures: Sequence[Failure]) -> None:
    """Keep the failures, one row a key, counting the runs in which it failed."""
    if not failures:
        return
    last = {failure.key: failure for failure in failures}
    past = load_failures(connection, last)
    connection.execute("DELETE FROM enrichment_failures WHERE key IN (SELECT key FROM wanted)")
    now = utc_now().isoformat()
    insert_rows(
        connection,
        "enrichment_failures",
        (
            {**asdict(f), "runs": 1 + (past[f.key].runs if f.key in past else 0), "failed_at": now}
            for f in last.values()
        ),
        columns={
            **dict.fromkeys(("key", "topic", "profile", "model", "reason", "last_error"), "VARCHAR"),
            **dict.fromkeys(("attempts", "runs"), "INTEGER"),
            "failed_at": "TIMESTAMP",
        },
    )


def cache_groups(connection: DuckDBPyConnection) -> list[CacheGroup]:
    """What is cached, by model, profile and fingerprint, the newest first."""
    rows = connection.execute(
        "SELECT model, profile, fingerprint, count(*), max(answered_at) FROM enrichments GROUP BY ALL "
        "ORDER BY max(answered_at) DESC, model, profile"
    ).fetchall()
    return [CacheGroup(*row) for row in rows]


def cache_size(connection: DuckDBPyConnection) -> tuple[int, datetime | None]:
    """Number of cached answers, and when the latest was stored (UTC)."""
    found = connection.execute("SELECT count(*), max(answered_at) FROM enrichments").fetchone()
    assert found is not None  # an aggregate has one row
    return found[0], found[1]


def count_failures(connection: DuckDBPyConnection) -> int:
    """Number of topics on record as failed."""
    found = connection.execute("SELECT count(*) FROM enrichment_failures").fetchone()
    assert found is not None  # an aggregate has one row
    return int(found[0])


def clear_answers(connection: DuckDBPyConnection, *, model: str | None = None, profile: str | None = None) -> int:
    """Forget the answers (of one model, of one profile), and return how many there were."""
    return _delete(connection, "enrichments", model=model, profile=profile)


def clear_failures(connection: DuckDBPyConnection, *, model: str | None = None, profile: str | None = None) -> int:
    """Forget the failures (of one model, of one profile), and return how many there were."""
    return _delete(connection, "enrichment_failures", model=model, profile=profile)


def _delete(connection: DuckDBPyConnection, table: str, *, model: str | None, profile: str | None) -> int:
    deleted = connection.execute(
        f"DELETE FROM {table} WHERE model = coalesce(?, model) AND profile = coalesce(?, profile) RETURNING 1",  # noqa: S608
        [model, profile],
    ).fetchall()
    return len(deleted)
