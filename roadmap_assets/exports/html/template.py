"""Templates, styles and scripts put together into one file that loads nothing and runs nothing but its own script.

The browser holds the page to that: its policy allows the one style sheet and the one script by their hashes. All data
is in a block that the browser does not run, and the script writes it as text, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE: Final = Path(__file__).parent


def render(template: str, *, styles: Sequence[str], scripts: Sequence[str], data: object, **context: Any) -> str:
    """The page that a template makes of `context`, with the files of `styles` and `scripts` and the `data` built in."""
    style, script = _joined(*styles), f"(() => {{\n'use strict';\n{_joined(*scripts)}\n}})();"
    policy = "; ".join(f"{name} {value}" for name, value in _policy(style=style, script=script).items())
    return (
        _environment()
        .get_template(template)
        .render(
            context | {"policy": policy, "style": Markup(style), "script": Markup(script), "data": inert_json(data)}  # noqa: S704 - our own files
        )
    )


def inert_json(data: object) -> Markup:
    """JSON that cannot end the script element around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - without `<` it can neither close nor open an element


def _policy(*, style: str, script: str) -> Mapping[str, str]:
    return {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _joined(*names: str) -> str:
    return "\n".join((_HERE / "static" / name).read_text("utf-8").strip() for name in names)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
