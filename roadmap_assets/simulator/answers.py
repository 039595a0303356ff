"""Answers of the simulator: drawn from the topics' own texts, held to the schema of the request, always the same.

The topics of the packaged sample have answers worth reading, in `sample_answers.json`, by roadmap and topic.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any, Final
from zlib import crc32

from roadmap_assets.simulator.wire import AskedTopic, BadRequest

Row = dict[str, Any]
"""One object of a reply."""

MAX_WORDS = 12

_SENTENCE = re.compile(r"\S.*?(?:[.!?;:](?=\s)|$)", re.MULTILINE)
_WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
_BULLETS = "#>*-• \t"
_CLOSING = " .,;:!?…–—-'\"`*_(。！？，；：、"
_DANGLING = re.compile(
    r"a|an|and|are|as|at|be|but|by|for|from|how|in|into|is|it|its|not|of|on|or|so|such|than|that|the|their|then|these"
    r"|they|this|to|was|what|when|where|which|while|who|will|with|you|your",
    re.IGNORECASE,
)


class Columns:
    """The columns that a ``responseJsonSchema`` asks for: an array of objects with ``id``, ``topic`` and more."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        item = self._resolved(self._resolved(schema).get("items", {}))
        self.properties: Mapping[str, Any] = item.get("properties", {})
        if not {"id", "topic"} <= self.properties.keys():
            raise BadRequest(
                "The simulator answers a responseJsonSchema that is an array of objects with id and topic."
            )
        self.asked = [name for name in self.properties if name not in ("id", "topic")]

    @property
    def text(self) -> str:
        """The first column of free text, '' when there is none."""
        return next((name for name in self.asked if self._is_text(self._resolved(self.properties[name]))), "")

    @property
    def level(self) -> str:
        """The first column that is chosen from a list, '' when there is none."""
        return next((name for name in self.asked if "enum" in self._resolved(self.properties[name])), "")

    def answer(self, topic: AskedTopic) -> Row:
        """One object of the reply."""
        phrases = cycle(phrases_of(topic))
        written = written_answer(topic)
        row: Row = {"id": topic.id, "topic": topic.topic}
        for name in self.asked:
            schema = self.properties[name]
            if name in written and self._allows(schema, written[name]):
                row[name] = written[name]
            else:
                row[name] = self._value(schema, phrases=phrases, seed=f"{name}\0{topic.topic}")
        return row

    def change_level(self, row: Row) -> None:
        """Give the row the next value of the column that is chosen from a list, if there is one."""
        if self.level:
            choices = self._resolved(self.properties[self.level])["enum"]
            row[self.level] = choices[(choices.index(row[self.level]) + 1) % len(choices)]

    def _allows(self, schema: Mapping[str, Any], text: str) -> bool:
        resolved = self._resolved(schema)
        return text in resolved["enum"] if "enum" in resolved else self._is_text(resolved)

    def _value(self, schema: Mapping[str, Any], *, phrases: Iterator[str], seed: str) -> Any:
        """A value that the schema allows: texts are the next phrases, the rest is chosen by the hash of the seed."""
        schema = self._resolved(schema)
        number = crc32(seed.encode(errors="replace"))

        def part(of: Mapping[str, Any], name: object) -> Any:
            return self._value(of, phrases=phrases, seed=f"{seed}\0{name}")

        if "const" in schema:
            return schema["const"]
        if choices := schema.get("enum"):
            return choices[number % len(choices)]
        match _type_of(schema):
            case "boolean":
                return bool(number % 2)
            case "integer" | "number":
                low = schema.get("minimum", 0)
                high = schema.get("maximum", low + 9)
                return low + number % (int(high - low) + 1)
            case "array":
                least, most = schema.get("minItems", 2), schema.get("maxItems", 3)
                return [part(schema.get("items", {}), index) for index in range(min(max(least, 1), most))]
            case "object":
                return {name: part(value, name) for name, value in schema.get("properties", {}).items()}
            case "null":
                return None
            case _:
                phrase = next(phrases)
                return phrase[: schema.get("maxLength", len(phrase))]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind ``$ref`` and, of alternatives, the first that is not null."""
        while True:
            if "$ref" in schema:
                schema = self._root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
            elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
                schema = next((one for one in alternatives if one.get("type") != "null"), {"type": "null"})
            else:
                return schema

    def _is_text(self, schema: Mapping[str, Any]) -> bool:
        return _type_of(schema) == "string" and "enum" not in schema and "const" not in schema


@dataclass(frozen=True, slots=True)
class Bias:
    """How often the level of a topic is wrong, 0 to 1, drawn for each topic of each call from `seed`.

    `noise`: everywhere. `drift`: in the last third of a batch too. `long_batches`: in batches of more than ten too.
    `prefers`: of two annotations that are to be judged, the better one is the only one with this text.
    """

    noise: float = 0.0
    drift: float = 0.0
    long_batches: float = 0.0
    prefers: str = ""
    seed: int = 0

    def judges(self, topic: AskedTopic) -> str:
        """Which of the two annotations in the description is the better one."""
        before, _, after = topic.description.partition("Second annotation:")
        first, second = self.prefers in before.partition("First annotation:")[2], self.prefers in after
        return "equal" if first == second else "first" if first else "second"

    def errs(self, topic: AskedTopic, *, position: int, rows: int, call: int) -> bool:
        """Whether this answer is wrong; `call` numbers the calls, so that a repeated one differs."""
        share = self.noise + self.drift * (3 * position >= 2 * rows > 2) + self.long_batches * (rows > 10)
        return share > 0 and Random(f"{self.seed}\0{call}\0{topic.topic}").random() < share  # noqa: S311


UNBIASED: Final = Bias()


def answer_all(columns: Columns, topics: Sequence[AskedTopic], *, bias: Bias = UNBIASED, call: int = 0) -> list[Row]:
    """One object per topic, in the order asked."""
    rows = [columns.answer(topic) for topic in topics]
    for position, topic in enumerate(topics):
        if columns.level == "better":  # a judge, which errs by the order alone: its choice goes by the topic's name
            rows[position]["better"] = bias.judges(topic) if bias.prefers else rows[position]["better"]
        elif bias.errs(topic, position=position, rows=len(topics), call=call):
            columns.change_level(rows[position])
    return rows


def written_answer(topic: AskedTopic) -> Mapping[str, str]:
    """The answer that was written for a topic of the packaged sample, by column; empty for any other topic."""
    roadmap = topic.context.partition(" > ")[0]
    return _written_answers().get(roadmap, {}).get(topic.topic, {})


@cache
def _written_answers() -> dict[str, dict[str, dict[str, str]]]:
    return dict(json.loads(Path(__file__).with_name("sample_answers.json").read_text("utf-8")))


def phrases_of(topic: AskedTopic) -> Iterator[str]:
    """Phrases of at most twelve words without closing punctuation: from the description, or else the topic's name."""
    sentences = (_phrase(sentence[0]) for sentence in _SENTENCE.finditer(topic.description))
    telling = (phrase for phrase in sentences if phrase.count(" ") >= 2 and _is_visible(phrase))
    first = next(telling, None)
    if first is None:
        name = _phrase(topic.topic)
        yield name if _is_visible(name) else f"Topic {topic.id}"
    else:
        yield first
        yield from telling


def _is_visible(phrase: str) -> bool:
    return any(unicodedata.category(mark)[0] in "LNS" for mark in phrase)


def _phrase(sentence: str) -> str:
    if not sentence.isascii():
        sentence = "".join(mark for mark in sentence if unicodedata.category(mark) != "Cf")
    words = _WORD.findall(sentence.lstrip(_BULLETS))
    if len(words) > MAX_WORDS:
        del words[MAX_WORDS:]
        while len(words) > 1 and _DANGLING.fullmatch(words[-1]):
            words.pop()
    phrase = " ".join(words).rstrip(_CLOSING)
    return phrase[:1].upper() + phrase[1:]


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        return next((str(one) for one in kind if one != "null"), "null")
    return str(kind)
