"""A profile with one of each kind of field."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.rules import MaxWords


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    title: str
    weight: float = Field(gt=0, le=9)


class Everything(BaseModel):
    """One of each kind of field."""

    title: Annotated[str, MaxWords(3)]
    properties: Literal["only"]
    flag: Literal[True, "maybe"]
    colour: Colour | None = None
    parts: list[Part] = Field(min_length=1, description="Its parts")
    pair: tuple[int, str]
    counts: dict[str, int]
    site: Annotated[str, Field(pattern="^https://", json_schema_extra={"format": "uri"})]
    nick: str = Field(default="none", alias="nickName")
    scratch: str = Field(exclude=True)


EVERYTHING = prepare(Everything, name="everything")
