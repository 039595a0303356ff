"""Each sign of a drawing in a small example, which comes out otherwise when the stage that reads it is left out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from roadmap_assets.roadmaps.hierarchy import STAGES
from roadmap_assets_tests.roadmaps.drawings import STEP, Sketch

FAR = 1000  # beyond everything that counts as near


@dataclass(frozen=True)
class Example:
    """A drawing, the paths to be read from it, and the stage without which they are not all read."""

    reason: str
    stage: str
    sketch: Sketch
    paths: dict[str, tuple[str, ...]]


def web() -> Sketch:
    """A title and one stop of the spine."""
    return Sketch().major("Web", 0, 0).solid("Sketch", "Web")


def two_stops() -> Sketch:
    return Sketch().major("Web", 0, 0).major("Data", 0, 600).solid("Sketch", "Web", "Data")


def resized(sketch: Sketch, name: str, width: float, height: float) -> Sketch:
    """A box whose size was once asked for, and drawn otherwise."""
    node = next(node for node in sketch.nodes if node["id"] == name)
    node.update(width=width, height=height)
    return sketch


DASHED = [
    Example(
        "a dashed edge means parenthood, in either direction",
        "dashed",
        web().minor("HTML", FAR, 0).minor("CSS", 2 * FAR, 0).dashed("Web", "HTML").dashed("CSS", "Web"),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "the end nearer to the spine is the parent",
        "dashed",
        web().minor("HTML", FAR, 0).minor("Forms", 2 * FAR, 0).dashed("Forms", "HTML").dashed("HTML", "Web"),
        {"HTML": ("Web",), "Forms": ("Web", "HTML")},
    ),
    Example(
        "links to each other do not go round in circles",
        "dashed",
        web().stack("a b", FAR, 0).minor("c", FAR, FAR).dashed("a", "b").dashed("b", "c").dashed("c", "a", "Web"),
        {"c": ("Web",), "a": ("Web", "c"), "b": ("Web", "c")},
    ),
]

LINES = [
    Example(
        "a dashed line joins its hub to what it touches, whose stack comes along",
        "lines",
        web().horizontal(195, 15, FAR, dashed=True).stack("HTML CSS", 200 + FAR, 0),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "pieces of one style that touch are one line",
        "lines",
        web().horizontal(195, 15, FAR, dashed=True).vertical(200 + FAR, 20, FAR, dashed=True).minor("CSS", FAR, 1025),
        {"CSS": ("Web",)},
    ),
    Example(
        "a dashed line that ends on a solid one has its hub there, at the nearest stop",
        "lines",
        two_stops().vertical(90, 45, 560, dashed=False).horizontal(105, 500, FAR, dashed=True).minor("SQL", 1100, 485),
        {"SQL": ("Data",)},
    ),
    Example(
        "a solid line without a stop carries a dashed one on",
        "lines",
        web().horizontal(195, 15, 500, dashed=True).vertical(700, -300, 600, dashed=False).stack("HTML CSS", 725, 200),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "an item in a touched frame is seen as the frame: all that is in it hangs on the hub",
        "lines",
        web()
        .frame("frame", FAR, 0, 600, 100)
        .minor("HTML", FAR + 5, 25)
        .minor("CSS", FAR + 350, 25)
        .horizontal(195, 15, FAR - 195, dashed=True),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "a label on a solid line that has no stop is the heading of what the line touches",
        "lines",
        web()
        .stack("HTML CSS", FAR, 0)
        .dashed("Web", "HTML")
        .vertical(FAR + 205, 0, 100, dashed=False)
        .label("Basics", 1230, 30),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
]

STACKS = [
    Example(
        "what is said of one box holds for those that touch it",
        "stacks",
        web().stack("HTML CSS JS", FAR, 0).dashed("Web", "CSS"),
        {"HTML": ("Web",), "CSS": ("Web",), "JS": ("Web",)},
    ),
    Example(
        "a box of a stack that has a link of its own goes by that",
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
        "major topics that touch one of the spine stand on it too",
        "stacks",
        web().major("Mail", 0, STEP).minor("SMTP", FAR, 0).dashed("Web", "SMTP"),
        {"Mail": (), "SMTP": ("Web",)},
    ),
]

FRAMES = [
    Example(
        "a border keeps boxes from touching: each group belongs to its own frame",
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
        "what links to one item of a frame holds for the frame",
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
    """A stop and a frame around two boxes, with nothing that says what the frame is called."""
    return web().frame("frame", FAR, 0, 260, 200).stack("HTML CSS", FAR + 30, 60).dashed("Web", "frame")


FRAME_HEADINGS = [
    Example(
        "a topic as wide as the frame, on its upper border",
        "frame headings",
        framed().minor("Basics", FAR, -25, 260),
        {"Basics": ("Web",), "HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "a topic as wide as the frame, on its lower border",
        "frame headings",
        framed().minor("Basics", FAR, 175, 260),
        {"Basics": ("Web",), "HTML": ("Web", "Basics")},
    ),
    Example(
        "between two frames, the heading of the lower one",
        "frame headings",
        framed()
        .minor("Basics", FAR, -25, 260)
        .minor("More", FAR, 190, 260)
        .frame("lower", FAR, 220, 260, 100)
        .minor("SVG", FAR + 30, 260),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "More"), "More": ("Web",)},
    ),
    Example(
        "a label in the corner",
        "frame headings",
        web().frame("frame", FAR, 0, 600, 400).label("Basics", FAR, 0).minor("HTML", 1350, 200).dashed("Web", "frame"),
        {"HTML": ("Web", "Basics")},
    ),
    Example(
        "a paragraph around topics is a frame, and its own text the heading",
        "frame headings",
        web().paragraph("Basics", FAR, 0, 260, 200).stack("HTML CSS", FAR + 30, 60).dashed("Web", "HTML"),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
]


def stacked(*stacks: str) -> Sketch:
    """A stop and one column of stacks with room for labels between them, all hanging on the stop."""
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
        "labels stand above their groups in one column",
        "labels",
        stacked("HTML CSS", "SVG PNG").label("Basics", FAR, -40).label("Images", FAR, 150),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "Images")},
    ),
    Example(
        "and below them in another",
        "labels",
        stacked("HTML CSS", "SVG PNG").label("Basics", FAR, 125).label("Images", FAR, 325),
        {"CSS": ("Web", "Basics"), "SVG": ("Web", "Images")},
    ),
    Example(
        "two labels over one wall of boxes share it by columns",
        "labels",
        stacked("HTML CSS").stack("SVG PNG", FAR + 205, 0).label("Basics", FAR, -40).label("Images", FAR + 205, -40),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics"), "SVG": ("Web", "Images"), "PNG": ("Web", "Images")},
    ),
    Example(
        "a text for the reader is a note, whatever it stands above",
        "labels",
        stacked("HTML", "SVG").label("Visit the following roadmaps", FAR, -40).label("Images", FAR, 150),
        {"HTML": ("Web",), "SVG": ("Web", "Images")},
    ),
    Example(
        "labels stacked on labels are notes",
        "labels",
        stacked("HTML", "SVG").label("one", FAR, -80).label("two", FAR, -40).label("Images", FAR, 150),
        {"HTML": ("Web",), "SVG": ("Web", "Images")},
    ),
    Example(
        "a dashed link to a label is one to its group",
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
        "or flush below it",
        "flush topics",
        web().stack("HTML CSS", FAR, 0).major("Basics", FAR, 2 * STEP).dashed("Web", "Basics"),
        {"Basics": ("Web",), "HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
    Example(
        "unless an edge says otherwise",
        "flush topics",
        web().major("Basics", FAR, 0).stack("HTML CSS", FAR, STEP).dashed("Web", "Basics", "HTML"),
        {"HTML": ("Web",), "CSS": ("Web", "Basics")},
    ),
    Example(
        "two of them side by side share the wall of boxes below",
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

MEASURED = [
    Example(
        "boxes touch as they are measured, not as they were once asked for",
        "measured",
        resized(web().stack("HTML CSS", FAR, 0).dashed("Web", "HTML"), "HTML", 200, 20),
        {"CSS": ("Web",)},
    ),
]

SOLID = [
    Example(
        "solid edges are the path of reading, not parenthood: what stands on it is a root",
        "solid",
        two_stops().dashed("Web", "Data"),
        {"Web": (), "Data": ()},
    ),
    Example(
        "a frame on the path hangs on the stop before it",
        "solid",
        web().frame("frame", FAR, 0, 300, 100).minor("HTML", FAR + 50, 25).solid("Web", "frame"),
        {"HTML": ("Web",)},
    ),
    Example(
        "an unframed paragraph on the path is a root like any topic",
        "solid",
        web()
        .paragraph("Basics", 0, 300)
        .minor("HTML", FAR, 300)
        .solid("Web", "Basics")
        .dashed("Web", "Basics")
        .dashed("Basics", "HTML"),
        {"HTML": ("Basics",)},
    ),
]


def chapters(*names: str) -> Sketch:
    """A path of reading on which every paragraph is followed by a topic, and that by a frame."""
    sketch, path = Sketch(), ["Sketch"]
    for number, name in enumerate(names):
        y = number * 600
        sketch.paragraph(name, 0, y).major(f"{name} 1", 0, y + 200)
        sketch.frame(f"frame {name}", -200, y + 400, 600, 100).minor(f"{name} 2", 0, y + 425)
        path += [name, f"{name} 1", f"frame {name}"]
    return sketch.solid(*path)


PARAGRAPHS = [
    Example(
        "where three paragraphs stand on the path, each is the category of what comes after it",
        "paragraphs",
        chapters("One", "Two", "Three"),
        {"One 1": ("One",), "One 2": ("One",), "Two 1": ("Two",), "Three 1": ("Three",), "Three 2": ("Three",)},
    ),
]

REMAINDER = [
    Example(
        "a column that goes on after a gap hangs on what its upper part hangs on",
        "remainder",
        web().stack("HTML CSS", FAR, 0).dashed("Web", "HTML").stack("SVG PNG", FAR, 2 * STEP + 20),
        {"SVG": ("Web",), "PNG": ("Web",)},
    ),
    Example(
        "a column by itself goes to the nearest root, those without children first",
        "remainder",
        two_stops().minor("HTML", 0, 100).minor("SQL", 0, 200).dashed("Web", "HTML").stack("a b", 230, 480),
        {"a": ("Data",), "b": ("Data",)},
    ),
    Example(
        "also to one that stands in a chapter",
        "remainder",
        chapters("One", "Two", "Three").minor("near", 230, 820),
        {"near": ("Two", "Two 1")},
    ),
    Example(
        "a hub that hangs nowhere is a root of its own",
        "remainder",
        web().major("Mail", FAR, 0).minor("SMTP", FAR, FAR).dashed("Mail", "SMTP"),
        {"Mail": (), "SMTP": ("Mail",)},
    ),
]

EXAMPLES = [
    *DASHED,
    *LINES,
    *STACKS,
    *FRAMES,
    *FRAME_HEADINGS,
    *LABELS,
    *FLUSH_TOPICS,
    *MEASURED,
    *SOLID,
    *PARAGRAPHS,
    *REMAINDER,
]
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.stage}: {example.reason}")


def read(example: Example, *, without: str = "") -> dict[str, tuple[str, ...]]:
    paths = example.sketch.paths(without=without)
    return {topic: paths[topic] for topic in example.paths}


@each_example
def test_the_sign_is_read(example: Example) -> None:
    assert read(example) == example.paths


@each_example
def test_and_only_by_its_stage(example: Example) -> None:
    assert read(example, without=example.stage) != example.paths


def test_every_stage_has_an_example() -> None:
    assert {example.stage for example in EXAMPLES} == set(STAGES)
