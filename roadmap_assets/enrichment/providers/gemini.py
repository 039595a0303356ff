"""One request to Gemini: send it, and report what came back.

It is one POST, made with the HTTP client itself: google-genai's `generate_content` adds 1.2 ms of processor time to the
0.7 ms that the request takes, and half a second for its import. It would also have to be kept from sending more
requests than the quota knows of: its own retries, and those that continue a reply which was cut.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.address import password_of
from roadmap_assets.enrichment.providers.base import Outcome, Service
from roadmap_assets.enrichment.providers.cleaning import Cleaner
from roadmap_assets.enrichment.providers.wire import (
    GEMINI,
    VERSION,
    contents,
    decoded,
    encoded,
    fixed_members,
    read_error,
    read_reply,
)
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting

if TYPE_CHECKING:
    import httpx2

_GRACE_S = 5.0
"""Beyond the deadline that the flex tier is given, for its own error to arrive."""


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
        import httpx2

        from roadmap_assets.enrichment.providers.http import open_client

        self.model = model
        self._cleaner = Cleaner([api_key, *password_of(base_url)])
        self._on_close = on_close
        path = model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"
        self._url = httpx2.URL(f"{(base_url or GEMINI).rstrip('/')}/{VERSION}/{quote(path)}:generateContent")
        self._http, _ = open_client(connections=connections, tls=self._url.scheme == "https")
        headers = {"x-goog-api-key": api_key, "content-type": "application/json"}
        fixed = fixed_members(profile, temperature=temperature, thinking_level=thinking_level)
        flex = {**fixed, "serviceTier": "flex"}
        # The timeout is for the front end, which would otherwise give up a request that queues.
        flex_headers = {**headers, "x-server-timeout": str(math.ceil(flex_timeout_s))}
        self._terms: dict[str, _Terms] = {
            "standard": _Terms(encoded(fixed), headers, timeout_s),
            "flex": _Terms(encoded(flex), flex_headers, flex_timeout_s + _GRACE_S),
        }

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

        async def trace(event: str, _: object) -> None:
            """See https://www.python-httpx.org/advanced/extensions/#trace."""
            nonlocal sent
            if event.endswith(".send_request_headers.started"):
                sent = True
                on_sending()

        outcome = await self._send(questions, service, trace)
        return replace(
            outcome,
            detail=self._cleaner.line(outcome.detail),
            text=self._cleaner.body(outcome.text),
            model_version=self._cleaner.line(outcome.model_version),
            latency_s=time.monotonic() - started,
            sent=sent,
        )

    async def _send(self, questions: Sequence[Question], service: Service, trace: Callable[..., Any]) -> Outcome:
        """The outcome as the server puts it, not yet cleaned."""
        import httpx2

        from roadmap_assets.enrichment.providers.http import ReplyTooLarge

        terms = self._terms[service]
        content = encoded({"contents": contents(questions)})[:-1] + b"," + terms.fixed[1:]
        try:
            async with asyncio.timeout(terms.timeout_s):
                response = await self._http.post(
                    self._url, content=content, headers=terms.headers, extensions={"trace": trace}
                )
        except TimeoutError:
            return Outcome(kind="timeout", detail=f"no whole reply within {terms.timeout_s:g} s", service=service)
        except httpx2.RequestError as error:
            return Outcome(kind="dropped", detail=f"{type(error).__name__}: {error}", service=service)
        except ReplyTooLarge as error:
            return Outcome(kind="failed", detail=str(error), service=service)
        if response.status_code != 200:
            outcome = read_error(response.status_code, response.reason_phrase, response.content)
            shed = service == "flex" and response.status_code == 503
            return replace(outcome, kind="shed" if shed else outcome.kind, service=service)
        return replace(read_reply(decoded(response.content)), service=_served_by(response, asked=service))

    async def close(self) -> None:
        """Close the connections, and what was opened for this client."""
        try:
            await self._http.aclose()
        finally:
            self._on_close()


class _Terms(Struct, frozen=True):
    """What the requests to one service have in common; `fixed` is the JSON object of their fixed members."""

    fixed: bytes
    headers: Mapping[str, str]
    timeout_s: float


def _served_by(response: httpx2.Response, *, asked: Service) -> Service:
    """The tier that the reply names; the priority tier, which is never asked for, would count as standard."""
    named = response.headers.get("x-gemini-service-tier", asked)
    return "flex" if named.strip().lower() == "flex" else "standard"
