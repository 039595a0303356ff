"""Reading the results of a job that has ended, and storing each with its row in the ledger.

The ids of topics count through the whole job. So a result is matched by the ids and topics in it, and its key only
matters where it has none: results have been seen under the keys of others. A result that was stored is skipped when the
job is read again, which is all that a crash costs.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from msgspec.structs import replace

from roadmap_assets.enrichment.batch.items import item_of, question_of
from roadmap_assets.enrichment.engine.call import Attempt, Calls
from roadmap_assets.enrichment.engine.config import EngineConfig
from roadmap_assets.enrichment.engine.recorder import Record
from roadmap_assets.enrichment.engine.recovery import Recovery, recover, recover_transient
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.enrichment.providers.batch import Result
from roadmap_assets.enrichment.providers.reply import topic_ids
from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.batch_jobs import BatchJob, BatchRow, RowState, load_rows, replace_rows
from roadmap_assets.warehouse.enrichments import Failure, store_answers, store_failures
from roadmap_assets.warehouse.ledger import known_calls, record_calls
from roadmap_assets.warehouse.rows import utc_now

GROUP: Final = 20
"""Results in one transaction: opening the database costs as much as storing a thousand answers."""

_MISSING = "the job has no result for it"
_TRANSIENT = ("busy", "unavailable", "timeout", "cancelled")


class Collection:
    """The results of one job. It is the recorder of its calls: what they bring is stored in groups.

    `results` are those that were not stored already, and `answered` the rows that they answer.
    """

    def __init__(self, config: EngineConfig, tally: Tally, job: BatchJob) -> None:
        self.answered = 0
        self.results = 0
        self._config = config
        self._tally = tally
        self._job = job
        self._calls = Calls(config, tally, self)
        self._records: list[Record] = []
        self._group: dict[str, Result] = {}
        self._changed: set[int] = set()
        with config.warehouse.transaction() as connection:
            self._rows = load_rows(connection, job.job_id)
        self._places: dict[int, list[int]] = {}
        for place, row in enumerate(self._rows):
            self._places.setdefault(row.request, []).append(place)
        self._request_of = {str(row.position): row.request for row in self._rows}

    @property
    def answered_in_all(self) -> int:
        """The rows of the job that are answered, by earlier readings too."""
        return sum(row.state == "answered" for row in self._rows)

    def put(self, record: Record) -> None:
        """Take a record, to be stored with its group."""
        self._records.append(record)

    async def read(self, results: AsyncIterator[Result]) -> None:
        """Store the results but for the last, which `close` stores. Raises as `Warehouse.transaction`."""
        number = 0
        async for result in results:
            if len(self._group) == GROUP:
                with self._config.warehouse.transaction() as connection:
                    self._store_group(connection)
            self._group[self._call_id(number)] = result
            number += 1

    def close(self, connection: Connection, state: RowState, reason: str) -> None:
        """Store the last results, and release the rows that no result was for.

        They become `state` for the `reason`; without one they are asked again, which counts as an attempt.
        """
        self._store_group(connection)
        self._rows = load_rows(connection, self._job.job_id)
        places = [place for place, row in enumerate(self._rows) if row.state == "pending"]
        if reason:
            for place in places:
                self._set(place, replace(self._rows[place], state=state, last_error=reason))
        else:
            items = {place: item_of(self._rows[place]) for place in places}
            recovery = recover_transient([*items.values()], _MISSING, attempts=self._config.attempts)
            self._apply(recovery, {id(item): place for place, item in items.items()}, mark="")
        self._write(connection)

    def _store_group(self, connection: Connection) -> None:
        """Store the results of the group, without those that are stored already."""
        group, self._group = self._group, {}
        known = known_calls(connection, group)
        for call_id, result in group.items():
            if call_id not in known:
                self._take(result, call_id=call_id)
        self._write(connection)

    def _take(self, result: Result, *, call_id: str) -> None:
        """Match one result to its request, and decide about the rows that it does not answer."""
        self.results += 1
        outcome = result.outcome
        request = self._request(result)
        places = self._places.get(request, [])
        if not places:
            outcome = Outcome(kind="failed", detail="the result belongs to no request of the job", usage=outcome.usage)
        rows = [self._rows[place] for place in places]
        items = [item_of(row) for row in rows]
        attempt = Attempt(
            batch=request + 1,
            attempt=1,
            started_at=self._job.posted_at or self._job.created_at,
            estimated_usd=0.0,
            first_id=rows[0].position if rows else 0,
            call_id=call_id,
        )
        latency_s = (utc_now() - attempt.started_at).total_seconds()
        outcome = replace(outcome, latency_s=latency_s, service="batch")
        reply = self._calls.record(outcome, [question_of(row) for row in rows], attempt)
        for place, row in zip(places, rows, strict=True):
            if str(row.position - attempt.first_id) in reply.matched.answers and row.state != "answered":
                self._set(place, replace(row, state="answered", last_error=""))
                self.answered += 1
        unanswered = {id(item): place for item, place in zip(items, places, strict=True)}
        if outcome.kind in _TRANSIENT:
            open_items = [item for item in items if self._rows[unanswered[id(item)]].state == "pending"]
            recovery = recover_transient(open_items, outcome.detail, attempts=self._config.attempts)
        else:
            recovery = recover(items, outcome, reply.matched, attempts=self._config.attempts)
        self._apply(recovery, unanswered, mark=str(request))

    def _request(self, result: Result) -> int:
        """The request that a result answers: by the ids in it, else by its key; -1 if neither is of this job."""
        named = int(result.key) if result.key.isdecimal() else -1
        if result.outcome.kind != "replied":
            return named
        found = Counter(self._request_of[id_] for id_ in topic_ids(result.outcome.text) if id_ in self._request_of)
        return found.most_common(1)[0][0] if found else named

    def _apply(self, recovery: Recovery, places: dict[int, int], *, mark: str) -> None:
        """Note what happens to rows; `places` has each item's by its identity. Answered rows stay as they are."""
        for item in recovery.again:
            self._leave(places[id(item)], item.question.rejected, item.asked, item.breaches, item.last_error)
        for number, group in enumerate(recovery.apart):
            for item in group:
                apart = f"{self._job.job_id} {mark} {number}"
                place = places[id(item)]
                self._leave(place, item.question.rejected, item.asked, item.breaches, item.last_error, apart=apart)
        failures = []
        for item, reason in recovery.failed:
            row = self._rows[places[id(item)]]
            if row.state != "pending":
                continue
            self._set(places[id(item)], replace(row, state="failed", asked=item.asked, last_error=item.last_error))
            self._tally.fail(row.key, f"{reason}: {item.last_error}")
            profile, model = self._config.profile.name, self._config.model
            failures.append(Failure(row.key, row.topic, profile, model, reason, item.last_error, item.asked))
        if failures:
            self.put(Record(failures=tuple(failures)))

    def _leave(self, place: int, rejected: str, asked: int, breaches: int, last_error: str, *, apart: str = "") -> None:
        row = self._rows[place]
        if row.state != "pending":
            return
        left = replace(row, state="again", rejected=rejected, asked=asked, breaches=breaches, last_error=last_error)
        self._set(place, replace(left, apart=apart))

    def _set(self, place: int, row: BatchRow) -> None:
        self._rows[place] = row
        self._changed.add(place)

    def _write(self, connection: Connection) -> None:
        """Store what was read since the last time: calls, answers, failures and the states of rows, all or none."""
        records, self._records = self._records, []
        changed, self._changed = self._changed, set()
        record_calls(connection, [record.call for record in records if record.call])
        store_answers(connection, [answer for record in records for answer in record.answers])
        store_failures(connection, [failure for record in records for failure in record.failures])
        replace_rows(connection, [self._rows[place] for place in sorted(changed)])

    def _call_id(self, number: int) -> str:
        """The ledger's id of a result, the same whenever and wherever it is read."""
        return uuid.uuid5(uuid.UUID(self._job.job_id), str(number)).hex
