"""What a rule is, and what it finds in one roadmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from msgspec import Struct

_NAMED: Final = 5

_T = TypeVar("_T")


class Finding(Struct, frozen=True):
    """What a rule has found in one roadmap: how many `unit` it looked at, and which of them break it."""

    passed: bool
    checked: int
    unit: str
    offenders: Sequence[str] = ()

    @property
    def description(self) -> str:
        """Such as "134 topics, 0 offenders" or "9 topics, 7 offenders: Loops, Lists, Sets, Maps, Trees and 2 more"."""
        count, named = len(self.offenders), ", ".join(self.offenders[:_NAMED])
        checked = f"{_counted(self.checked, self.unit)}, {_counted(count, 'offenders')}"
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        return f"{checked}: {named}{more}" if count else checked


class Rule(Struct, Generic[_T], frozen=True):
    """Something that should hold for a roadmap.

    `find` returns the offenders of one, and up to the share `tolerance` of the rows `checked` is accepted. What breaks
    an `error` rule is wrong; when the rule is `blocking` as well, the roadmap goes no further.
    """

    name: str
    description: str
    find: Callable[[_T], Sequence[str]]
    checked: Callable[[_T], int]
    unit: str = "topics"
    tolerance: float = 0.0
    error: bool = False
    blocking: bool = False

    def finding(self, data: _T) -> Finding:
        """What the rule finds in a roadmap."""
        offenders, checked = self.find(data), self.checked(data)
        return Finding(len(offenders) <= self.tolerance * checked, checked, self.unit, offenders)


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural[:-1] if count == 1 else plural}"
