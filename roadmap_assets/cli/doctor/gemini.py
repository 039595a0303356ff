"""Is there a key, does Gemini take it, and does it have the model? Nothing is generated, so nothing is charged."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roadmap_assets.cli.doctor.finding import Findings
from roadmap_assets.enrichment.providers.cleaning import Cleaner
from roadmap_assets.settings import Settings, variable_of

if TYPE_CHECKING:
    from google import genai

TIMEOUT_MS = 10_000
"""The shortest that the server accepts."""


def check_key(settings: Settings) -> Findings:
    """The key: `GET /v1/models`, which no quota counts."""
    return _checked("key", settings, _list_models)


def check_model(settings: Settings) -> Findings:
    """The models' names: one `countTokens` for each, which is free."""
    return _checked("model", settings, _count_tokens)


def _checked(check: str, settings: Settings, ask: Callable[[genai.Client, Settings, Findings], None]) -> Findings:
    findings = Findings(check)
    key = settings.gemini_api_key
    if settings.offline:
        findings.skip("ROADMAP_OFFLINE is set: the simulator answers, and no key is needed")
        return findings
    if key is None:
        if check == "key":
            findings.fail(
                "there is no API key",
                "set GEMINI_API_KEY in the environment or in .env (a free one: https://aistudio.google.com/apikey), "
                "or use --offline",
            )
        else:
            findings.skip("not checked without a key")
        return findings
    import httpx2
    from google import genai
    from google.genai import errors, types

    secret = key.secret
    options = types.HttpOptions(base_url=settings.gemini_base_url, timeout=TIMEOUT_MS)
    cleaner = Cleaner([secret])
    client = genai.Client(api_key=secret, vertexai=False, http_options=options)
    try:
        ask(client, settings, findings)
    except errors.APIError as error:
        said = cleaner.line(f"{error.code} {error.message or error.status or ''}")
        findings.fail(f"Gemini answers {said}", _remedy(error.code))
    except (httpx2.HTTPError, OSError, ValueError) as error:
        said = cleaner.line(f"{type(error).__name__}: {error}")
        findings.fail(
            f"Gemini cannot be reached ({said})",
            "check the network, the proxy, and GOOGLE_GEMINI_BASE_URL if it is set",
        )
    finally:
        client.close()
    return findings


def _list_models(client: genai.Client, settings: Settings, findings: Findings) -> None:
    names = [name.removeprefix("models/") for model in client.models.list() if (name := model.name)]
    where = f" at {settings.gemini_base_url}" if settings.gemini_base_url else ""
    findings.ok(f"accepted{where}; {len(names)} model{'' if len(names) == 1 else 's'} available")


def _count_tokens(client: genai.Client, settings: Settings, findings: Findings) -> None:
    from google.genai import errors

    for field in ("model", "fallback_model"):
        if not (asked := getattr(settings, field)):
            continue
        try:
            counted: Any = client.models.count_tokens(model=asked, contents="ping")
        except errors.APIError as error:
            if error.code != 404:
                raise
            names = [name.removeprefix("models/") for model in client.models.list() if (name := model.name)]
            near = difflib.get_close_matches(asked, names, n=3)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            findings.fail(f"Gemini has no model {asked!r}", f"{hint}Set {variable_of(field)}")
        else:
            findings.ok(f"{asked} answers (countTokens: {counted.total_tokens})")


def _remedy(code: int) -> str:
    if code in (400, 401, 403):
        return "check GEMINI_API_KEY; a new key: https://aistudio.google.com/apikey"
    if code == 429:
        return "the quota is used up for now; try again later"
    return "try again later"
