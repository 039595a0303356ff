"""What is asked about each dish."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from roadmap_assets.enrichment.profiles.rules import MaxWords


class Dish(BaseModel):
    """Describe each dish for a menu, and judge how hard it is to cook at home."""

    menu_line: Annotated[str, MaxWords(12)] = Field(title="Menu line")
    difficulty: Literal["easy", "hard"]
