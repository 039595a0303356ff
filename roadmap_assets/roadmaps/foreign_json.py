"""Values of JSON that others wrote, read as what we expect, or as nothing."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


def load_json(text: str) -> Any:
    """Parse JSON, with or without a byte order mark. Raises ValueError, also for JSON nested too deeply."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A string (or a number's digits) on one line, without characters that databases and terminals refuse; else ''."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if not text.isprintable():
        text = _UNPRINTABLE.sub("", text)
    return " ".join(text.split())
