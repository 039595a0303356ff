"""The engine's overhead over the SDK, without quota or latency."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from roadmap_assets.enrichment.providers.wire import request_text
from roadmap_assets_tests.benchmarks import asking, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_least, at_most

BATCH = 20


def throughput(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `throughput`."""
    rows, repeats = (8_000, 1) if conditions.quick else (20_000, measuring.REPEATS)
    with asking.server() as server:
        for concurrency in (1, 16, 64):
            ours, bare = [], []
            for _ in range(repeats):
                bare.append(measuring.apart(bare_loop, server.url, rows, concurrency))
                ours.append(measuring.apart(our_engine, server.url, rows, concurrency))
                server.reset()
            our_rate, bare_rate = (rows / statistics.median(run.result for run in runs) for runs in (ours, bare))
            # In pairs: other load of the machine changes from minute to minute.
            ratio = statistics.median(theirs.result / our.result for our, theirs in zip(ours, bare, strict=True))
            name = f"concurrency {concurrency}"
            yield Figure(f"{name}: ours", our_rate, "rows/s")
            yield Figure(f"{name}: bare loop", bare_rate, "rows/s")
            yield Figure(
                f"{name}: ours ÷ bare loop", ratio, "", at_least(0.8 if concurrency > 1 else 0.5), "median of the pairs"
            )
            yield Figure(f"{name}: our peak memory", max(run.peak_mb for run in ours), "MB", at_most(400))
            yield Figure(f"{name}: the bare loop's peak memory", max(run.peak_mb for run in bare), "MB")
        yield Remark(
            "Beside the calls, the engine checks every answer, takes a permit for each call from the limiter, and "
            "stores it all; storing has threads of its own, on two cores of which the simulator needs one."
        )
        yield Remark(
            "openaivec (2.9.3), which fills columns of a frame by OpenAI's models, cannot be put beside them: it calls "
            "OpenAI's Responses API, which neither Gemini nor the simulator has."
        )


def our_engine(url: str, rows: int, concurrency: int) -> float:
    """Seconds for a first run of the engine: look-up, calls, checks, and every answer stored."""
    # The bare loop's import is not counted either; and DuckDB imports pandas, which the command line hides from it.
    import google.genai  # noqa: F401
    import pandas  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        access = asking.access_to(url, Path(folder), concurrency=concurrency)
        return asking.ask(access, asking.questions(access, rows)).wall_s


def bare_loop(url: str, rows: int, concurrency: int) -> float:
    """Seconds for the same requests through the SDK alone: as many loops as calls in flight, replies thrown away."""
    import httpx2
    from google import genai
    from google.genai import types

    access = asking.access_to(url, Path())
    asked = asking.questions(access, rows)
    texts = iter([request_text(asked[start : start + BATCH]) for start in range(0, rows, BATCH)])
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency, keepalive_expiry=60)
    # Without a client given, the SDK takes aiohttp's where that is installed.
    http = httpx2.AsyncClient(limits=limits, timeout=None)
    options = types.HttpOptions(base_url=url, httpx_async_client=http)
    client = genai.Client(api_key="any", vertexai=False, http_options=options)
    config = types.GenerateContentConfig(
        system_instruction=access.profile.instructions,
        response_mime_type="application/json",
        response_json_schema=access.profile.reply_schema,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )

    async def one_loop() -> None:
        for text in texts:
            await client.aio.models.generate_content(model=access.model, contents=text, config=config)

    async def all_loops() -> None:
        await asyncio.gather(*(one_loop() for _ in range(concurrency)))
        await http.aclose()

    began = time.perf_counter()
    asyncio.run(all_loops())
    return time.perf_counter() - began
