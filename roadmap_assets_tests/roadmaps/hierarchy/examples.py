"""What the examples of the drawing's signs are made of."""

from __future__ import annotations

from dataclasses import dataclass

from roadmap_assets_tests.roadmaps.drawings import Sketch

FAR = 1000  # beyond any distance that counts as near


@dataclass(frozen=True)
class Example:
    """A drawing, the paths expected from it, and the stage without which at least one path differs."""

    reason: str
    stage: str
    sketch: Sketch
    paths: dict[str, tuple[str, ...]]


def web() -> Sketch:
    """A title and one stop of the spine."""
    return Sketch().major("Web", 0, 0).solid("Sketch", "Web")


def two_stops() -> Sketch:
    """A title and two stops of the spine."""
    return Sketch().major("Web", 0, 0).major("Data", 0, 600).solid("Sketch", "Web", "Data")
