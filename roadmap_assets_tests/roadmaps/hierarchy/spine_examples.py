"""Chapters of the spine, and what no sign attaches to it."""

from __future__ import annotations

from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch
from roadmap_assets_tests.roadmaps.hierarchy.examples import FAR, Example, two_stops, web


def chapters(*names: str) -> Sketch:
    """A reading path on which every paragraph is followed by a topic and then a frame."""
    sketch, path = Sketch(), ["Sketch"]
    for number, name in enumerate(names):
        y = number * 600
        sketch.paragraph(name, 0, y).major(f"{name} 1", 0, y + 200)
        sketch.frame(f"frame {name}", -200, y + 400, 600, 100).minor(f"{name} 2", 0, y + 425)
        path += [name, f"{name} 1", f"frame {name}"]
    return sketch.solid(*path)


PARAGRAPHS = [
    Example(
        "three paragraphs on the path are each the category of what follows",
        "paragraphs",
        chapters("One", "Two", "Three"),
        {"One 1": ("One",), "One 2": ("One",), "Two 1": ("Two",), "Three 1": ("Three",), "Three 2": ("Three",)},
    ),
]

REMAINDER = [
    Example(
        "a column that continues after a gap has the parent of its upper part",
        "remainder",
        web().stack("HTML CSS", FAR, 0).dashed("Web", "HTML").stack("SVG PNG", FAR, 2 * STEP + 20),
        {"SVG": ("Web",), "PNG": ("Web",)},
    ),
    Example(
        "a column by itself goes to the nearest root, preferably one without children",
        "remainder",
        two_stops().minor("HTML", 0, 100).minor("SQL", 0, 200).dashed("Web", "HTML").stack("a b", 230, 480),
        {"a": ("Data",), "b": ("Data",)},
    ),
    Example(
        "the nearest root may be in a chapter",
        "remainder",
        chapters("One", "Two", "Three").minor("near", 230, 820),
        {"near": ("Two", "Two 1")},
    ),
    Example(
        "a hub without a parent is a root",
        "remainder",
        web().major("Mail", FAR, 0).minor("SMTP", FAR, FAR).dashed("Mail", "SMTP"),
        {"Mail": (), "SMTP": ("Mail",)},
    ),
]
