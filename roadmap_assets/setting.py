"""One setting: the variables that set it, its limits, also in words, and how text becomes its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Meta, Struct, ValidationError, convert

from roadmap_assets.secret import Secret

URL = r"^https?://[^/?#\s]+[^?#\s]*$"
URLS = r"^https?://[^/?#\s,]+[^?#\s,]*(,\s*https?://[^/?#\s,]+[^?#\s,]*)*$"
NAME = r"^[\w.-]+(/[\w.-]+)*$"


def secret_of(text: str) -> Secret | None:
    """A key; None for an empty text. Raises ValueError for one that no HTTP header can carry."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("it has a space, or a sign that is not ASCII")
    return Secret(text) if text else None


class Setting(Struct, frozen=True):
    """A field of `Settings`: its type, default, limits and variables."""

    type: Any
    default: Any
    meta: Meta
    variables: Sequence[str]
    """The environment variables that set it, the one to show first."""

    @property
    def meaning(self) -> str:
        """What it is for."""
        return self.meta.description or ""

    @property
    def kind(self) -> Any:
        """Its type, where it is set."""
        return get_args(self.type)[0] if type(None) in get_args(self.type) else self.type

    def value_of(self, given: Any) -> Any:
        """Convert a variable's text, or check a value that was given.

        Raises ValueError; its message, where it has one, is for the user.
        """
        given = given.strip() if isinstance(given, str) else given
        if read := (self.meta.extra or {}).get("read"):
            return read(given)
        try:
            return convert(given, Annotated[self.kind, self.meta], strict=False)
        except ValidationError:
            raise ValueError from None  # `allowed` tells the user more than the library's message

    @property
    def is_secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.kind is Secret

    @property
    def allowed(self) -> str:
        """What the value may be, in words, such as `a whole number, at least 1 and at most 20`."""
        if self.is_secret:
            return "letters, digits and signs without spaces"
        words = [_KINDS[self.kind]] if self.kind in _KINDS else []
        if get_origin(self.kind) is Literal:
            words.append(_one_of(get_args(self.kind)))
        limits = {name: value for name in _RULES if (value := getattr(self.meta, name)) is not None}
        rules = [_RULES[name].format(_PATTERNS.get(value, value)) for name, value in limits.items()]
        return ", ".join(filter(None, (*words, " and ".join(rules)))) or "any text"


def _one_of(choices: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
_RULES = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "min_length": "not empty",
    "pattern": "{}",
}
_PATTERNS = {
    URL: "an address that begins with http:// or https://",
    URLS: "an address that begins with http:// or https://, or several, separated by commas",
    NAME: "letters, digits, -, _ and ., in parts separated by /",
}
