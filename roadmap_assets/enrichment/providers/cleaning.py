"""The one place that every text from a server passes before it is kept, logged or shown.

A server may quote the key that it was sent, plainly, in Base64 or in part, and its texts may hold escape sequences that
a terminal obeys. Both are removed here.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

MAX_LINE_CHARS: Final = 500
_MIN_PART: Final = 8
"""This many consecutive characters of a secret are removed; fewer reveal nothing of use."""
_CHUNK: Final = _MIN_PART // 2
"""Any part of that length holds one of the chunks into which a secret is cut: a quick way to rule parts out."""
_MIN_SECRET: Final = 16
"""A shorter key may be an ordinary word, as in tests: it is removed from error texts, and not from answers."""

_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -~]?)")
_JSON_ESCAPE: Final = re.compile(r"\\u00([2-7][0-9a-fA-F])")


def one_line(text: str) -> str:
    """The text on one line of at most 500 characters, without escape sequences, control and invisible characters."""
    kept = _ESCAPE_SEQUENCE.sub("", text[: 20 * MAX_LINE_CHARS])
    visible = "".join(" " if mark.isspace() else mark for mark in kept if mark.isspace() or _visible(mark))
    return " ".join(visible.split())[:MAX_LINE_CHARS]


def _visible(mark: str) -> bool:
    return unicodedata.category(mark) not in ("Cc", "Cf", "Cs")


class Cleaner:
    """Cleans texts from a server that was sent these secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._short = [secret for secret in secrets if 0 < len(secret) < _MIN_SECRET]
        self._forms = [form for secret in secrets if len(secret) >= _MIN_SECRET for form in _forms(secret)]
        self._chunks = {
            form[start : start + _CHUNK] for form in self._forms for start in range(0, len(form) - _CHUNK + 1, _CHUNK)
        }

    def line(self, text: str) -> str:
        """An error text, finish reason, model version and the like."""
        for secret in self._short:
            text = text.replace(secret, "…")
        return one_line(self.body(one_line(text)))

    def body(self, text: str) -> str:
        """The text of a reply, which is JSON: only secrets are removed; the rest is checked as data."""
        if not self._forms:
            return text
        if "\\u00" in text:
            text = _JSON_ESCAPE.sub(_unescaped, text)
        return self._without_secrets(text) if any(chunk in text for chunk in self._chunks) else text

    def _without_secrets(self, text: str) -> str:
        kept: list[str] = []
        position = 0
        while position < len(text):
            end = position + _MIN_PART
            forms = [form for form in self._forms if text[position:end] in form] if end <= len(text) else []
            if not forms:
                kept.append(text[position])
                position += 1
                continue
            while end < len(text) and any(text[position : end + 1] in form for form in forms):
                end += 1
            kept.append("…")
            position = end
        return "".join(kept)


def _unescaped(found: re.Match[str]) -> str:
    mark = chr(int(found[1], 16))
    return found[0] if mark in '"\\' else mark


def _forms(secret: str) -> list[str]:
    """The secret, and what Base64 makes of it at each of the three places where it may start in a longer text."""
    encoded = [base64.b64encode(b"\0" * shift + secret.encode()).decode()[shift + 1 : -4] for shift in range(3)]
    return [secret, *encoded, *(form.translate({43: "-", 47: "_"}) for form in encoded if set(form) & {"+", "/"})]
