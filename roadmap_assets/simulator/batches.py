"""The Batch API: jobs that hold many requests and finish some time later (https://ai.google.dev/api/batch-api).

A job's state follows from its age, so nothing runs in the background. ``BatchBehaviour`` sets how long a job takes, and
which faults of the real server it shows: results in another order, under another key or none, missing, or failed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from uuid import uuid4

from roadmap_assets.simulator import wire
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.files import Files

Item = tuple[str, Mapping[str, Any]]
"""A request of a job, or its result, with its key ("" where the server lost it)."""

Answer = Callable[[bytes], Mapping[str, Any]]
"""Answers one generateContent request (its body) with the ``response`` or ``error`` of its result."""

_TYPE: Final = "type.googleapis.com/google.ai.generativelanguage.v1main"


@dataclass(slots=True)
class Job:
    """One job; ``output`` is filled in when it has succeeded."""

    name: str
    model: str
    display_name: str
    items: list[Item]
    from_file: bool
    tokens: int
    created_at: float
    behaviour: BatchBehaviour
    cancelled_at: float | None = None
    output: dict[str, Any] | None = None
    done: tuple[int, int] = (0, 0)
    """Results that are answers, and results that are errors."""


class TooManyJobs(Exception):
    """The project has as many unfinished jobs or enqueued tokens as it may have."""


class Unavailable(Exception):
    """The server has an outage."""


class Batches:
    """The jobs of a simulator, in memory. Raises BadRequest for what the real server refuses, KeyError for no job."""

    def __init__(self, behaviour: BatchBehaviour, *, files: Files, answer: Answer) -> None:
        self._behaviour, self._files, self._answer = behaviour, files, answer
        self._jobs: dict[str, Job] = {}
        self._created = self._asked = 0

    def create(self, model: str, body: bytes) -> dict[str, Any]:
        """Make a job of a ``batchGenerateContent`` request, and return it as an ``Operation``."""
        batch = _member(wire.read_json_object(body), "batch")
        given = _member(batch, "inputConfig", "input_config")
        file = given.get("fileName") or given.get("file_name")
        items = _items_of_file(self._files.read(str(file))) if file else _inlined_items(given)
        if not items:
            raise wire.BadRequest("* BatchGenerateContentRequest.batch.input_config: no requests")
        tokens = wire.tokens_of([json.dumps(request, ensure_ascii=False) for _, request in items])
        self._check_limits(tokens)
        faulty = self._behaviour.faulty_jobs is None or self._created < self._behaviour.faulty_jobs
        job = Job(
            behaviour=self._behaviour if faulty else self._behaviour.without_faults,
            name=f"batches/{uuid4().hex[:20]}",
            model=model,
            display_name=str(batch.get("displayName") or batch.get("display_name") or ""),
            items=items,
            from_file=bool(file),
            tokens=tokens,
            created_at=time.time(),
        )
        self._asked += 1
        if self._asked <= self._behaviour.refused_creations:
            raise Unavailable
        self._jobs[job.name] = job
        self._created += 1
        return self._operation(job)

    @property
    def reply_is_lost(self) -> bool:
        """Whether the reply to the job created last is lost."""
        return self._created <= self._behaviour.lost_replies

    def get(self, name: str) -> dict[str, Any]:
        """The job as an ``Operation``."""
        return self._operation(self._jobs[name])

    def topics(self, name: str) -> tuple[str, ...]:
        """The names of all topics in a job's requests, those of requests that cannot be read left out."""
        topics: list[str] = []
        for _, request in self._jobs[name].items:
            with suppress(wire.BadRequest):
                topics += [topic.topic for topic in wire.read_call(wire.json_bytes(request)).topics]
        return tuple(topics)

    def page(self, *, page_size: int, page_token: str) -> dict[str, Any]:
        """A page of jobs, the newest first."""
        jobs = list(self._jobs.values())[::-1]
        start = int(page_token) if page_token.isdecimal() else 0
        page = [self._operation(job) for job in jobs[start : start + page_size]]
        found: dict[str, Any] = {"operations": page} if page else {}
        if start + page_size < len(jobs):
            found["nextPageToken"] = str(start + page_size)
        return found

    def cancel(self, name: str) -> None:
        """Cancel a job; one that has ended stays as it is."""
        job = self._jobs[name]
        if self._state(job) in ("PENDING", "RUNNING"):
            job.cancelled_at = time.time()

    def delete(self, name: str) -> None:
        """Forget a job."""
        del self._jobs[name]

    def let_age(self, seconds: float) -> None:
        """Make every job older by so much."""
        for job in self._jobs.values():
            job.created_at -= seconds

    def reset(self) -> None:
        """Forget every job."""
        self._jobs.clear()
        self._created = self._asked = 0

    def _check_limits(self, tokens: int) -> None:
        unfinished = [job for job in self._jobs.values() if self._state(job) in ("PENDING", "RUNNING")]
        most_jobs, most_tokens = self._behaviour.most_jobs, self._behaviour.most_tokens
        if most_jobs and len(unfinished) >= most_jobs:
            raise TooManyJobs
        if most_tokens and sum(job.tokens for job in unfinished) + tokens > most_tokens:
            raise TooManyJobs

    def _state(self, job: Job) -> str:
        behaviour, now = job.behaviour, time.time()
        age = (job.cancelled_at or now) - job.created_at
        ready_at = behaviour.pending_s + behaviour.running_s
        if behaviour.end == "stuck" or age < behaviour.pending_s:
            state = "EXPIRED" if age >= behaviour.expires_after_s else "PENDING"
        elif age < ready_at:
            state = "RUNNING"
        else:
            state = behaviour.end.upper()
        return "CANCELLED" if job.cancelled_at is not None and state in ("PENDING", "RUNNING") else state

    def _operation(self, job: Job) -> dict[str, Any]:
        state = self._state(job)
        if state == "SUCCEEDED" and job.output is None:
            job.output = self._output(job)
        answered, failed = job.done
        stats = {
            "requestCount": len(job.items),
            "successfulRequestCount": answered,
            "failedRequestCount": failed,
            "pendingRequestCount": len(job.items) if state in ("PENDING", "RUNNING") else 0,
        }
        metadata: dict[str, Any] = {
            "@type": f"{_TYPE}.GenerateContentBatch",
            "model": f"models/{job.model}",
            "displayName": job.display_name,
            "name": job.name,
            "state": f"BATCH_STATE_{state}",
            "createTime": wire.timestamp(datetime.fromtimestamp(job.created_at, UTC)),
            "updateTime": wire.timestamp(datetime.now(UTC)),
            "batchStats": {name: str(count) for name, count in stats.items() if count},
        }
        operation: dict[str, Any] = {"name": job.name, "metadata": metadata}
        if state in ("PENDING", "RUNNING"):
            return operation
        metadata["endTime"] = metadata["updateTime"]
        operation["done"] = True
        if job.output is not None:  # the real server sends it twice
            metadata["output"] = job.output
            operation["response"] = {"@type": f"{_TYPE}.GenerateContentBatchOutput", **job.output}
        elif state in ("FAILED", "CANCELLED"):
            code, message = (1, "The batch was cancelled.") if state == "CANCELLED" else (13, "The batch failed.")
            operation["error"] = {"code": code, "message": message}
        return operation

    def _output(self, job: Job) -> dict[str, Any]:
        results = self._results(job)
        job.done = (sum("response" in result for _, result in results), sum("error" in result for _, result in results))
        if job.from_file:
            lines = (
                json.dumps({**({"key": key} if key else {}), **result}, ensure_ascii=False) for key, result in results
            )
            content = "".join(f"{line}\n" for line in lines).encode()
            return {"responsesFile": self._files.add(content, mime_type="application/jsonl")}
        inlined = [{**({"metadata": {"key": key}} if key else {}), **result} for key, result in results]
        return {"inlinedResponses": {"inlinedResponses": inlined}}

    def _results(self, job: Job) -> list[Item]:
        behaviour, chance = job.behaviour, Random(f"{job.behaviour.seed}")  # noqa: S311 - decides about faults
        results: list[Mapping[str, Any]] = []
        for _, request in job.items:
            if chance.random() < behaviour.errors:
                error: dict[str, Any] = {"code": 8, "message": "Resource has been exhausted (e.g. check quota)."}
                if behaviour.error_objects:
                    error["details"] = [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}]
                results.append({"error": error})
            else:
                results.append(self._answer(wire.json_bytes(request)))
        keys = [key for key, _ in job.items]
        if behaviour.permute_keys:
            keys = keys[1:] + keys[:1]
        for place in range(len(keys)):
            if chance.random() < behaviour.wrong_keys:
                other = chance.randrange(len(keys))
                keys[place], keys[other] = keys[other], keys[place]
        keys = ["" if chance.random() < behaviour.lost_keys else key for key in keys]
        pairs = list(zip(keys, results, strict=True))
        if behaviour.shuffle:
            chance.shuffle(pairs)
        return pairs[min(behaviour.missing, len(pairs)) :]


def _items_of_file(content: bytes) -> list[Item]:
    items = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            entry = wire.read_json_object(line)
            request = entry.get("request")
            if not isinstance(request, dict):
                raise wire.BadRequest(f"Line {number} of the input file has no request.")
            items.append((str(entry.get("key", "")), _camel_case(request)))
    return items


def _inlined_items(given: Mapping[str, Any]) -> list[Item]:
    requests = _member(given, "requests").get("requests", [])
    return [
        (str(_member(entry, "metadata").get("key", "")), _camel_case(_member(entry, "request")))
        for entry in requests
        if isinstance(entry, dict)
    ]


def _camel_case(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request whose top-level members, and those of its configuration, may be written in snake case."""

    def camel(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(part.title() for part in rest)

    renamed = {camel(name): value for name, value in request.items()}
    config = renamed.get("generationConfig")
    if isinstance(config, dict):
        renamed["generationConfig"] = {camel(name): value for name, value in config.items()}
    return renamed


def _member(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The first of these members that is there; an empty object where none is, or where it is no object."""
    value: Any = next((document[name] for name in names if name in document), {})
    return value if isinstance(value, dict) else {}
