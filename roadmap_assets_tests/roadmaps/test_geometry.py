"""Boxes, the grid that finds neighbours, groups of touching boxes, and rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.roadmaps.geometry import Box, Grid, in_rows, touching_groups

coordinates = st.floats(-5000, 5000, allow_nan=False)
sizes = st.floats(0, 3000, allow_nan=False)
boxes = st.builds(Box, coordinates, coordinates, sizes, sizes)


@pytest.mark.parametrize(
    ("other", "gap", "reason"),
    [
        (Box(110, 0, 100, 50), 10, "beside it"),
        (Box(0, 57, 100, 50), 7, "below it"),
        (Box(110, 57, 100, 50), 10, "across the corner: the larger of both axes"),
        (Box(50, 10, 100, 50), -40, "overlapping: the smaller overlap"),
    ],
)
def test_gap(other: Box, gap: float, reason: str) -> None:
    assert Box(0, 0, 100, 50).gap(other) == gap, reason


@pytest.mark.parametrize(
    ("item", "share", "reason"),
    [
        (Box(10, 10, 20, 20), 1.0, "inside"),
        (Box(-10, 0, 20, 20), 0.5, "half over the left border"),
        (Box(200, 0, 20, 20), 0.0, "outside"),
        (Box(10, 10, 0, 0), 1.0, "a point inside"),
        (Box(110, 10, 0, 0), 0.0, "a point outside"),
    ],
)
def test_share_inside(item: Box, share: float, reason: str) -> None:
    assert item.share_inside(Box(0, 0, 100, 100)) == share, reason


@given(st.lists(boxes, max_size=30), boxes, st.sampled_from([0.0, 14.0, 150.0]))
def test_the_grid_finds_the_same_as_a_comparison_with_every_box(those: list[Box], box: Box, reach: float) -> None:
    grid = Grid(dict(enumerate(those)))
    found = list(grid.near(box, reach))
    assert sorted(found) == [number for number, other in enumerate(those) if other.gap(box) <= reach]


@given(st.lists(boxes, min_size=1, max_size=30))
def test_a_popped_box_is_not_found(those: list[Box]) -> None:
    grid = Grid(dict(enumerate(those)))
    grid.pop(0)
    assert 0 not in set(grid.near(those[0], 0))


def test_boxes_are_grouped_through_others() -> None:
    row = {"a": Box(0, 0, 10, 10), "far": Box(500, 0, 10, 10), "c": Box(24, 0, 10, 10), "b": Box(12, 0, 10, 10)}
    assert [sorted(group) for group in touching_groups(row, reach=2)] == [["a", "b", "c"], ["far"]]


@given(st.lists(boxes, max_size=20))
def test_every_box_is_in_one_group(those: list[Box]) -> None:
    groups = touching_groups(dict(enumerate(those)), reach=14)
    assert sorted(number for group in groups for number in group) == list(range(len(those)))


def test_boxes_that_are_not_quite_level_are_one_row() -> None:
    wall = {"right": Box(60, 0, 50, 50), "left": Box(0, 3, 50, 50), "below": Box(0, 60, 50, 50)}
    assert in_rows(wall, ["below", "unknown", "right", "left"]) == ["left", "right", "below", "unknown"]
