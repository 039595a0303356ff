"""Tables `enrichments` (answers, by key) and `enrichment_failures` (topics that could not be answered)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.json import decode
from msgspec.structs import asdict

from roadmap_assets.warehouse.base import KEYS, Column, Connection, Table, one_row
from roadmap_assets.warehouse.rows import insert_rows, parts_to_query, utc_now

ENRICHMENTS = Table(
    "enrichments",
    "One row per answer",
    ("key",),
    (
        Column("key", "VARCHAR", "Hash over the question as first asked: topic, text sent, context, profile, model"),
        Column("topic", "VARCHAR", "Name of the topic"),
        Column("answer", "JSON", "The profile's columns"),
        Column("profile", "VARCHAR", "Name of the profile asked for"),
        Column("fingerprint", "VARCHAR", "Changes with the profile's columns, rules and prompt"),
        Column("model", "VARCHAR", "Model asked: the one of the key, or the fallback model"),
        Column("model_version", "VARCHAR", "Model that answered"),
        Column("call_id", "VARCHAR", "The call that brought the answer, in api_calls"),
        Column("base_url", "VARCHAR", "Address that was asked, when it is not Gemini's own"),
        Column("answered_at", "TIMESTAMP", "When it was stored (UTC)"),
    ),
)
ENRICHMENT_FAILURES = Table(
    "enrichment_failures",
    "One row per question that has not been answered although it was asked",
    ("key",),
    (
        Column("key", "VARCHAR", "Key of the question, as in enrichments"),
        Column("topic", "VARCHAR", "Name of the topic"),
        Column("profile", "VARCHAR", "Name of the profile asked for"),
        Column("model", "VARCHAR", "Model asked"),
        Column("reason", "VARCHAR", "Why there is no answer, in one word"),
        Column("last_error", "VARCHAR", "The last error in full"),
        Column("attempts", "INTEGER", "Attempts in the last run"),
        Column("runs", "INTEGER", "Runs in which it failed"),
        Column("failed_at", "TIMESTAMP", "When it failed last (UTC)"),
    ),
)


class Answer(NamedTuple):
    """One answered topic: `answer` holds the profile's columns; `call_id` names the call that brought it."""

    key: str
    topic: str
    answer: Mapping[str, Any]
    profile: str
    fingerprint: str
    model: str
    model_version: str
    call_id: str
    base_url: str = ""


class CachedAnswer(Struct, frozen=True):
    """A stored answer: the profile's columns, the model asked, and when it was stored (UTC)."""

    columns: Mapping[str, Any]
    model: str
    answered_at: datetime


class Failure(Struct, frozen=True):
    """One topic that could not be answered: why, after how many attempts in the run."""

    key: str
    topic: str
    profile: str
    model: str
    reason: str
    last_error: str
    attempts: int


class PastFailure(Struct, frozen=True):
    """What is on record of a failed topic; `runs` counts the runs in which it failed."""

    reason: str
    last_error: str
    runs: int
    failed_at: datetime


class CacheGroup(Struct, frozen=True):
    """The cached answers of one model and profile."""

    model: str
    profile: str
    fingerprint: str
    answers: int
    latest: datetime


def load_answers(connection: Connection, keys: Iterable[str]) -> dict[str, CachedAnswer]:
    """The answer to every key that has one."""
    query = f"SELECT key, CAST(answer AS VARCHAR), model, answered_at FROM enrichments WHERE key IN {KEYS}"
    rows = connection.execute(query, [",".join(keys)]).fetchall()
    return {key: CachedAnswer(decode(answer), *rest) for key, answer, *rest in rows}


def answering_models(connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """The model that answered each key, as it named itself in its reply."""
    query = f"SELECT key, coalesce(nullif(model_version, ''), model) FROM enrichments WHERE key IN {KEYS}"
    return dict(connection.execute(query, [",".join(keys)]).fetchall())


def answered_keys(connection: Connection, keys: AbstractSet[str]) -> AbstractSet[str]:
    """Those of the keys that are answered: `keys` itself, where all are."""
    # As one text: a million rows are as many tuples, among which Python then looks for garbage again and again. Where
    # all are answered, as in most runs, the count says so: of a million keys, the text and its parts take 200 MB.
    query = (
        "SELECT count(*), CASE WHEN count(*) < CAST(? AS BIGINT) THEN string_agg(key, ',') END "
        f"FROM enrichments WHERE key IN {KEYS}"
    )
    answered: list[Sequence[str]] = []
    for some in parts_to_query(keys):
        count, found = one_row(connection.execute(query, [len(some), ",".join(some)]))
        answered.append(some if count == len(some) else found.split(",") if found else ())
    if sum(map(len, answered)) == len(keys):
        return keys
    return {key for part in answered for key in part}


def store_answers(connection: Connection, answers: Sequence[Answer]) -> None:
    """Keep the answers, each by its key; an answered key keeps what it has. Their failures are forgotten."""
    if not answers:
        return
    first = {answer.key: answer for answer in reversed(answers)}
    answered = answered_keys(connection, first.keys())
    now = utc_now()
    # In the order of their keys, so that two transactions that store some of the same never wait for each other.
    rows = ({**answer._asdict(), "answered_at": now} for key, answer in sorted(first.items()) if key not in answered)
    insert_rows(connection, ENRICHMENTS, rows, unless_known=True)
    _forget_failures(connection, first)


def load_failures(connection: Connection, keys: Collection[str]) -> dict[str, PastFailure]:
    """What is on record of those keys that failed and were never answered."""
    query = f"SELECT key, reason, last_error, runs, failed_at FROM enrichment_failures WHERE key IN {KEYS}"
    rows = (connection.execute(query, [",".join(some)]).fetchall() for some in parts_to_query(keys))
    return {row[0]: PastFailure(*row[1:]) for part in rows for row in part}


def store_failures(connection: Connection, failures: Sequence[Failure]) -> None:
    """Keep the failures, one row a key, counting the runs in which it failed."""
    if not failures:
        return
    last = {failure.key: failure for failure in failures}
    connection.lock("enrichment_failures")
    past = load_failures(connection, last)
    _forget_failures(connection, last)
    now = utc_now()
    rows = (
        {**asdict(f), "runs": 1 + (past[f.key].runs if f.key in past else 0), "failed_at": now} for f in last.values()
    )
    insert_rows(connection, ENRICHMENT_FAILURES, rows)


def _forget_failures(connection: Connection, keys: Iterable[str]) -> None:
    connection.execute(f"DELETE FROM enrichment_failures WHERE key IN {KEYS}", [",".join(keys)])


def cache_groups(connection: Connection) -> list[CacheGroup]:
    """What is cached, by model, profile and fingerprint, the newest first."""
    rows = connection.execute(
        "SELECT model, profile, fingerprint, count(*), max(answered_at) FROM enrichments "
        "GROUP BY model, profile, fingerprint "
        "ORDER BY max(answered_at) DESC, model, profile"
    ).fetchall()
    return [CacheGroup(*row) for row in rows]


def cache_size(connection: Connection) -> tuple[int, datetime | None]:
    """Number of cached answers, and when the latest was stored (UTC)."""
    found = one_row(connection.execute("SELECT count(*), max(answered_at) FROM enrichments"))
    return found[0], found[1]


def count_failures(connection: Connection) -> int:
    """Number of topics on record as failed."""
    return int(one_row(connection.execute("SELECT count(*) FROM enrichment_failures"))[0])


def clear_answers(connection: Connection, *, model: str | None = None, profile: str | None = None) -> int:
    """Forget the answers (of one model, of one profile), and return how many there were."""
    return _delete(connection, "enrichments", model=model, profile=profile)


def clear_run(connection: Connection, run_id: str) -> int:
    """Forget what the calls of one run answered, and return how many answers there were."""
    query = "DELETE FROM enrichments WHERE call_id IN (SELECT call_id FROM api_calls WHERE run_id = ?) RETURNING 1"
    return len(connection.execute(query, [run_id]).fetchall())


def clear_failures(connection: Connection, *, model: str | None = None, profile: str | None = None) -> int:
    """Forget the failures (of one model, of one profile), and return how many there were."""
    return _delete(connection, "enrichment_failures", model=model, profile=profile)


def _delete(connection: Connection, table: str, *, model: str | None, profile: str | None) -> int:
    deleted = connection.execute(
        f"DELETE FROM {table} WHERE model = coalesce(CAST(? AS VARCHAR), model) "
        "AND profile = coalesce(CAST(? AS VARCHAR), profile) RETURNING 1",
        [model, profile],
    ).fetchall()
    return len(deleted)
