"""Each sign of a drawing in a small example, whose result differs without the stage that reads the sign."""

from __future__ import annotations

import pytest

from roadmap_assets.roadmaps.hierarchy import STAGES
from roadmap_assets_tests.roadmaps.hierarchy.examples import Example
from roadmap_assets_tests.roadmaps.hierarchy.group_examples import (
    FLUSH_TOPICS,
    FRAME_HEADINGS,
    FRAMES,
    LABELS,
    MEASURED,
    STACKS,
)
from roadmap_assets_tests.roadmaps.hierarchy.link_examples import DASHED, LINES, SOLID
from roadmap_assets_tests.roadmaps.hierarchy.spine_examples import PARAGRAPHS, REMAINDER

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
def test_the_paths_are_read(example: Example) -> None:
    assert read(example) == example.paths


@each_example
def test_the_paths_differ_without_the_stage(example: Example) -> None:
    assert read(example, without=example.stage) != example.paths


def test_every_stage_has_an_example() -> None:
    assert {example.stage for example in EXAMPLES} == set(STAGES)
