"""Text that must never be shown."""

from __future__ import annotations


class Secret:
    """Text that stays hidden in logs, errors and dumps: only `secret` has it.

    It is no data class on purpose: what writes objects as JSON by their fields would write the text.
    """

    __slots__ = ("secret",)

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return "**********"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.secret == other.secret

    def __hash__(self) -> int:
        return hash(self.secret)
