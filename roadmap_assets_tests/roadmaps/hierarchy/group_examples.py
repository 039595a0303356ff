"""Stacks of boxes, frames around them, and their headings."""

from __future__ import annotations

from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch
from roadmap_assets_tests.roadmaps.hierarchy.examples import FAR, Example, two_stops, web

STACKS = [
    Example(
        "a link to one box applies to those that touch it",
        "stacks",
        web().stack("HTML CSS JS", FAR, 0).dashed("Web", "CSS"),
        {"HTML": ("Web",), "CSS": ("Web",), "JS": ("Web",)},
    ),
    Example(
        "a box with a link of its own follows that, not its stack",
        "stacks",
        two_stops().stack("CSS HTML SQL", FAR, 0).dashed("Web", "HTML").dashed("Data", "SQL"),
        {"CSS": ("Web",), "SQL": ("Data",)},
    ),
    Example(
        "frames that touch are a stack too",
        "stacks",
        web()
        .frame("upper", FAR, 0, 260, 100)
        .minor("HTML", FAR + 30, 25)
        .frame("lower", FAR, 105, 260, 100)
        .minor("SQL", FAR + 30, 130)
        .dashed("Web", "lower"),
        {"HTML": ("Web",), "SQL": ("Web",)},
    ),
    Example(
        "a major topic that touches one on the spine is on the spine too",
        "stacks",
        web().major("Mail", 0, STEP).minor("SMTP", FAR, 0).dashed("Web", "SMTP"),
        {"Mail": (), "SMTP": ("Web",)},
    ),
]


def resized(sketch: Sketch, name: str, width: float, height: float) -> Sketch:
    """Give a box a requested size that differs from its measured one."""
    node = next(node for node in sketch.nodes if node["id"] == name)
    node.update(width=width, height=height)
    return sketch


MEASURED = [
    Example(
        "boxes touch by their measured size, not by the requested one",
        "measured",
        resized(web().stack("HTML CSS", FAR, 0).dashed("Web", "HTML"), "HTML", 200, 20),
        {"CSS": ("Web",)},
    ),
]

FRAMES = [
    Example(
        "a frame's border separates boxes that would touch",
        "frames",
        two_stops()
        .frame("left", FAR, 0, 210, 60)
        .minor("HTML", FAR + 5, 5)
        .frame("right", FAR + 212, 0, 210, 60)
        .minor("SQL", FAR + 217, 5)
        .dashed("Web", "HTML")
        .dashed("Data", "right"),
        {"HTML": ("Web",), "SQL": ("Data",)},
    ),
    Example(
        "a link to one item of a frame applies to the whole frame",
        "frames",
        two_stops()
        .frame("left", FAR, 0, 210, 60)
        .minor("HTML", FAR + 5, 5)
        .frame("right", FAR + 212, 0, 500, 60)
        .minor("SQL", FAR + 217, 5)
        .minor("NoSQL", FAR + 450, 5)
        .dashed("Web", "HTML")
        .dashed("Data", "SQL"),
        {"HTML": ("Web",), "NoSQL": ("Data",)},
    ),
]


def framed() -> Sketch:
    """A stop, and a frame without a heading around two boxes."""
    return web().frame("frame", FAR, 0, 260, 200).stack("HTML CSS", FAR + 30, 60).dashed("Web", "frame")


FRAME_HEADINGS = [
    Example(
        "a topic as wide as the frame, on its upper border, is the heading",
        "frame headings",
        framed().minor("Basics", FAR, -25, 260),
        {"Basics": ("Web",), "HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "a topic as wide as the frame, on its lower border, is the heading",
        "frame headings",
        framed().minor("Basics", FAR, 175, 260),
        {"Basics": ("Web",), "HTML": ("Web", "Basics")},
    ),
    Example(
        "a topic between two frames is the heading of the lower one",
        "frame headings",
        framed()
        .minor("Basics", FAR, -25, 260)
        .minor("More", FAR, 190, 260)
        .frame("lower", FAR, 220, 260, 100)
        .minor("SVG", FAR + 30, 260),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "More"), "More": ("Web",)},
    ),
    Example(
        "a label in a frame's corner is the heading",
        "frame headings",
        web().frame("frame", FAR, 0, 600, 400).label("Basics", FAR, 0).minor("HTML", 1350, 200).dashed("Web", "frame"),
        {"HTML": ("Web", "Basics")},
    ),
    Example(
        "a paragraph around topics is a frame with the paragraph's text as the heading",
        "frame headings",
        web().paragraph("Basics", FAR, 0, 260, 200).stack("HTML CSS", FAR + 30, 60).dashed("Web", "HTML"),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
]


def stacked(*stacks: str) -> Sketch:
    """A stop, and a column of stacks attached to it, with room for labels between them."""
    sketch = web()
    for number, stack in enumerate(stacks):
        sketch.stack(stack, FAR, number * 200).dashed("Web", stack.split()[0])
    return sketch


LABELS = [
    Example(
        "a label just above a group is its heading",
        "labels",
        stacked("HTML CSS").label("Basics", FAR, -40),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "in a column that begins with a label, labels head what is below them",
        "labels",
        stacked("HTML CSS", "SVG PNG").label("Basics", FAR, -40).label("Images", FAR, 150),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "Images")},
    ),
    Example(
        "in a column that ends with a label, labels head what is above them",
        "labels",
        stacked("HTML CSS", "SVG PNG").label("Basics", FAR, 125).label("Images", FAR, 325),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "Images")},
    ),
    Example(
        "two labels above one block of boxes each head the column below them",
        "labels",
        stacked("HTML CSS").stack("SVG PNG", FAR + 205, 0).label("Basics", FAR, -40).label("Images", FAR + 205, -40),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics"), "SVG": ("Web", "Images"), "PNG": ("Web", "Images")},
    ),
    Example(
        "a text that addresses the reader is a note, not a heading",
        "labels",
        stacked("HTML", "SVG").label("Visit the following roadmaps", FAR, -40).label("Images", FAR, 150),
        {"HTML": ("Web",), "SVG": ("Web", "Images")},
    ),
    Example(
        "stacked labels are notes",
        "labels",
        stacked("HTML", "SVG").label("one", FAR, -80).label("two", FAR, -40).label("Images", FAR, 150),
        {"HTML": ("Web",), "SVG": ("Web", "Images")},
    ),
    Example(
        "a dashed link to a label attaches its group",
        "labels",
        web().label("Basics", FAR, -40).stack("HTML CSS", FAR, 15).dashed("Web", "Basics"),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
]

FLUSH_TOPICS = [
    Example(
        "a major topic flush above a stack is its heading",
        "flush topics",
        web().major("Basics", FAR, 0).stack("HTML CSS", FAR, STEP).dashed("Web", "Basics"),
        {"Basics": ("Web",), "HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "a major topic flush below a stack is its heading",
        "flush topics",
        web().stack("HTML CSS", FAR, 0).major("Basics", FAR, 2 * STEP).dashed("Web", "Basics"),
        {"Basics": ("Web",), "HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "a box with an edge of its own does not take the flush topic as its heading",
        "flush topics",
        web().major("Basics", FAR, 0).stack("HTML CSS", FAR, STEP).dashed("Web", "Basics", "HTML"),
        {"HTML": ("Web",), "CSS": ("Web", "Basics")},
    ),
    Example(
        "two flush topics side by side each head the column below them",
        "flush topics",
        web()
        .major("Basics", FAR, 0)
        .major("Images", FAR + 205, 0)
        .stack("HTML CSS", FAR, STEP)
        .stack("SVG PNG", FAR + 205, STEP)
        .dashed("Web", "Basics"),
        {"Images": ("Web",), "CSS": ("Web", "Basics"), "PNG": ("Web", "Images")},
    ),
]
