"""The JSON schema of a profile's pydantic model, in the form that Gemini accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from roadmap_assets.enrichment.profiles.rules import RULE_KEYWORD

JsonSchema = dict[str, Any]

_SUPPORTED: Final = frozenset(
    {"type", "format", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum"}
    | {"anyOf", "properties", "additionalProperties", "required"}
)
_FORMATS: Final = frozenset({"date-time", "date", "time"})


def flat_schema(model: type[BaseModel]) -> JsonSchema:
    """The JSON schema of `model` by field names, without references and titles; rules become part of descriptions.

    Raises ValueError for a model that contains itself, and whatever pydantic raises for a type without a JSON schema.
    """
    schema = model.model_json_schema(by_alias=False)
    return _flat(schema, schema.get("$defs", {}), inside=())


def reply_schema(flat: JsonSchema) -> JsonSchema:
    """The schema of a reply: an array of objects with id, topic and the fields of the `flat` schema.

    Id and topic come first, also in `required`: Gemini writes an object's members in that order.
    """
    columns = _supported(flat)
    own: dict[str, Any] = {
        "id": {"type": "string", "description": "The topic's id, copied"},
        "topic": {"type": "string", "description": "The topic's name, copied"},
    }
    answer = {
        "type": "object",
        "properties": own | columns["properties"],
        "required": [*own, *columns.get("required", ())],
    }
    return {"type": "array", "items": answer}


def _supported(schema: JsonSchema) -> JsonSchema:
    """A flat `schema` reduced to the keywords that `responseJsonSchema` accepts (listed in google-genai's types.py).

    Rules that are left out here still hold: `Checks.accept` checks every answer against the pydantic model.
    """
    reduced = {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}
    if "const" in reduced:
        reduced["enum"] = [reduced["const"]]
    if any(isinstance(option, bool) or not isinstance(option, str | int | float) for option in reduced.get("enum", ())):
        del reduced["enum"]
    if reduced.get("format") not in _FORMATS:
        reduced.pop("format", None)
    return _with_parts({key: value for key, value in reduced.items() if key in _SUPPORTED}, _supported)


def _flat(schema: JsonSchema, definitions: Mapping[str, JsonSchema], *, inside: tuple[str, ...]) -> JsonSchema:
    if reference := schema.get("$ref"):
        name = str(reference).removeprefix("#/$defs/")
        if name in inside:
            raise ValueError(f"{name} contains itself, which a reply's schema cannot express")
        inside = (*inside, name)
        schema = {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    flat = {key: value for key, value in schema.items() if key not in {"$defs", "title", RULE_KEYWORD}}
    if rule := schema.get(RULE_KEYWORD):
        flat["description"] = f"{flat['description']} ({rule})" if "description" in flat else rule
    return _with_parts(flat, lambda part: _flat(part, definitions, inside=inside))


def _with_parts(schema: JsonSchema, change: Callable[[JsonSchema], JsonSchema]) -> JsonSchema:
    """`schema` with each of its direct subschemas changed; properties may be named like keywords."""
    changed: JsonSchema = {}
    for key, value in schema.items():
        if key in {"properties", "patternProperties"}:
            changed[key] = {name: change(part) for name, part in value.items()}
        elif key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
            changed[key] = [change(part) for part in value]
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            changed[key] = change(value)
        else:
            changed[key] = value
    return changed
