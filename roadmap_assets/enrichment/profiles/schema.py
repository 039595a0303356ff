"""What a pydantic model asks for, twice: as a JSON schema that Gemini understands, and as a record of its rules."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType
from typing import Any, Final

from pydantic import BaseModel

from roadmap_assets.enrichment.profiles.rules import RULE_KEYWORD

JsonSchema = dict[str, Any]

_SUPPORTED: Final = frozenset(
    {"type", "format", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum"}
    | {"anyOf", "properties", "additionalProperties", "required"}
)
_FORMATS: Final = frozenset({"date-time", "date", "time"})
# Not a profile's own code. Our rules count by their words in the schema: rewriting one makes no cached answer a miss.
_LIBRARIES: Final = frozenset({"annotated_types", "pydantic", "pydantic_core", "roadmap_assets", "typing_extensions"})


def flat_schema(model: type[BaseModel]) -> JsonSchema:
    """The JSON schema of `model`, by field names, without references and titles, each rule told in a description.

    Raises ValueError for a model that contains itself, and what pydantic raises for a type without a JSON schema.
    """
    schema = model.model_json_schema(by_alias=False)
    return _flat(schema, schema.get("$defs", {}), inside=())


def supported_schema(schema: JsonSchema) -> JsonSchema:
    """A flat `schema` reduced to the keywords that `responseJsonSchema` takes (listed in google-genai's types.py).

    What is left out here still holds: `Profile.accept` checks every answer against the pydantic model itself.
    """
    reduced = {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}
    if "const" in reduced:
        reduced["enum"] = [reduced["const"]]
    if any(isinstance(option, bool) or not isinstance(option, str | int | float) for option in reduced.get("enum", ())):
        del reduced["enum"]
    if reduced.get("format") not in _FORMATS:
        reduced.pop("format", None)
    return _with_parts({key: value for key, value in reduced.items() if key in _SUPPORTED}, supported_schema)


def rule_sources(model: type[BaseModel]) -> list[object]:
    """The validators of `model` as plain data: their source, and the values they use from around it.

    The same code gives the same data in every process; comments and layout do not count.
    """
    model.model_rebuild()
    seen: dict[int, object] = {}
    return [_portrait(function, seen) for function in _functions(model.__pydantic_core_schema__)]


def _flat(schema: JsonSchema, definitions: Mapping[str, JsonSchema], *, inside: tuple[str, ...]) -> JsonSchema:
    if reference := schema.get("$ref"):
        name = str(reference).removeprefix("#/$defs/")
        if name in inside:
            raise ValueError(f"{name} contains itself, and a reply's schema cannot")
        inside = (*inside, name)
        schema = {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    flat = {key: value for key, value in schema.items() if key not in {"$defs", "title", RULE_KEYWORD}}
    if rule := schema.get(RULE_KEYWORD):
        flat["description"] = f"{flat['description']} ({rule})" if "description" in flat else rule
    return _with_parts(flat, lambda part: _flat(part, definitions, inside=inside))


def _with_parts(schema: JsonSchema, change: Callable[[JsonSchema], JsonSchema]) -> JsonSchema:
    """`schema` with each schema directly inside it changed; a property may be named like a keyword."""
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


def _functions(node: object) -> Iterator[Callable[..., object]]:
    """Every function in a pydantic core schema that is neither pydantic's nor ours, in order."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "metadata":  # functions that make JSON schemas, whose result is counted anyway
                yield from _functions(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _functions(value)
    elif callable(node) and not isinstance(node, type) and _package(node) not in _LIBRARIES:
        yield node


def _portrait(value: object, seen: dict[int, object]) -> object:
    """`value` as lists and texts that are the same in every process: no address, no order of a set.

    `seen` holds what was portrayed before, by id and alive, so that no id is used twice and no circle is endless.
    """
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if id(value) in seen:
        return "again"
    seen[id(value)] = value
    if isinstance(value, list | tuple):
        return [_portrait(item, seen) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(_portrait(item, seen)) for item in value)
    if isinstance(value, Mapping):
        return [[_portrait(key, seen), _portrait(item, seen)] for key, item in value.items()]
    if isinstance(value, re.Pattern):
        return [_portrait(value.pattern, seen), value.flags]
    if isinstance(value, functools.partial):
        return [_portrait(part, seen) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, MethodType):
        owner = value.__self__
        return [_portrait(value.__func__, seen), None if isinstance(owner, type) else _portrait(owner, seen)]
    if isinstance(value, FunctionType) and not _is_library(value):
        return _function_portrait(value, seen)
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__qualname__, *([f.name, _portrait(getattr(value, f.name), seen)] for f in fields(value))]
    call = getattr(type(value), "__call__", None)  # noqa: B004  what is wanted is the code, not whether there is any
    if isinstance(call, FunctionType) and not _is_library(call):
        return [_portrait(call, seen), _portrait(vars(value), seen) if hasattr(value, "__dict__") else None]
    return str(getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__)


def _function_portrait(function: FunctionType, seen: dict[int, object]) -> object:
    """A function's source and the values it takes from around itself; functions of its own package are followed."""
    used = inspect.getclosurevars(function)
    around = [
        [name, value.__qualname__ if _is_stranger(value, function) else _portrait(value, seen)]
        for name, value in sorted({**used.globals, **used.nonlocals}.items())
    ]
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # typed at a prompt, or made by exec: there is no text to read
        code = function.__code__
        return [code.co_code.hex(), _portrait(code.co_names, seen), str(code.co_consts[1:]), around]
    try:
        return [ast.unparse(ast.parse(source)), around]
    except SyntaxError:  # a lambda inside an expression: the lines that it stands on are no statement
        return [" ".join(source.split()), around]


def _is_stranger(value: object, function: FunctionType) -> bool:
    """Whether `value` is a function of another package than `function`: counted by its name alone."""
    return isinstance(value, FunctionType) and _package(value) != _package(function)


def _is_library(function: FunctionType) -> bool:
    """Whether a function comes with Python, pydantic or us, whose next version is no reason to ask everything again."""
    package = _package(function)
    return package in _LIBRARIES or (package in sys.stdlib_module_names and package != "__main__")


def _package(function: object) -> str:
    return str(getattr(function, "__module__", None) or type(function).__module__).partition(".")[0]
