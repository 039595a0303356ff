"""A module with user-defined profiles, written into the current directory."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MODULE = '''
"""User-defined profiles."""
import datetime
from typing import Annotated, ClassVar
from pydantic import AfterValidator, BaseModel
from roadmap_assets.enrichment.profiles.rules import MaxWords

LIMIT = 5

def shout(text: str) -> str:
    if len(text) > LIMIT:
        raise ValueError("is too long")
    return text.upper()

def unrelated() -> int:
    return 1

class Card(BaseModel):
    """Write a card."""

    front: Annotated[str, AfterValidator(shout)]
    back: Annotated[str, MaxWords(3)]
    side: str = ""

class Outer:
    Inner = Card

class Own(BaseModel):
    id: str

class Empty(BaseModel):
    """No fields."""

class Circular(BaseModel):
    parts: list["Circular"]

class Uncallable(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    what: type(unrelated)

class Twins(BaseModel):
    a_b: str
    A_B: str

class Dated(BaseModel):
    version: ClassVar[datetime.date] = datetime.date(2026, 11, 24)
    note: str

text = "not a class"
'''

Write = Callable[..., str]
"""Writes a module and returns its name."""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module into the current directory, under a new name each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    names = (f"profile_module_{number}" for number in itertools.count())
    written: list[str] = []

    def write(source: str = MODULE) -> str:
        written.append(next(names))
        (tmp_path / f"{written[-1]}.py").write_text(source, encoding="utf-8")
        return written[-1]

    yield write
    for name in written:
        sys.modules.pop(name, None)
