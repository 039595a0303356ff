"""A publication is only replaced by one that is at least as good, whatever run comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from roadmap_assets.settings import SETTINGS
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.cli.test_enrichment import asking
from roadmap_assets_tests.roadmaps.written import write_roadmap

REAL = str(SETTINGS["model"].default)
TOPICS = [f"Topic {number}" for number in range(30)]
ANSWERS = "SELECT topic, tldr, challenge, model, enrichment_key FROM enriched_roadmaps ORDER BY position"


class Published:
    """A roadmap whose answers of a real model are published, and what is there of it."""

    def __init__(self, command_line: CommandLine, server: Simulator) -> None:
        self.command_line = command_line
        self.server = server
        self.source = command_line.folder / "source"
        self.arguments = ("scrape", "--source", self.source, "--roadmap", "guide")
        self.environment = {**asking(server), "ROADMAP_ATTEMPTS": "1"}
        write_roadmap(self.source, "guide", TOPICS)
        self.first_output = self.run("--enrich")
        assert self.rows(ANSWERS)[0][3] == REAL

    def run(self, *options: str, exit_code: int = 0) -> str:
        result = self.command_line.run(*self.arguments, *options, **self.environment)
        assert result.exit_code == exit_code, result.output
        return result.stdout

    def change_every_text(self) -> None:
        write_roadmap(self.source, "guide", TOPICS, text="Another text altogether.")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.command_line.sql(query)

    @property
    def csv(self) -> Path:
        return self.command_line.folder / "output" / "roadmap_guide.csv"

    def files(self) -> list[str]:
        return [name for name in self.command_line.files() if name.startswith("output/")]


@pytest.fixture
def published(command_line: CommandLine) -> Iterator[Published]:
    with Simulator(SimulatorOptions(model_version=REAL)) as server:
        yield Published(command_line, server)


def test_an_address_that_is_not_gemini_s_is_part_of_where_answers_come_from(published: Published) -> None:
    assert f"Asked at: {published.server.url}\n" in published.first_output
    assert published.rows("SELECT DISTINCT base_url FROM enrichments") == [(published.server.url,)]


def test_an_offline_run_leaves_real_answers_alone(published: Published) -> None:
    rows, file = published.rows("SELECT * FROM enriched_roadmaps"), published.csv.read_bytes()
    assert "simulated" in published.run("--enrich", "--offline")
    assert published.rows("SELECT * FROM enriched_roadmaps") == rows
    assert published.csv.read_bytes() == file
    assert published.rows("SELECT count(*), any_value(model) FROM simulated_roadmaps") == [(len(TOPICS), "simulator")]
    [other] = set(published.files()) - {"output/roadmap_guide.csv"}
    assert "simulated" in other


def test_a_run_without_network_keeps_every_published_answer_as_stale(published: Published) -> None:
    before = published.rows(ANSWERS)
    answered_at = published.rows("SELECT answered_at FROM enriched_roadmaps ORDER BY position")
    published.change_every_text()
    published.server.refuse()
    assert "30 of them stale" in published.run("--enrich", exit_code=3)
    assert published.rows(ANSWERS) == before
    assert published.rows("SELECT DISTINCT status FROM enriched_roadmaps") == [("stale",)]
    assert published.rows("SELECT answered_at FROM enriched_roadmaps ORDER BY position") == answered_at, "its age"
    assert [row["TLDR"] for row in published.command_line.csv()] == [tldr for _, tldr, *_ in before]


def test_a_run_without_enrichment_leaves_the_enriched_file_alone(published: Published) -> None:
    before = published.csv.read_bytes()
    published.run()
    assert published.csv.read_bytes() == before
    assert published.files() == ["output/roadmap_guide.csv", "output/topics_guide.csv"]


def test_the_same_run_again_rewrites_nothing(published: Published) -> None:
    rows, written = published.rows("SELECT * FROM enriched_roadmaps"), published.csv.stat().st_mtime_ns
    published.run("--enrich")
    assert published.rows("SELECT * FROM enriched_roadmaps") == rows
    assert published.csv.stat().st_mtime_ns == written
    assert published.files() == ["output/roadmap_guide.csv"]


def test_three_runs_at_once_write_one_whole_file(published: Published) -> None:
    published.change_every_text()
    command_line = published.command_line
    runs = [command_line.start(*published.arguments, "--enrich", **published.environment) for _ in range(3)]
    for run in runs:
        _, err = run.communicate()
        said = [one for one in err.splitlines() if not one.startswith("Waiting for the database")]  # on a busy machine
        assert (run.returncode, said) == (0, [])
    assert published.files() == ["output/roadmap_guide.csv"]
    answered = [row["Topic"] for row in command_line.csv() if row["TLDR"]]
    assert answered == [topic for topic, *_ in published.rows(ANSWERS)]
    assert published.rows("SELECT count(*), any_value(status) FROM enriched_roadmaps") == [(len(TOPICS), "enriched")]
    asked = [topic for request in published.server.requests for topic in request.topics]
    assert len(asked) == 2 * len(TOPICS), "each topic once before, and once now"
