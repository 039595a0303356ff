"""Asking a simulator as the engine does: with google-genai's asynchronous client, and no repair of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx2
from google import genai
from google.genai import types

MODEL = "gemini-3.5-flash-lite"

SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "topic": {"type": "string"},
            "tldr": {"type": "string"},
            "challenge": {"type": "string", "enum": ["practice", "expert"]},
        },
        "required": ["id", "topic", "tldr", "challenge"],
    },
}

TOPICS = [
    {"id": "0", "topic": "Partitions", "description": "Slices of an asset that are made apart.", "context": "Assets"},
    {"id": "1", "topic": "Sensors", "description": "They watch the world and ask for runs.", "context": "Automation"},
    {"id": "2", "topic": "Backfills", "description": "", "context": "Automation"},
]

T = TypeVar("T")


def with_client(
    url: str, use: Callable[[genai.Client], Awaitable[T]], *, key: str = "any", timeout_ms: int | None = None
) -> T:
    """Run ``use`` with a client of the SDK that asks this URL."""

    async def run() -> T:
        # Without a client given, the SDK takes aiohttp's where that is installed, with other errors.
        async with httpx2.AsyncClient() as http:
            options = types.HttpOptions(base_url=url, timeout=timeout_ms, httpx_async_client=http)
            client = genai.Client(vertexai=False, api_key=key, http_options=options)
            try:
                return await use(client)
            finally:
                client.close()

    return asyncio.run(run())


async def generate(
    client: genai.Client, *, topics: Sequence[dict[str, str]] = TOPICS, model: str = MODEL, **config: Any
) -> types.GenerateContentResponse:
    return await client.aio.models.generate_content(
        model=model,
        contents=json.dumps({"topics": list(topics)}),
        config=types.GenerateContentConfig(
            system_instruction="Answer for each topic.",
            response_mime_type="application/json",
            response_json_schema=SCHEMA,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            **config,
        ),
    )


def ask(url: str, *, key: str = "any", **asked: Any) -> types.GenerateContentResponse:
    """One ``generateContent``."""
    return with_client(url, lambda client: generate(client, **asked), key=key)


def rows(response: types.GenerateContentResponse) -> list[dict[str, str]]:
    answered: list[dict[str, str]] = json.loads(response.text or "")
    return answered


def raw_request(**changes: Any) -> dict[str, Any]:
    """The JSON of a request, with parts of it exchanged; None leaves one out."""
    request = {
        "contents": [{"role": "user", "parts": [{"text": json.dumps({"topics": TOPICS})}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
    }
    return {name: value for name, value in (request | changes).items() if value is not None}


def post(url: str, body: Any, *, path: str = f"/v1beta/models/{MODEL}:generateContent") -> httpx2.Response:
    """A request as it is, without the SDK; ``body`` bytes, or what becomes JSON."""
    return httpx2.post(url + path, content=body if isinstance(body, bytes) else json.dumps(body).encode())
