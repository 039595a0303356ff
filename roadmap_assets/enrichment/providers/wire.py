"""`generateContent` as it travels: what a request holds, and what a reply or an error says.

https://ai.google.dev/api/generate-content, and https://cloud.google.com/apis/design/errors for errors. Nothing in a
reply is trusted: a member of another type than documented counts as missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.json import encode

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.base import Kind, Outcome, Usage
from roadmap_assets.enrichment.questions import Question

GEMINI: Final = "https://generativelanguage.googleapis.com"
VERSION: Final = "v1"

_COUNTS: Final = ("promptTokenCount", "cachedContentTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
_MOST_TOKENS: Final = 100_000_000
"""Far beyond any model's context: a larger count is wrong, and could overflow a sum."""
_LONGEST_DELAY_S: Final = 365 * 86_400.0
_UNSAFE: Final = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"})


# ------------------------------------------------------------------------------------------------------------ requests


def fixed_members(profile: Profile, *, temperature: float | None, thinking_level: str | None) -> dict[str, Any]:
    """The members of a request's body that are the same whatever it asks."""
    config: dict[str, Any] = {"responseMimeType": "application/json", "responseJsonSchema": profile.reply_schema}
    if temperature is not None:
        config["temperature"] = temperature
    if thinking_level:
        config["thinkingConfig"] = {"thinkingLevel": thinking_level.upper()}
    return {"systemInstruction": {"parts": [{"text": profile.instructions}]}, "generationConfig": config}


def contents(questions: Sequence[Question], *, first_id: int = 0) -> list[dict[str, Any]]:
    """The member `contents`: one text from the user."""
    return [{"role": "user", "parts": [{"text": request_text(questions, first_id=first_id)}]}]


def request_text(questions: Sequence[Question], *, first_id: int = 0) -> str:
    """`{"topics":[{"id":"0","topic":…,"description":…,"context":…},…]}`."""
    topics = [{"id": str(number), **question.wire} for number, question in enumerate(questions, first_id)]
    return encoded({"topics": topics}).decode()


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body as JSON, with a question mark for half of a surrogate pair, which is no text."""
    try:
        return encode(body)
    except UnicodeEncodeError:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


# ------------------------------------------------------------------------------------------------------------- replies


def read_reply(body: object) -> Outcome:
    """The outcome of a decoded reply, not yet cleaned."""
    if not isinstance(body, dict):
        return Outcome(
            kind="failed", detail="the reply was not JSON" if body is None else "the reply was no JSON object"
        )
    candidate = next(iter(objects(body.get("candidates"))), {})
    finish = _text(candidate.get("finishReason"))
    block = _text(an_object(body.get("promptFeedback")).get("blockReason"))
    parts = objects(an_object(candidate.get("content")).get("parts"))
    text = "".join(_text(part.get("text")) for part in parts if not part.get("thought"))
    if text:
        kind: Kind = "replied"
    else:
        kind = "blocked" if block or finish in _UNSAFE else "failed"
    return Outcome(
        kind=kind,
        detail=block or finish or "no candidate",
        text=text,
        cut=finish not in ("STOP", ""),
        usage=_usage(body.get("usageMetadata", {})),
        model_version=_text(body.get("modelVersion")),
    )


def read_error(status: int, reason: str, body: bytes) -> Outcome:
    """The outcome of a reply with another status than 200, not yet cleaned; `reason` is the status in HTTP's words."""
    said = decoded(body)
    kind, retry_after_s = classify_error(status, said)
    if said is None:  # a proxy's page
        detail = f"{status} {reason}: {body.decode(errors='replace')}"
    else:
        error = an_object(an_object(said).get("error"))
        detail = f"{status} {_text(error.get('status'))}: {_text(error.get('message'))}"
    return Outcome(kind=kind, detail=detail, retry_after_s=retry_after_s)


def classify_error(status: int, body: object) -> tuple[Kind, float | None]:
    """What an error status means for us, and for how many seconds the server asks to wait.

    A 429 is judged by its quotaId, since RetryInfo may be short although the day's quota is gone (google.rpc.RetryInfo
    and google.rpc.QuotaFailure).
    """
    details = objects(an_object(an_object(body).get("error")).get("details"))
    delay = next((_seconds(d.get("retryDelay")) for d in details if "RetryInfo" in str(d.get("@type"))), None)
    if status == 429:
        ids = [str(violation.get("quotaId")) for d in details for violation in objects(d.get("violations"))]
        return ("day_exhausted" if any("PerDay" in quota_id for quota_id in ids) else "busy"), delay
    if status in (400, 401, 403, 404):
        return "refused", None
    if status >= 500 or status in (408, 425, 499):
        return "unavailable", delay
    return "failed", delay


def _usage(counted: object) -> Usage | None:
    """The tokens of a call; None, unknown, when a count is not one that a call can have."""
    counts = [an_object(counted).get(name, 0) for name in _COUNTS]
    known = all(isinstance(count, int) and 0 <= count <= _MOST_TOKENS for count in counts)
    return Usage(*counts) if known and isinstance(counted, dict) else None


def _seconds(duration: object) -> float | None:
    """A protobuf Duration in JSON, such as "57.359s"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(duration))
    return min(float(found[1]), _LONGEST_DELAY_S) if found else None


# ---------------------------------------------------------------------------------------------------------------- JSON


def decoded(text: bytes) -> object:
    """The value of a JSON text, or None for what is no JSON, or too deeply nested."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def an_object(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in `value` if it is a JSON array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
