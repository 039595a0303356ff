"""One request to Gemini: build it, send it, and classify the result.

google-genai is imported when a client is opened: it costs half a second, and most runs ask nothing. Its own retries
stay off, since they ignore RetryInfo and spend quota unseen; its timeout counts per phase, so ours is
`asyncio.timeout` around the whole attempt.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.address import password_of
from roadmap_assets.enrichment.providers.base import Kind, Outcome, Service, Usage
from roadmap_assets.enrichment.providers.cleaning import Cleaner
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting

if TYPE_CHECKING:
    import httpx2
    from google.genai import types

_MOST_TOKENS = 100_000_000
"""Far beyond any model's context: a larger count is wrong, and could overflow a sum."""
_LONGEST_DELAY_S = 365 * 86_400.0
_GRACE_S = 5.0
"""Beyond the deadline that the flex tier is given, for its own error to arrive."""
_SERVED_BY = "x-gemini-service-tier"


class Gemini:
    """The Gemini API behind one key and address, asked for one profile's columns. Close it after use."""

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        profile: Profile,
        base_url: str | None = None,
        timeout_s: float = 30.0,
        flex_timeout_s: float = 900.0,
        connections: int = 16,
        temperature: float | None = None,
        thinking_level: str | None = None,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
            # It could not be sent, and the HTTP client's error would quote it.
            raise InvalidSetting("GEMINI_API_KEY has a character that no key has, such as a space or a line break")
        # Otherwise the first request imports it (0.1 s, and more on a busy machine) between its permit and its sending.
        import anyio._backends._asyncio  # noqa: F401
        from google import genai
        from google.genai import types

        from roadmap_assets.enrichment.providers.http import open_client

        # The SDK warns of each value that it does not know; they are in the ledger.
        warnings.filterwarnings("ignore", message=".* is not a valid ", module=r"google\.genai\.")
        self.model = model
        self._timeouts_s = {"standard": timeout_s, "flex": flex_timeout_s + _GRACE_S}
        self._cleaner = Cleaner([api_key, *password_of(base_url)])
        self._on_close = on_close
        # A client of ours instead of the SDK's: that would be aiohttp's where it is installed, which retries by itself,
        # and would follow a redirect to another host with the key.
        self._http, certificates = open_client(connections=connections, on_request=_trace_sending)
        self._client = genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url,
                httpx_async_client=self._http,
                client_args={"verify": certificates},
                async_client_args={"ssl": certificates},
            ),
        )
        standard = types.GenerateContentConfig(
            system_instruction=profile.instructions,
            response_mime_type="application/json",
            response_json_schema=profile.reply_schema,
            temperature=temperature,
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel(thinking_level.upper()))
            if thinking_level
            else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )
        # The SDK sends the timeout as X-Server-Timeout: without it, the front end would give up a request that queues.
        flex = {
            "service_tier": types.ServiceTier.FLEX,
            "http_options": types.HttpOptions(timeout=round(flex_timeout_s * 1000)),
        }
        self._configs = {"standard": standard, "flex": standard.model_copy(update=flex)}

    async def ask(
        self,
        questions: Sequence[Question],
        *,
        service: Service = "standard",
        on_sending: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Send one request about these topics; see `Provider.ask`."""
        started = time.monotonic()
        sent = False

        def sending() -> None:
            nonlocal sent
            sent = True
            on_sending()

        _ON_SENDING.set(sending)
        try:
            outcome = await self._send(request_text(questions), service)
        except Exception as error:
            if not sent:
                raise
            # Whatever the SDK raises for a reply of an unforeseen shape: it costs this reply, and not the run.
            detail = f"the reply could not be read: {type(error).__name__}"
            outcome = Outcome(kind="failed", detail=detail, service=service)
        return replace(
            outcome,
            detail=self._cleaner.line(outcome.detail),
            text=self._cleaner.body(outcome.text),
            model_version=self._cleaner.line(outcome.model_version),
            latency_s=time.monotonic() - started,
            sent=sent,
        )

    async def _send(self, text: str, service: Service) -> Outcome:
        """The outcome as the server puts it, not yet cleaned."""
        import httpx2
        from google.genai import errors

        from roadmap_assets.enrichment.providers.http import ReplyTooLarge

        timeout_s = self._timeouts_s[service]
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.aio.models.generate_content(
                    model=self.model, contents=text, config=self._configs[service]
                )
        except TimeoutError:
            return Outcome(kind="timeout", detail=f"no whole reply within {timeout_s:g} s", service=service)
        except errors.APIError as error:
            kind, retry_after_s = classify_error(error.code, error.details)
            if service == "flex" and error.code == 503:
                kind = "shed"
            detail = f"{error.code} {error.status or ''}: {error.message or ''}"
            return Outcome(kind=kind, detail=detail, service=service, retry_after_s=retry_after_s)
        except httpx2.RequestError as error:
            return Outcome(kind="dropped", detail=f"{type(error).__name__}: {error}", service=service)
        except ReplyTooLarge as error:
            return Outcome(kind="failed", detail=str(error), service=service)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return Outcome(kind="failed", detail=f"the reply was not JSON: {error}", service=service)
        except ValueError as error:  # pydantic's, for JSON of another shape
            detail = f"the reply was no GenerateContentResponse: {type(error).__name__}"
            return Outcome(kind="failed", detail=detail, service=service)
        return replace(read_response(response), service=_served_by(response, asked=service))

    async def close(self) -> None:
        """Close the connections, and what was opened for this client."""
        try:
            await self._http.aclose()
            self._client.close()
        finally:
            self._on_close()


_ON_SENDING: ContextVar[Callable[[], None]] = ContextVar("on_sending")
"""Of the call that a task makes; the SDK has no way to hand anything of a call's own down to HTTP."""


async def _trace_sending(request: httpx2.Request) -> None:
    """Notify the call when its request is sent (https://www.python-httpx.org/advanced/extensions/#trace)."""
    on_sending = _ON_SENDING.get()

    async def trace(event: str, _: object) -> None:
        if event.endswith(".send_request_headers.started"):
            on_sending()

    request.extensions["trace"] = trace


def request_text(questions: Sequence[Question], *, first_id: int = 0) -> str:
    """The user content: `{"topics": [{"id": "0", "topic": …, "description": …, "context": …}, …]}`."""
    topics = [{"id": str(number), **question.wire} for number, question in enumerate(questions, first_id)]
    return json.dumps({"topics": topics}, ensure_ascii=False)


def classify_error(status: int, body: object) -> tuple[Kind, float | None]:
    """What an error status means for us, and for how many seconds the server asks to wait.

    A 429 is judged by its quotaId, since RetryInfo may be short although the day's quota is gone (google.rpc.RetryInfo
    and google.rpc.QuotaFailure, https://cloud.google.com/apis/design/errors).
    """
    details = _error_details(body)
    delay = next((_seconds(d.get("retryDelay")) for d in details if "RetryInfo" in str(d.get("@type"))), None)
    if status == 429:
        ids = [str(v.get("quotaId")) for d in details for v in _dicts(d.get("violations"))]
        return ("day_exhausted" if any("PerDay" in quota_id for quota_id in ids) else "busy"), delay
    if status in (400, 401, 403, 404):
        return "refused", None
    if status >= 500 or status in (408, 425, 499):
        return "unavailable", delay
    return "failed", delay


def _error_details(body: object) -> list[Mapping[str, Any]]:
    error = body.get("error") if isinstance(body, Mapping) else None
    return _dicts(error.get("details")) if isinstance(error, Mapping) else []


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _seconds(duration: object) -> float | None:
    """A protobuf Duration in JSON, such as "57.359s"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(duration))
    return min(float(found[1]), _LONGEST_DELAY_S) if found else None


def _served_by(response: types.GenerateContentResponse, *, asked: Service) -> Service:
    """The tier that the reply names; the priority tier, which is never asked for, would count as standard."""
    headers = (response.sdk_http_response.headers if response.sdk_http_response else None) or {}
    named = next((value for name, value in headers.items() if name.lower() == _SERVED_BY), asked)
    return "flex" if named.strip().lower() == "flex" else "standard"


def read_response(response: types.GenerateContentResponse) -> Outcome:
    """The outcome of a reply, not yet cleaned."""
    candidate = response.candidates[0] if response.candidates else None
    finish = _word(candidate.finish_reason) if candidate else ""
    block = _word(response.prompt_feedback.block_reason) if response.prompt_feedback else ""
    parts = (candidate.content.parts if candidate and candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    if text:
        kind: Kind = "replied"
    else:
        kind = "blocked" if block or finish in _UNSAFE else "failed"
    return Outcome(
        kind=kind,
        detail=block or finish or "no candidate",
        text=text,
        cut=finish not in ("STOP", ""),
        usage=_usage(response.usage_metadata),
        model_version=response.model_version or "",
    )


def _usage(counted: types.GenerateContentResponseUsageMetadata | None) -> Usage | None:
    """The tokens of a call; None, unknown, when a count is not one that a call can have."""
    if counted is None:
        return Usage()
    counts = [
        count or 0
        for count in (
            counted.prompt_token_count,
            counted.cached_content_token_count,
            counted.candidates_token_count,
            counted.thoughts_token_count,
        )
    ]
    return Usage(*counts) if all(0 <= count <= _MOST_TOKENS for count in counts) else None


_UNSAFE = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"})


def _word(value: object) -> str:
    return str(getattr(value, "value", value) or "")
