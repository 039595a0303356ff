"""The profile that a setting selects."""

from __future__ import annotations

import functools
import importlib
import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.errors import InvalidSetting

if TYPE_CHECKING:
    from roadmap_assets.enrichment.profiles.checks import Checks

BUILT_IN: Final = ("summary", "study")
"""The profiles that come with the package."""

PREPARED: Final = Path(__file__).with_name("prepared.json")
"""What the built-in profiles say, by name."""


def check_name(spec: str) -> None:
    """Raise InvalidSetting where `spec` cannot name a profile; nothing is imported."""
    module_name, _, path = spec.partition(":")
    if spec not in BUILT_IN and not (module_name and path):
        known = ", ".join(BUILT_IN)
        raise InvalidSetting(f"there is no profile {spec!r}; choose {known}, or module:Class for a model of your own")


def load_profile(spec: str) -> Profile:
    """The profile named by `spec`: `summary`, `study`, or `module:Class` for a user-defined pydantic model.

    Modules in the current directory can be imported, as with `python -m`. InvalidSetting says what is wrong.
    """
    check_name(spec)
    if spec in BUILT_IN:
        return Profile(name=spec, load_checks=lambda: _built_in_checks(spec), **_prepared()[spec])
    # Pydantic takes longer to import than a run without a question has to wait.
    from pydantic import BaseModel

    from roadmap_assets.enrichment.profiles.prepare import prepare

    module_name, _, path = spec.partition(":")
    try:
        if not {"", str(Path.cwd())} & set(sys.path):
            sys.path.insert(0, str(Path.cwd()))
        model = operator.attrgetter(path)(importlib.import_module(module_name))
    except Exception as error:  # importing runs the user's code
        raise InvalidSetting(f"the profile {spec!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise InvalidSetting(f"the profile {spec!r} is not a pydantic model: derive the class from pydantic.BaseModel")
    return prepare(model, name=spec)


@functools.cache
def _prepared() -> dict[str, dict[str, Any]]:
    return msgspec.json.decode(PREPARED.read_bytes(), type=dict[str, dict[str, Any]])


def _built_in_checks(name: str) -> Checks:
    from roadmap_assets.enrichment.profiles.builtin import MODELS  # as above
    from roadmap_assets.enrichment.profiles.checks import Checks
    from roadmap_assets.enrichment.profiles.examples import examples_of

    model, said = MODELS[name], _prepared()[name]
    fields = said["reply_schema"]["items"]["properties"]
    return Checks(model, headers=said["headers"], fields=fields, examples=examples_of(model, name=name))
