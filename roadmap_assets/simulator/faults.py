"""Fault plans: which calls go wrong, and how. Built in Python or loaded from a JSON file.

    FaultPlan((
        Rule(Status(429, quota="minute", retry_delay_s=3), calls=(2,)),
        Rule(Edit("omit"), first=5),
        Rule(Finish("SAFETY"), topic="A poison topic"),
    ))

and the same as JSON::

    {"rules": [
        {"fault": {"kind": "status", "code": 429, "quota": "minute", "retry_delay_s": 3}, "calls": [2]},
        {"fault": {"kind": "edit", "what": "omit"}, "first": 5},
        {"fault": {"kind": "finish", "reason": "SAFETY"}, "topic": "A poison topic"}
    ]}
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.simulator.quotas import QuotaName

_STRICT = ConfigDict(extra="forbid")

EVERY = "*"
"""As the topic of an ``Edit``: all objects of the reply."""


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status and Gemini's body for it.

    ``quota``: which quota a 429 names; ``retry_delay_s``: its RetryInfo, None leaves it out; ``reason``: adds an
    ErrorInfo (``API_KEY_INVALID``); ``body``: sent as it is, instead of Gemini's; ``after_s``: how long it takes.
    """

    code: Annotated[int, Field(ge=400, le=599)]
    quota: QuotaName = "minute"
    retry_delay_s: float | None = None
    reason: str = ""
    body: str | None = None
    after_s: float = 0.0
    kind: Literal["status"] = "status"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection before any byte of the reply, or after half of its body.

    ``reset``: break it off (RST) instead of closing it in order (FIN).
    """

    at: Literal["before", "middle"] = "before"
    reset: bool = False
    kind: Literal["drop"] = "drop"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Hang:
    """Answer, as always, only after this many seconds; None: never, until the client leaves."""

    seconds: float | None = None
    kind: Literal["hang"] = "hang"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Drip:
    """Send the body in small pieces with a pause before each, so that every single wait is short."""

    pause_s: float = 1.0
    chunk_bytes: Annotated[int, Field(ge=1)] = 16
    kind: Literal["drip"] = "drip"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Edit:
    """Change the objects of the reply.

    ``topic`` names the topic whose object it is; '' is the first of the reply, ``*`` all.

    ========== ======================================================================
    omit       the object is missing
    unknown    one more object, with an id that was not asked
    double     the object comes twice, with different texts
    reverse    the objects come in reverse order
    swap       the object and its right neighbour have changed places, but for the ids
    long_text  the first free text has more than twelve words
    full_stop  the first free text ends with a full stop
    bad_level  the first column chosen from a list has a value that is not in it
    sloppy     white space around the first free text, capitals in the level
    string     a string is among the objects
    ========== ======================================================================
    """

    what: Literal[
        "omit",
        "unknown",
        "double",
        "reverse",
        "swap",
        "long_text",
        "full_stop",
        "bad_level",
        "sloppy",
        "string",
    ]
    topic: str = ""
    kind: Literal["edit"] = "edit"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Garble:
    """A reply with status 200 that is not what was asked for: as a whole, not in one of its objects."""

    what: Literal["not_json", "fenced", "html", "empty", "no_candidates"]
    kind: Literal["garble"] = "garble"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Cut:
    """The text ends after this share of it, with finishReason MAX_TOKENS."""

    keep: Annotated[float, Field(ge=0, le=1)] = 0.6
    kind: Literal["cut"] = "cut"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class Finish:
    """A finishReason other than STOP (SAFETY, RECITATION, an unknown one), without content unless asked for."""

    reason: str
    content: bool = False
    kind: Literal["finish"] = "finish"
    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True)
class BlockPrompt:
    """The request is blocked before anything is generated: promptFeedback, and no candidates."""

    reason: str = "SAFETY"
    kind: Literal["block_prompt"] = "block_prompt"
    __pydantic_config__ = _STRICT


Fault: TypeAlias = Status | Drop | Hang | Drip | Edit | Garble | Cut | Finish | BlockPrompt


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault, and the calls it happens to: those that fulfil every condition given; without one, every call.

    ``calls``: these, counted from 1 over all calls that the quotas admit. ``first``: this many, from the first
    on. ``topic``: those that ask for a topic of this name. ``probability``: this share of them, by the plan's seed.
    ``times``: at most this many.
    """

    fault: Annotated[Fault, Field(discriminator="kind")]
    calls: tuple[int, ...] = ()
    first: int | None = None
    topic: str | None = None
    probability: float = 1.0
    times: int | None = None
    __pydantic_config__ = _STRICT

    def holds(self, call: int, topics: Collection[str]) -> bool:
        return (
            (not self.calls or call in self.calls)
            and (self.first is None or call <= self.first)
            and (self.topic is None or self.topic in topics)
        )


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules in order: the first that holds for a call is the fault of that call."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    __pydantic_config__ = _STRICT

    @classmethod
    def load(cls, path: Path) -> FaultPlan:
        """Read a plan from a JSON file; raises InvalidSetting naming the file and what is wrong in it."""
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes())
        except OSError as error:
            raise InvalidSetting(f"cannot read the fault plan {path}: {error.strerror}") from error
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
            raise InvalidSetting(f"the fault plan {path} is not valid: {wrong}") from error


class FaultCursor:
    """A plan on its way: how many calls there were, and how often each rule has held."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self.reset()

    def reset(self) -> None:
        """Start the plan again."""
        self._calls = 0
        self._used = [0] * len(self._plan.rules)
        self._random = Random(self._plan.seed)  # noqa: S311 - decides about faults, guards nothing

    def next(self, topics: Collection[str]) -> Fault | None:
        """Count a call that asks for these topics and say what goes wrong with it, if anything."""
        self._calls += 1
        for index, rule in enumerate(self._plan.rules):
            if rule.times is not None and self._used[index] >= rule.times:
                continue
            if rule.holds(self._calls, topics) and self._random.random() < rule.probability:
                self._used[index] += 1
                return rule.fault
        return None
