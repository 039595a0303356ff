"""The JSON schema that is sent: only keywords that Gemini supports, whatever the model looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from roadmap_assets_tests.enrichment.engine.runs import STUDY, SUMMARY
from roadmap_assets_tests.enrichment.profiles.everything import EVERYTHING


def test_the_schema_of_summary() -> None:
    assert SUMMARY.reply_schema == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "The topic's id, copied"},
                "topic": {"type": "string", "description": "The topic's name, copied"},
                "tldr": {
                    "type": "string",
                    "description": "What the topic is for, in one concrete phrase"
                    " (at most 12 words, no closing punctuation)",
                },
                "challenge": {
                    "type": "string",
                    "description": "practice: a fundamental, learned by doing; expert: needs experience",
                    "enum": ["practice", "expert"],
                },
            },
            "required": ["id", "topic", "tldr", "challenge"],
        },
    }


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    for part in schema.get("properties", {}).values():
        yield from keywords(part)
    for part in [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]:
        yield from keywords(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from keywords(schema[key])


def test_only_keywords_that_gemini_supports_are_sent() -> None:
    supported = {"type", "format", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum"}
    supported |= {"maximum", "anyOf", "properties", "additionalProperties", "required"}
    for profile in (SUMMARY, STUDY, EVERYTHING):
        assert set(keywords(profile.reply_schema)) <= supported
        assert "$ref" not in json.dumps(profile.reply_schema)


def test_a_model_with_any_kind_of_field_is_flattened() -> None:
    sent = EVERYTHING.reply_schema["items"]["properties"]
    assert sent["title"] == {"type": "string", "description": "at most 3 words, no closing punctuation"}
    assert sent["properties"] == {"type": "string", "enum": ["only"]}
    assert "enum" not in sent["flag"]
    assert sent["colour"]["anyOf"][0]["enum"] == ["red", "blue"]
    assert sent["parts"]["items"]["properties"] == {
        "title": {"type": "string"},
        "weight": {"type": "number", "maximum": 9},
    }
    assert sent["counts"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert sent["site"] == {"type": "string"}
