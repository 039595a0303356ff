"""`ROADMAP_FALLBACK_MODEL`, as the command line shows it: which model answered what, and what each of them cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roadmap_assets.settings import SETTINGS
from roadmap_assets.simulator.faults import Edit, FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import CommandLine, line
from roadmap_assets_tests.cli.test_enrichment import asking
from roadmap_assets_tests.roadmaps.written import write_roadmap

FIRST = str(SETTINGS["model"].default)
SECOND = "gemini-3.5-flash"
TOPICS = 30


@pytest.fixture
def server() -> Iterator[Simulator]:
    """Leaves one row out of its first reply."""
    with Simulator(
        SimulatorOptions(model_version=FIRST, faults=FaultPlan((Rule(Edit("omit"), calls=(1,)),)))
    ) as server:
        yield server


def test_the_model_of_each_answer_is_published_and_the_cost_of_each_model_shown(
    command_line: CommandLine, server: Simulator
) -> None:
    write_roadmap(command_line.folder / "source", "guide", [f"Topic {number}" for number in range(TOPICS)])
    arguments = ("scrape", "--source", command_line.folder / "source", "--roadmap", "guide", "--enrich")
    environment = {**asking(server), "ROADMAP_FALLBACK_MODEL": SECOND, "ROADMAP_CONCURRENCY": "1"}
    result = command_line.run(*arguments, **environment)
    assert result.exit_code == 0
    assert [(request.model, len(request.topics)) for request in server.requests] == [
        (FIRST, 20),
        (FIRST, 10),
        (SECOND, 1),
    ]
    by_model = "SELECT model, count(*) FROM enriched_roadmaps GROUP BY model ORDER BY count(*)"
    assert command_line.sql(by_model) == [(SECOND, 1), (FIRST, TOPICS - 1)]
    assert line(result, "Calls by model:").startswith(f"{FIRST} 2, $0.0")
    assert f"; {SECOND} 1, $0.0" in line(result, "Calls by model:")
    *_, run = command_line.run("runs").stdout.splitlines()
    assert run.endswith(f"  {SECOND}, {FIRST}")

    quota = command_line.run("quota", **environment).stdout
    shown = quota.replace("\n", " ").split("Model: ")
    assert [part.split()[0] for part in shown if part] == [FIRST, SECOND]
    assert [part.partition("Requests: ")[2][:7] for part in shown if part] == ["2 of 15", "1 of 15"]

    again = command_line.run(*arguments, **{**environment, "ROADMAP_FALLBACK_MODEL": ""})
    assert line(again, f"Cache hits: {TOPICS}/{TOPICS}") == "(100.0%)"
    assert command_line.sql(by_model) == [(SECOND, 1), (FIRST, TOPICS - 1)]
