"""Gemini's REST protocol as the simulator speaks it: requests read, replies and errors written.

Source: https://ai.google.dev/api/generate-content, https://google.aip.dev/193 for the error bodies, and bodies that the
real server sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

SIMULATOR = "simulator"
"""The model that answers here, whichever is asked: so that no answer passes for a real model's."""

BYTES_PER_TOKEN = 4
"""How many bytes of UTF-8 the simulator counts as one token."""

SHORTEST_DEADLINE_S = 10
"""The real server refuses a client that asks to be answered sooner (header ``X-Server-Timeout``)."""

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_EXPECTED = 'The user content must read {"topics": [{"id", "topic", "description", "context"}]} here'
_SERVICE = "generativelanguage.googleapis.com"


class BadRequest(Exception):
    """The real server would reject the request; the message is the one it would send."""


@dataclass(frozen=True, slots=True)
class AskedTopic:
    """One topic of a request's user content."""

    id: str
    topic: str
    description: str = ""
    context: str = ""
    last_answer_rejected: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A ``generateContent`` request, read."""

    topics: tuple[AskedTopic, ...]
    schema: Mapping[str, Any]
    input_tokens: int
    max_output_tokens: int | None
    tier: str = "standard"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes into a ``generateContent`` reply; ``text`` None leaves the content out, as a block does."""

    text: str | None
    finish_reason: str = "STOP"
    block_reason: str = ""
    candidates: bool = True

    def within(self, max_output_tokens: int | None) -> Reply:
        """The reply cut to this many tokens, as the server cuts it."""
        if max_output_tokens is None or self.text is None or tokens_of([self.text]) <= max_output_tokens:
            return self
        text = self.text.encode()[: max_output_tokens * BYTES_PER_TOKEN].decode(errors="ignore")
        return replace(self, text=text, finish_reason="MAX_TOKENS")


def tokens_of(texts: Iterable[str]) -> int:
    """Tokens of the texts together: four bytes of UTF-8 each, rounded up."""
    return math.ceil(sum(len(text.encode()) for text in texts) / BYTES_PER_TOKEN)


def read_json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"Invalid JSON payload received. {error}") from error
    if not isinstance(document, dict):
        raise BadRequest("Invalid JSON payload received. The root is not an object.")
    return document


def read_call(body: bytes) -> Call:
    """Read a ``generateContent`` request whose user content is ``{"topics": [...]}``, with a schema for the reply.

    Raises BadRequest for what the real server refuses, and for a request that is not of this project's shape.
    """
    request = read_json_object(body)
    contents = content_texts(request)
    config = request.get("generationConfig", {})
    if not isinstance(config, dict):
        raise BadRequest("Invalid value at 'generation_config': not an object.")
    schema = config.get("responseJsonSchema")
    if schema is not None and config.get("responseMimeType") != "application/json":
        raise BadRequest("responseJsonSchema is only supported with responseMimeType 'application/json'.")
    if not isinstance(schema, dict):
        raise BadRequest("The simulator answers requests that have a responseJsonSchema.")
    limit = config.get("maxOutputTokens")
    if limit is not None and not (isinstance(limit, int) and limit > 0):
        raise BadRequest("max_output_tokens must be a positive integer.")
    temperature = config.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        raise BadRequest("temperature must be in the range [0.0, 2.0].")
    tier = request.get("serviceTier", request.get("service_tier", "standard"))
    if tier not in ("standard", "flex", "priority"):
        raise BadRequest(f"Invalid value at 'service_tier': {tier!r}")
    return Call(
        topics=_read_topics("".join(contents)),
        schema=schema,
        input_tokens=tokens_of([*contents, *system_texts(request)]),
        max_output_tokens=limit,
        tier=tier,
    )


def content_texts(request: Mapping[str, Any]) -> list[str]:
    """The texts of ``contents``; raises BadRequest if there are none, or if they do not have the protocol's shape."""
    contents = request.get("contents")
    if not isinstance(contents, list) or not contents:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified")
    if any(
        not isinstance(content, dict) or content.get("role", "user") not in ("user", "model") for content in contents
    ):
        raise BadRequest("Please use a valid role: user, model.")
    return [text for content in contents for text in _part_texts(content)]


def system_texts(request: Mapping[str, Any]) -> list[str]:
    instruction = request.get("systemInstruction")
    return [] if instruction is None else _part_texts(instruction)


def _part_texts(content: Any) -> list[str]:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or not parts:
        raise BadRequest("* GenerateContentRequest.contents.parts: contents.parts must not be empty.")
    texts = [part.get("text") if isinstance(part, dict) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        raise BadRequest("contents.parts.data: required oneof field 'data' must have one initialized field: text")
    return [str(text) for text in texts]


def _read_topics(text: str) -> tuple[AskedTopic, ...]:
    try:
        topics = tuple(AskedTopic(**topic) for topic in json.loads(text)["topics"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{_EXPECTED}; this one does not: {type(error).__name__} {error}") from error
    if not topics or any(type(value) is not str for topic in topics for value in astuple(topic)):
        raise BadRequest(f"{_EXPECTED}: at least one, all values strings")
    return topics


def reply_body(reply: Reply, *, model_version: str, input_tokens: int, tier: str = "") -> bytes:
    """The body of a 200; ``tier`` is the service tier that served it, which results of a batch job do not have."""
    output_tokens = tokens_of([reply.text or ""])
    usage: dict[str, Any] = {"promptTokenCount": input_tokens, "totalTokenCount": input_tokens + output_tokens}
    if tier:
        usage["serviceTier"] = tier
    document: dict[str, Any] = {}
    if reply.block_reason:
        document["promptFeedback"] = {"blockReason": reply.block_reason}
    elif reply.candidates:
        candidate: dict[str, Any] = {"finishReason": reply.finish_reason, "index": 0}
        if reply.text is not None:
            candidate = {"content": {"parts": [{"text": reply.text}], "role": "model"}, **candidate}
            usage["candidatesTokenCount"] = output_tokens
        document["candidates"] = [candidate]
    document |= {"usageMetadata": usage, "modelVersion": model_version, "responseId": uuid4().hex}
    return json_bytes(document)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def error_body(code: int, message: str, *, details: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """The body of an error, in the shape of https://google.aip.dev/193."""
    error: dict[str, Any] = {"code": code, "message": message, "status": STATUS_NAMES.get(code, "UNKNOWN")}
    if details := list(details):
        error["details"] = details
    return json_bytes({"error": error})


def error_info(reason: str) -> list[dict[str, Any]]:
    """The details that name the reason of an error; empty without one."""
    if not reason:
        return []
    metadata = {"service": _SERVICE}
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}]


def key_invalid_body() -> bytes:
    return error_body(400, "API key not valid. Please pass a valid API key.", details=error_info("API_KEY_INVALID"))


def model_unknown_body(model: str, *, version: str, method: str) -> bytes:
    return error_body(
        404,
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods.",
    )


def quota_body(*, quota_id: str, metric: str, limit: int, model: str, retry_delay_s: float | None) -> bytes:
    """The body of a 429; ``retry_delay_s`` None leaves RetryInfo out."""
    metric = f"{_SERVICE}/{metric}"
    message = (
        "You exceeded your current quota, please check your plan and billing details.\n"
        f"* Quota exceeded for metric: {metric}, limit: {limit}, model: {model}"
    )
    violation = {
        "quotaMetric": metric,
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": str(limit),
    }
    details: list[dict[str, Any]] = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    ]
    if retry_delay_s is not None:
        delay = duration(retry_delay_s)
        message += f"\nPlease retry in {delay}."
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return error_body(429, message, details=details)


def batch_quota_body() -> bytes:
    """The body of a 429 at the creation of a batch job, which has no QuotaFailure."""
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details = [{"@type": "type.googleapis.com/google.rpc.Help", "links": [link]}]
    return error_body(
        429, "You exceeded your current quota, please check your plan and billing details.", details=details
    )


def timestamp(at: datetime) -> str:
    """A ``google.protobuf.Timestamp`` in JSON, in UTC."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """A ``google.protobuf.Duration`` in JSON, rounded up to the millisecond: ``57.359s``."""
    return f"{math.ceil(seconds * 1000) / 1000:g}s" if seconds < 1000 else f"{math.ceil(seconds)}s"


def model_document(model: str) -> dict[str, Any]:
    return {
        "name": f"models/{model}",
        "version": SIMULATOR,
        "displayName": model,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
