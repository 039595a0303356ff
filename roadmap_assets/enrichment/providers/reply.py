"""A reply's text, matched to the topics that were asked: what is good is kept, and of the rest it is said why not.

A reply is trusted in nothing. An object counts only for an id that was asked, when it echoes that id's topic and keeps
the profile's rules; so an answer is stored at its own topic or not at all, however damaged the reply is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from roadmap_assets.enrichment.profiles.profile import Profile, RuleBroken

if TYPE_CHECKING:
    from pydantic import JsonValue

RejectionKind = Literal["missing", "doubled", "swapped", "rule"]


class Rejection(Struct, frozen=True):
    """Why a topic that was asked has no answer.

    missing: no object has its id; doubled: several have, and they differ; swapped: the object with its id echoes
    another topic; rule: a column breaks a rule of the profile.
    """

    kind: RejectionKind
    reason: str


class Matched(Struct, frozen=True):
    """A reply, taken apart. Each id that was asked is either in `answers` or in `rejected`."""

    answers: dict[str, dict[str, JsonValue]]
    rejected: dict[str, Rejection]
    unknown: int
    """Objects with an id that was not asked, or with none."""
    damage: str | None
    """Why the reply as a whole is no good, or None; what is whole in it counts all the same."""


def match_reply(text: str, *, asked: Mapping[str, str], profile: Profile) -> Matched:
    """The answers in a reply's `text` to the topics `asked` (id -> topic). Raises nothing, whatever the text.

    Harmless: an array inside an object or a code fence, words around it, an id that is a number, another order, the
    same answer twice.
    """
    values, damage = _decoded(text, failures=_FAILURES + _FAILURES_PER_TOPIC * len(asked))
    found: dict[str, list[dict[str, Any]]] = {topic_id: [] for topic_id in asked}
    unknown = strays = 0
    for item in _items(values):
        if not isinstance(item, dict):
            strays += 1
        elif (topic_id := _id(item.get("id"))) in found:
            found[topic_id].append(item)
        else:
            unknown += 1
    if not damage and strays:
        damage = "the reply holds something else among its objects"
    if not damage and not unknown and not any(found.values()):
        damage = "the reply holds no answers"
    answers: dict[str, dict[str, JsonValue]] = {}
    rejected: dict[str, Rejection] = {}
    for topic_id, topic in asked.items():
        verdict = _judged(found[topic_id], topic, profile)
        if isinstance(verdict, Rejection):
            rejected[topic_id] = verdict
        else:
            answers[topic_id] = verdict
    return Matched(answers=answers, rejected=rejected, unknown=unknown, damage=damage)


def topic_ids(text: str) -> list[str]:
    """The ids that the objects of a reply have, in any number and order."""
    values, _ = _decoded(text, failures=_FAILURES)
    return [_id(item.get("id")) for item in _items(values) if isinstance(item, dict)]


def _judged(objects: list[dict[str, Any]], topic: str, profile: Profile) -> dict[str, JsonValue] | Rejection:
    """The result of the objects with one id."""
    verdicts = [_judged_alone(item, topic, profile) for item in objects]
    if not verdicts:
        return Rejection("missing", "the reply has no object with its id")
    if any(verdict != verdicts[0] for verdict in verdicts):
        return Rejection("doubled", f"the reply has {len(verdicts)} different objects with its id")
    return verdicts[0]


def _judged_alone(item: dict[str, Any], topic: str, profile: Profile) -> dict[str, JsonValue] | Rejection:
    echoed = item.get("topic")
    if not isinstance(echoed, str):
        return Rejection("swapped", "the topic was not echoed, so it is not known whose answer this is")
    if echoed != topic and _compared(echoed) != _compared(topic):
        return Rejection("swapped", "another topic was echoed under its id")
    try:
        return profile.checks.accept(item)
    except RuleBroken as broken:
        return Rejection("rule", broken.reason)


def _id(value: object) -> str:
    """The id as it was sent, "0", from the one in the reply: "0", " 0" or 0; empty if it is not an id."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) else ""


_LOOKALIKES: Final = {ord(mark): "'" for mark in "‘’ʼ´`"} | {ord(mark): '"' for mark in "“”„"} | {ord("−"): "-"}
_KEPT_APART: Final = {"Cf": "", "Pd": "-"}


def _compared(topic: str) -> str:
    """A topic as two of them are compared: without case, width, white space, invisible characters, and without the
    shape of quotes and dashes, which models straighten while they copy."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", topic.translate(_LOOKALIKES)).casefold())
    return " ".join("".join(_KEPT_APART.get(unicodedata.category(mark), mark) for mark in plain).split())


_START: Final = re.compile(r'\[\s*(?:[\[\]{"]|\Z)|\{\s*(?:["}]|\Z)')
"""Where JSON may begin among other words: an object, or an array of arrays, objects or texts."""
_HTML: Final = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_FAILURES: Final = 20
_FAILURES_PER_TOPIC: Final = 4
"""A failed start costs a pass over the text, so their number is bounded: a damaged object has few starts inside it."""


def _decoded(text: str, *, failures: int) -> tuple[list[object], str | None]:
    """Every complete JSON value in `text`, outermost first, and what is wrong with the text as a whole.

    Where a value breaks off, the search goes on inside it: of an array that was cut, the complete objects are found.
    At most `failures` beginnings are tried in vain.
    """
    values: list[object] = []
    damage = _known_damage(text)
    position = 0
    while failures and (start := _START.search(text, position)):
        try:
            value, position = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError) as error:
            damage = damage or _named(error, text)
            failures -= 1
            position = start.start() + 1
        else:
            values.append(value)
    return values, damage


def _known_damage(text: str) -> str | None:
    if not text.strip():
        return "the reply is empty"
    if _HTML.match(text):
        return "the reply is an HTML page"
    return None if _START.search(text) else "the reply is not JSON"


def _without_repeats(members: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; ValueError when it names a member twice, as when two topics' objects have run together."""
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("an object names a member twice")
    return found


_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=lambda _: None, object_pairs_hook=_without_repeats)
"""Takes line breaks inside texts, and reads NaN and Infinity, which are no JSON, as null."""


def _named(error: ValueError | RecursionError, text: str) -> str:
    if isinstance(error, RecursionError):
        return "the reply is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        return "the reply breaks off" if cut else f"the reply is broken JSON: {error.msg} at character {error.pos}"
    return f"the reply is broken JSON: {error}"


def _items(values: list[object]) -> Iterator[object]:
    """The objects that have an id or a topic, without any wrapping, and whatever takes their place in an array."""
    waiting = values[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict) and not {"id", "topic"} & value.keys():
            waiting += reversed([part for part in value.values() if isinstance(part, dict | list)])
        else:
            yield value
