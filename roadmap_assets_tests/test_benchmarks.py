"""The benchmarks as a program: they run and report their figures as measured; times are not asserted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from roadmap_assets.roadmaps.table import build_topics
from roadmap_assets_tests.benchmarks import __main__ as program
from roadmap_assets_tests.benchmarks.chart import Line, draw_chart
from roadmap_assets_tests.benchmarks.figures import (
    Benchmark,
    Conditions,
    Figure,
    Remark,
    Wanted,
    at_least,
    at_most,
    exactly,
)
from roadmap_assets_tests.benchmarks.generated import snapshot
from roadmap_assets_tests.benchmarks.processes import share, violations
from roadmap_assets_tests.benchmarks.registry import BENCHMARKS
from roadmap_assets_tests.benchmarks.report import Section, document, number


@pytest.mark.long
def test_a_quick_run_yields_its_figures_and_writes_them_down(tmp_path: Path) -> None:
    output = tmp_path / "docs" / "figures.md"
    result = CliRunner().invoke(program.main, ["--quick", "edit", "--output", str(output)])
    assert result.exit_code == 0, result.output
    written = output.read_text("utf-8")
    for changed, calls in ((1, 1), (19, 1), (21, 2), (100, 5)):
        assert f"| {changed} rows changed: calls | {calls} | = {calls} |" in written
        assert f"{changed} rows changed: calls" in result.output
    assert "4 of 4 limits are kept" in written
    assert "--quick" in written


def test_only_a_whole_run_writes_the_document_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    benchmark = Benchmark("edit", "Something.", "Nothing.", "Much.", lambda _: iter([Figure("calls", 7)]))
    monkeypatch.setattr(program, "BENCHMARKS", [benchmark])
    for partial in (["--quick"], ["edit"]):
        assert CliRunner().invoke(program.main, partial).exit_code == 0
        assert list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(program.main, []).exit_code == 0
    assert "| calls | 7 |" in (tmp_path / program.DOCUMENT).read_text("utf-8")


def test_every_benchmark_has_its_own_name_and_says_what_it_is() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert all(b.measures and b.against and b.limit for b in BENCHMARKS)


@pytest.mark.parametrize(
    ("wanted", "value", "met"),
    [
        pytest.param(at_most(5), 5, True, id="a limit itself is kept"),
        pytest.param(at_most(5), 5.01, False, id="above"),
        pytest.param(at_least(5), 4.99, False, id="below"),
        pytest.param(exactly(7), 7, True, id="as wanted"),
        pytest.param(exactly(7), 6, False, id="fewer is not as wanted"),
        pytest.param(None, 6, None, id="nothing wanted"),
    ],
)
def test_whether_a_figure_is_as_wanted(wanted: Wanted | None, value: float, met: bool | None) -> None:
    assert Figure("calls", value, "", wanted).met is met


def test_the_document_says_what_falls_short_and_what_broke(tmp_path: Path) -> None:
    def work(conditions: Conditions) -> Iterator[Figure | Remark]:
        yield Figure("ratio", 0.9, "", at_least(0.95), "scaled")
        yield Figure("calls", 7, "", exactly(7))
        yield Remark("A word on it.")
        raise RuntimeError("the rest did not work")

    section = program.run(Benchmark("made up", "Something.", "Nothing.", "Much.", work), quick=True, images=None)
    written = document([section], machine="this one", versions="Python", day=date(2026, 11, 23), quick=False)
    assert "| ratio | 0.900 | ≥ 0.950 | **falls short**; scaled |" in written
    assert "| calls | 7 | = 7 |  |" in written
    assert "A word on it." in written
    assert "RuntimeError: the rest did not work" in written
    assert "1 of 2 limits are kept; not kept: made up: ratio" in written
    assert "2026-11-23" in written
    assert "this one" in written


def test_that_a_benchmark_broke_is_told_by_the_exit_status_and_falling_short_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = Section(BENCHMARKS[0], error="it broke")
    short = Section(BENCHMARKS[0], entries=[Figure("ratio", 0.1, "", at_least(1))])
    assert program.conclude([short], output=None, quick=True) == 0
    assert "1 figures fall short" in capsys.readouterr().out
    assert program.conclude([short, broken], output=None, quick=True) == 1


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (7, "7"), (8412.3, "8,412"), (0.98349, "0.983"), (62.04, "62.0"), (0.01234, "0.0123")],
)
def test_numbers_have_the_digits_that_mean_something(amount: float, text: str) -> None:
    assert number(amount) == text


def test_the_chart_is_an_image_and_everything_is_in_it() -> None:
    points = [(20, 20, 80.0), (134, 134, 536.0), (2000, 2000, 8000.0)]
    svg = draw_chart([Line("one row a call", points, "single")], limits=[(20, 1, 2.0), (2000, 100, 362.0)])
    image = ElementTree.fromstring(svg)
    width, height = map(float, image.attrib["viewBox"].split()[2:])
    dots = [dot for dot in image if dot.tag.endswith("circle")]
    assert len(dots) == 2 * len(points), "one in each of the two diagrams"
    assert all(0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height for dot in dots)
    assert "one row a call" in "".join(image.itertext())
    assert "prefers-color-scheme: dark" in svg


@pytest.mark.parametrize("topics", [1, 20, 21, 134])
def test_a_generated_roadmap_has_as_many_topics_as_asked_for_each_with_a_text(topics: int) -> None:
    table = build_topics(snapshot(topics))
    assert len(table.topics) == topics
    assert all(topic.description and topic.resources for topic in table.topics)


def test_share_and_violations_of_a_window() -> None:
    at_once = [0.0] * 15
    strict = [*at_once, *(60.0 for _ in range(15)), 120.0]
    assert (share(strict, 60), violations(strict, 60)) == (1, 0)
    late = [*at_once, *(75.0 for _ in range(15)), 150.0]
    assert (share(late, 60), violations(late, 60)) == (0.8, 0)
    early = [*at_once, *(59.0 for _ in range(15))]
    assert violations(early, 60) == 15
