"""Which profile a setting selects, and what is reported about one that cannot be used."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, RootModel

from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.profile import RuleBroken
from roadmap_assets.enrichment.profiles.registry import load_profile
from roadmap_assets.errors import InvalidSetting
from roadmap_assets_tests.enrichment.profiles.conftest import Write


def test_a_user_defined_model_is_found_in_the_current_directory(write: Write) -> None:
    module = write()
    profile = load_profile(f"{module}:Card")
    assert profile.name == f"{module}:Card"
    assert profile.columns == ("front", "back", "side")
    assert profile.checks.accept({"front": "kiln", "back": "Hot box."}) == {
        "front": "KILN",
        "back": "Hot box",
        "side": "",
    }
    with pytest.raises(RuleBroken, match=r"^front is too long$"):
        profile.checks.accept({"front": "kilning", "back": "Hot"})
    assert load_profile(f"{module}:Outer.Inner").fingerprint == profile.fingerprint


@pytest.mark.parametrize(
    ("spec", "message", "why"),
    [
        ("sumary", "summary, study", "a misspelt name: the known ones are listed"),
        ("", "module:Class", "nothing"),
        (":Card", "module:Class", "no module"),
        ("MODULE:", "module:Class", "no class"),
        ("no_such_module_here:Card", "No module named 'no_such_module_here'", "no such module"),
        ("MODULE:Crad", "Crad", "no such class"),
        ("MODULE:text", "pydantic.BaseModel", "not a class"),
        ("MODULE:unrelated", "pydantic.BaseModel", "a function"),
        ("MODULE:Own", "'id'", "a field that the reply has already"),
        ("MODULE:Empty", "no fields", "nothing to ask for"),
        ("MODULE:Circular", "contains itself", "a recursive schema"),
        ("MODULE:Uncallable", "JSON schema", "a type that JSON does not have"),
        ("MODULE:Twins", "one title", "two columns with the same header"),
        ("MODULE:Dated", "version", "a version that is not a text or a number"),
    ],
)
def test_an_unusable_profile_is_rejected_with_the_reason(write: Write, spec: str, message: str, why: str) -> None:
    spec = spec.replace("MODULE", write())
    with pytest.raises(InvalidSetting) as refused:
        load_profile(spec)
    assert message in str(refused.value), why
    assert repr(spec) in str(refused.value)


def test_a_module_that_fails_to_import_says_why(write: Write) -> None:
    with pytest.raises(InvalidSetting, match="ZeroDivisionError"):
        load_profile(f"{write('1 / 0')}:Card")
    with pytest.raises(InvalidSetting, match="SyntaxError"):
        load_profile(f"{write('class :')}:Card")


def test_a_root_model_has_no_columns() -> None:
    with pytest.raises(InvalidSetting, match="no fields"):
        prepare(RootModel[str], name="root")


def test_a_field_named_topic_is_rejected_like_one_named_id() -> None:
    class Own(BaseModel):
        topic: str

    with pytest.raises(InvalidSetting, match="'topic'"):
        prepare(Own, name="own")
