"""`--service`: what each service would cost, and which one is asked."""

from __future__ import annotations

import pytest

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine, line

PRICES = """
as_of = 2026-11-01
[models.simulator]
input = 10.0
output = 10.0
"""


@pytest.fixture
def priced(command_line: CommandLine) -> CommandLine:
    """The command line with a price for the simulator's tokens, and no limits."""
    prices = command_line.folder / "prices.toml"
    prices.write_text(PRICES)
    limits = dict.fromkeys(("ROADMAP_RPM", "ROADMAP_TPM", "ROADMAP_RPD"), "0")
    return CommandLine(command_line.folder, ROADMAP_PRICES=str(prices), GEMINI_API_KEY="any", **limits)


def dollars(text: str) -> float:
    return float(text.split("$")[1].split(",")[0])


def test_a_dry_run_prices_the_services_side_by_side(priced: CommandLine) -> None:
    shown = priced.run("scrape", *SAMPLE, "--dry-run", "--offline")
    costs = dict(part.split(" $") for part in line(shown, "Cost by service: ").split(", "))
    assert set(costs) == {"standard", "flex", "batch"}
    standard = float(costs["standard"])
    assert standard > 0
    assert float(costs["flex"]) == float(costs["batch"]) == pytest.approx(standard / 2, abs=1e-4)
    assert dollars(line(shown, "Cost: ")) == standard
    flex = priced.run("scrape", *SAMPLE, "--dry-run", "--offline", "--service", "flex")
    assert dollars(line(flex, "Cost: ")) == float(costs["flex"])


def test_flex_is_asked_by_option_and_by_variable_and_named_in_the_summary(priced: CommandLine) -> None:
    with Simulator(SimulatorOptions(flex_refused=0.3, seed=2)) as simulator:
        environment = {"GOOGLE_GEMINI_BASE_URL": simulator.url}
        done = priced.run("scrape", *SAMPLE, "--enrich", "--service", "flex", **environment)
        assert done.exit_code == 0, done.output
        assert line(done, "Newly enriched: ") == str(SAMPLE_TOPICS)
        assert line(done, "Served by: ").startswith("flex (")
        assert {request.tier for request in simulator.requests if request.status == 200} == {"flex"}
        priced.database.unlink()
        by_variable = priced.run("scrape", *SAMPLE, "--enrich", ROADMAP_SERVICE="flex", **environment)
        assert line(by_variable, "Served by: ").startswith("flex (")
        standard = priced.run("scrape", *SAMPLE, "--enrich", **environment)
        assert "Served by: " not in standard.output


def test_a_service_that_does_not_exist_is_refused_with_those_that_do(priced: CommandLine) -> None:
    refused = priced.run("scrape", *SAMPLE, "--enrich", "--service", "express")
    assert refused.exit_code == 2
    assert "'standard', 'flex', 'batch'" in refused.output
