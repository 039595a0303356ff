"""Edges and lines."""

from __future__ import annotations

from roadmap_assets_tests.roadmaps.hierarchy.examples import FAR, Example, two_stops, web

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
        "links in a circle make no circle of parents",
        "dashed",
        web().stack("a b", FAR, 0).minor("c", FAR, FAR).dashed("a", "b").dashed("b", "c").dashed("c", "a", "Web"),
        {"c": ("Web",), "a": ("Web", "c"), "b": ("Web", "c")},
    ),
]

SOLID = [
    Example(
        "solid edges are the reading path, not parenthood: each topic on it is a root",
        "solid",
        two_stops().dashed("Web", "Data"),
        {"Web": (), "Data": ()},
    ),
    Example(
        "a frame on the path is attached to the stop before it",
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

LINES = [
    Example(
        "a dashed line attaches what it touches, and the stack of that, to its hub",
        "lines",
        web().horizontal(195, 15, FAR, dashed=True).stack("HTML CSS", 200 + FAR, 0),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "touching segments of one style are one line",
        "lines",
        web().horizontal(195, 15, FAR, dashed=True).vertical(200 + FAR, 20, FAR, dashed=True).minor("CSS", FAR, 1025),
        {"CSS": ("Web",)},
    ),
    Example(
        "a dashed line that ends on a solid one has the nearest stop there as its hub",
        "lines",
        two_stops().vertical(90, 45, 560, dashed=False).horizontal(105, 500, FAR, dashed=True).minor("SQL", 1100, 485),
        {"SQL": ("Data",)},
    ),
    Example(
        "a solid line without a stop continues a dashed one",
        "lines",
        web().horizontal(195, 15, 500, dashed=True).vertical(700, -300, 600, dashed=False).stack("HTML CSS", 725, 200),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "a line that touches an item of a frame attaches the whole frame to the hub",
        "lines",
        web()
        .frame("frame", FAR, 0, 600, 100)
        .minor("HTML", FAR + 5, 25)
        .minor("CSS", FAR + 350, 25)
        .horizontal(195, 15, FAR - 195, dashed=True),
        {"HTML": ("Web",), "CSS": ("Web",)},
    ),
    Example(
        "a label on a solid line without a stop is the heading of what the line touches",
        "lines",
        web()
        .stack("HTML CSS", FAR, 0)
        .dashed("Web", "HTML")
        .vertical(FAR + 205, 0, 100, dashed=False)
        .label("Basics", 1230, 30),
        {"HTML": ("Web", "Basics"), "CSS": ("Web", "Basics")},
    ),
]
