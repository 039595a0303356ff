"""Answers that repeat the prompt instead of answering it, as weak models do: a column's own name, an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from roadmap_assets.enrichment.profiles.examples import Examples
from roadmap_assets.enrichment.profiles.rules import bare_words, is_visible

_LEAST_WORDS: Final = 3
"""A shorter example, such as a genre or a tag, may well be right for another topic too."""


class PromptCopies:
    """Finds texts in an answer that say nothing: invisible ones, and those that are copied from the prompt.

    Only free text is examined, at any depth; a column with fixed options has nothing to copy. `fields` are the
    properties of an answer in the reply's schema.
    """

    def __init__(self, fields: Mapping[str, Any], *, headers: Mapping[str, str], examples: Examples) -> None:
        self._fields = fields
        self._names = {
            column: {bare_words(name) for name in (header, column, *_names_in(fields[column]))} - {""}
            for column, header in headers.items()
        }
        self._examples: dict[str, dict[str, set[str]]] = {column: {} for column in headers}
        for topic, row in examples.items():
            for column, value in row.items():
                for words in map(bare_words, _free_texts(value, fields[column])):
                    if words.count(" ") + 1 >= _LEAST_WORDS:
                        self._examples[column].setdefault(words, set()).add(bare_words(topic))

    def objection(self, answer: Mapping[str, object], *, topic: str) -> str:
        """Why `answer` cannot be an answer about `topic`, in words; "" when nothing is wrong."""
        for column, value in answer.items():
            for text in _free_texts(value, self._fields[column]):
                words = bare_words(text)
                if words in self._names[column]:
                    return f"{column} only repeats the name or description of a column"
                if (topics := self._examples[column].get(words)) and bare_words(topic) not in topics:
                    return f"{column} copies an example from the instructions"
                if not words and text and not is_visible(text):
                    return f"{column} has no visible character"
        return ""


def _free_texts(value: object, schema: Mapping[str, Any]) -> Iterator[str]:
    """Every text in `value` that the schema leaves free."""
    if isinstance(value, str):
        if not any("enum" in option for option in _options(schema)):
            yield value
    elif isinstance(value, list):
        items: Mapping[str, Any] = next((o["items"] for o in _options(schema) if "items" in o), {})
        for item in value:
            yield from _free_texts(item, items)
    elif isinstance(value, Mapping):
        fields: Mapping[str, Any] = next((o["properties"] for o in _options(schema) if "properties" in o), {})
        for key, part in value.items():
            yield from _free_texts(part, fields.get(key, {}))


def _names_in(schema: Mapping[str, Any]) -> Iterator[str]:
    """The description of a field, with and without its rule, and the names and descriptions of the fields inside."""
    description = schema.get("description", "")
    yield from (description, description.rpartition(" (")[0])
    for option in _options(schema):
        yield from _names_in(option.get("items", {})) if "items" in option else ()
        for name, field in option.get("properties", {}).items():
            yield name
            yield from _names_in(field)


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    options: list[Mapping[str, Any]] = schema.get("anyOf") or [schema]
    return options
