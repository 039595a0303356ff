"""The simulator's HTTP endpoints: who may ask, what is answered, what was seen."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from roadmap_assets.simulator import wire
from roadmap_assets.simulator.answers import UNBIASED, Bias, Columns, answer_all
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.batches import Batches, TooManyJobs, Unavailable
from roadmap_assets.simulator.delivery import Outgoing, SeenRequest
from roadmap_assets.simulator.edits import reply_with
from roadmap_assets.simulator.faults import Drop, Fault, FaultCursor, FaultPlan, Garble, Status
from roadmap_assets.simulator.files import Files
from roadmap_assets.simulator.quotas import Exceeded, QuotaName, Quotas

REMEMBERED_REQUESTS = 100_000

_STATUS_MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials.",
    403: "Your project has been denied access. Please contact support.",
    404: "Requested entity was not found.",
    500: "An internal error has occurred. Please retry.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_PRETENDED_LIMITS: Mapping[QuotaName, int] = {"minute": 15, "tokens": 250_000, "day": 500}
_HIGH_DEMAND = (
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later."
)
_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to the network.</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """How a simulator behaves.

    ``rpm``, ``tpm``, ``rpd``: requests and input tokens a window, requests a day; 0 is no limit. ``window_s``: the
    "minute" of the first two. ``latency_s``: how long an answer takes; an error comes at once. ``key``: the one
    accepted, None accepts any and none. ``models``: those there are, none named accepts any. ``model_version``: the
    model that replies name, changed only in tests of what real models do. ``faults``: what goes wrong. ``bias``: how
    often an answer is wrong, and where. ``flex_latency_s``: how long an answer of the flex tier takes;
    ``flex_refused``: the share of its requests that are answered 503, by ``seed``;
    ``flex_serves``: the tier that serves the others. ``batches``: how jobs of the Batch
    API behave.
    """

    rpm: int = 0
    tpm: int = 0
    rpd: int = 0
    window_s: float = 60.0
    latency_s: float = 0.0
    key: str | None = None
    models: tuple[str, ...] = ()
    model_version: str = wire.SIMULATOR
    faults: FaultPlan = field(default_factory=FaultPlan)
    bias: Bias = UNBIASED
    flex_latency_s: float = 0.0
    flex_refused: float = 0.0
    flex_serves: str = "flex"
    seed: int = 0
    batches: BatchBehaviour = field(default_factory=BatchBehaviour)


class SimulatorApp(Router):
    """The ASGI application. Each connection's transport is expected in ``scope["state"]``, to break it off."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self.seen: deque[SeenRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self._quotas = Quotas(rpm=options.rpm, tpm=options.tpm, rpd=options.rpd, window_s=options.window_s)
        self._faults = FaultCursor(options.faults)
        self._files = Files(keeps=options.batches.keeps_files)
        self._batches = Batches(options.batches, files=self._files, answer=self._answer_in_batch)
        self._chance = Random(options.seed)  # noqa: S311 - decides about faults, guards nothing
        super().__init__(
            routes=[
                Route("/{version}/models/{model}:generateContent", self._generate_content, methods=["POST"]),
                Route("/{version}/models/{model}:batchGenerateContent", self._create_batch, methods=["POST"]),
                Route("/{version}/batches/{job}:cancel", self._cancel_batch, methods=["POST"]),
                Route("/{version}/batches/{job}", self._batch, methods=["GET", "DELETE"]),
                Route("/{version}/batches", self._list_batches),
                *self._files.routes(),
                Route("/{version}/models/{model}:countTokens", self._count_tokens, methods=["POST"]),
                Route("/{version}/models/{model}", self._get_model),
                Route("/{version}/models", self._list_models),
                Route("/simulator", self._identify),
                Route("/simulator/requests", self._requests),
                Route("/simulator/reset", self._reset, methods=["POST"]),
            ]
        )

    def reset(self) -> None:
        """Forget the requests seen, the quotas used and the faults that have happened."""
        self.seen.clear()
        self._quotas.reset()
        self._faults.reset()
        self._files.reset()
        self._batches.reset()

    def let_jobs_age(self, seconds: float) -> None:
        """Make every batch job older by so much."""
        self._batches.let_age(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(ClientDisconnect):  # the client closed the connection before its request was complete
            await super().__call__(scope, receive, send)

    async def _generate_content(self, request: Request) -> Response:
        body = await request.body()
        seen = self._see(request)
        if refusal := self._refusal(request, seen, method="generateContent"):
            return refusal
        try:
            call = wire.read_call(body)
            columns = Columns(call.schema)
        except wire.BadRequest as error:
            return Outgoing(seen, 400, wire.error_body(400, str(error)), outcome="refused")
        seen.topics = tuple(topic.topic for topic in call.topics)
        seen.ids = tuple(topic.id for topic in call.topics)
        seen.input_tokens = call.input_tokens
        if exceeded := self._quotas.admit(seen.model, call.input_tokens, now=seen.at):
            return Outgoing(seen, 429, exceeded.body(seen.model), outcome=f"over quota ({exceeded.quota})")

        seen.tier = self.options.flex_serves if call.tier == "flex" else call.tier
        if call.tier == "flex" and self._chance.random() < self.options.flex_refused:
            return Outgoing(seen, 503, wire.error_body(503, _HIGH_DEMAND), outcome="flex refused")

        fault = self._faults.next(seen.topics)
        outcome = _outcome(fault)
        if isinstance(fault, Status):
            body = _status_body(fault, seen.model)
            return Outgoing(seen, fault.code, body, outcome=outcome, latency_s=fault.after_s)
        if fault == Garble("html"):
            return Outgoing(seen, 200, _HTML.encode(), outcome=outcome, media_type="text/html")
        rows = answer_all(columns, call.topics, bias=self.options.bias, call=len(self.seen))
        reply = reply_with(fault, rows, columns).within(call.max_output_tokens)
        seen.output_tokens = wire.tokens_of([reply.text or ""])
        answer = self._reply_body(reply, call, tier=seen.tier)
        latency_s = self.options.flex_latency_s if call.tier == "flex" else self.options.latency_s
        return Outgoing(seen, 200, answer, outcome=outcome, fault=fault, latency_s=latency_s)

    def _answer_in_batch(self, body: bytes) -> Mapping[str, Any]:
        """The result of one request of a batch job: what a live call would get, without quotas and delays."""
        try:
            call = wire.read_call(body)
            columns = Columns(call.schema)
        except wire.BadRequest as error:
            return {"error": {"code": 3, "message": str(error)}}
        fault = self._faults.next([topic.topic for topic in call.topics])
        if isinstance(fault, Status):
            return {"error": {"code": 13, "message": _STATUS_MESSAGES.get(fault.code, "Internal error.")}}
        rows = answer_all(columns, call.topics, bias=self.options.bias, call=len(self.seen))
        reply = reply_with(fault, rows, columns).within(call.max_output_tokens)
        return {"response": json.loads(self._reply_body(reply, call))}

    def _reply_body(self, reply: wire.Reply, call: wire.Call, *, tier: str = "") -> bytes:
        return wire.reply_body(
            reply, model_version=self.options.model_version, input_tokens=call.input_tokens, tier=tier
        )

    async def _create_batch(self, request: Request) -> Response:
        body = await request.body()
        seen = self._see(request)
        if refusal := self._refusal(request, seen, method="batchGenerateContent"):
            return refusal
        try:
            job = self._batches.create(seen.model, body)
            seen.topics = self._batches.topics(job["name"])
        except wire.BadRequest as error:
            return Outgoing(seen, 400, wire.error_body(400, str(error)), outcome="refused")
        except TooManyJobs:
            return Outgoing(seen, 429, wire.batch_quota_body(), outcome="too many jobs")
        except Unavailable:
            return Outgoing(seen, 503, wire.error_body(503, _STATUS_MESSAGES[503]), outcome="unavailable")
        fault = Drop() if self._batches.reply_is_lost else None
        return Outgoing(seen, 200, wire.json_bytes(job), fault=fault, latency_s=self.options.latency_s)

    async def _batch(self, request: Request) -> Response:
        def act(job: str) -> Mapping[str, Any]:
            if request.method == "GET":
                return self._batches.get(job)
            self._batches.delete(job)
            return {}

        return self._on_batch(request, act)

    async def _cancel_batch(self, request: Request) -> Response:
        def act(job: str) -> Mapping[str, Any]:
            self._batches.cancel(job)
            return {}

        return self._on_batch(request, act)

    def _on_batch(self, request: Request, act: Callable[[str], Mapping[str, Any]]) -> Response:
        seen = self._see(request)
        if refusal := self._refusal(request, seen, method="batches"):
            return refusal
        try:
            return Outgoing(seen, 200, wire.json_bytes(act(f"batches/{request.path_params['job']}")))
        except KeyError:
            return Outgoing(seen, 404, wire.error_body(404, _STATUS_MESSAGES[404]), outcome="refused")

    async def _list_batches(self, request: Request) -> Response:
        seen = self._see(request)
        if refusal := self._refusal(request, seen, method="batches"):
            return refusal
        size = request.query_params.get("pageSize", "")
        page = self._batches.page(
            page_size=int(size) if size.isdecimal() and int(size) else 50,
            page_token=request.query_params.get("pageToken", ""),
        )
        return Outgoing(seen, 200, wire.json_bytes(page))

    async def _count_tokens(self, request: Request) -> Response:
        body = await request.body()
        seen = self._see(request)
        if refusal := self._refusal(request, seen, method="countTokens"):
            return refusal
        try:
            document = wire.read_json_object(body)
            inner = document.get("generateContentRequest", document)
            seen.input_tokens = wire.tokens_of([*wire.content_texts(inner), *wire.system_texts(inner)])
        except wire.BadRequest as error:
            return Outgoing(seen, 400, wire.error_body(400, str(error)), outcome="refused")
        return Outgoing(seen, 200, b'{"totalTokens": %d}' % seen.input_tokens)

    async def _get_model(self, request: Request) -> Response:
        if refusal := self._refusal(request, seen := self._see(request), method="getModel"):
            return refusal
        return Outgoing(seen, 200, wire.json_bytes(wire.model_document(seen.model)))

    async def _list_models(self, request: Request) -> Response:
        if refusal := self._refusal(request, seen := self._see(request), method="listModels"):
            return refusal
        models = [wire.model_document(model) for model in self.options.models or ("simulator",)]
        return Outgoing(seen, 200, wire.json_bytes({"models": models}))

    async def _identify(self, _: Request) -> Response:
        """The model that answers here, for a client that checks first: no key, no quota, no entry in the log."""
        return JSONResponse({"model": self.options.model_version})

    async def _requests(self, _: Request) -> Response:
        return JSONResponse([asdict(seen) for seen in self.seen])

    async def _reset(self, _: Request) -> Response:
        self.reset()
        return JSONResponse({})

    def _see(self, request: Request) -> SeenRequest:
        """Enter a request, which has arrived in whole, into the log."""
        model = request.path_params.get("model", "")
        seen = SeenRequest(at=time.time(), method=request.method, path=request.url.path, model=model)
        deadline = request.headers.get("x-server-timeout", "")
        seen.deadline_s = int(deadline) if deadline.isdigit() else None
        self.seen.append(seen)
        return seen

    def _refusal(self, request: Request, seen: SeenRequest, *, method: str) -> Response | None:
        """The error for a key, a model or a deadline that the server does not take, None when all are well."""
        if self.options.key is not None and request.headers.get("x-goog-api-key") != self.options.key:
            return Outgoing(seen, 400, wire.key_invalid_body(), outcome="refused")
        if seen.model and self.options.models and seen.model not in self.options.models:
            body = wire.model_unknown_body(seen.model, version=request.path_params["version"], method=method)
            return Outgoing(seen, 404, body, outcome="refused")
        if seen.deadline_s is not None and seen.deadline_s < wire.SHORTEST_DEADLINE_S:
            message = f"Manually set deadline {seen.deadline_s}s is too short. Minimum allowed deadline is 10s."
            return Outgoing(seen, 400, wire.error_body(400, message), outcome="refused")
        return None


def _outcome(fault: Fault | None) -> str:
    if fault is None:
        return "answered"
    what = getattr(fault, "what", "")
    return f"{fault.kind} ({what})" if what else fault.kind


def _status_body(fault: Status, model: str) -> bytes:
    if fault.body is not None:
        return fault.body.encode()
    if fault.code == 429:
        return Exceeded(fault.quota, _PRETENDED_LIMITS[fault.quota], fault.retry_delay_s).body(model)
    if fault.reason == "API_KEY_INVALID":
        return wire.key_invalid_body()
    message = _STATUS_MESSAGES.get(fault.code, "Something that has never happened before.")
    return wire.error_body(fault.code, message, details=wire.error_info(fault.reason))
