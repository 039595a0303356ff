"""Prices by model version, the cost of a call, and the estimate of tokens."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from roadmap_assets.enrichment.cost import load_prices
from roadmap_assets.enrichment.providers.base import Usage
from roadmap_assets.errors import InvalidSetting

TABLE = """
as_of = 2030-02-03
[models.swift]
input = 1.0
cached_input = 0.25
output = 8.0
[models."swift-lite"]
input = 0.5
output = 4
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_the_packaged_table_has_the_default_model_and_is_dated() -> None:
    prices = load_prices()
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert prices.cost_usd("gemini-3.5-flash-lite", usage) == pytest.approx(2.80)
    assert prices.as_of >= datetime.date(2026, 1, 1)


def test_the_simulator_has_a_known_price_of_nothing() -> None:
    assert load_prices().cost_usd("simulator", Usage(input_tokens=10**9, output_tokens=10**9)) == 0.0


@pytest.mark.parametrize(
    ("usage", "cost", "why"),
    [
        (Usage(), 0.0, "no tokens, no cost"),
        (Usage(input_tokens=1_000_000), 1.0, "input alone"),
        (
            Usage(input_tokens=1_000_000, cached_tokens=400_000),
            0.7,
            "the cached part is inside the input, not beside it",
        ),
        (Usage(output_tokens=1_000, thought_tokens=1_000), 0.016, "thoughts are charged as output"),
        (Usage(input_tokens=100, cached_tokens=900), 0.000025, "more cached than sent: no negative cost"),
    ],
)
def test_the_formula(table: Path, usage: Usage, cost: float, why: str) -> None:
    assert load_prices(table).cost_usd("swift", usage) == pytest.approx(cost), why


def test_cached_tokens_without_a_price_of_their_own_count_as_input(table: Path) -> None:
    usage = Usage(input_tokens=1_000_000, cached_tokens=1_000_000)
    assert load_prices(table).cost_usd("swift-lite", usage) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("version", "cost", "why"),
    [
        ("swift", 1.0, "the name itself"),
        ("swift-002", 1.0, "a version of it"),
        ("swift-lite", 0.5, "the longest name wins, not the first"),
        ("swift-lite-preview-09", 0.5, "a version of the longer name"),
        ("swift-lit", 1.0, "a name ends at a hyphen, so this is not swift-lite"),
        ("models/swift", 1.0, "the API's resource name"),
        ("swifter", None, "no hyphen: another model"),
        ("sw", None, "shorter than any name"),
        ("gemini-3.5-flash-lite", None, "a table of one's own replaces the packaged one"),
        ("", None, "the reply did not say"),
    ],
)
def test_a_model_is_found_by_the_prefix_of_its_version(table: Path, version: str, cost: float | None, why: str) -> None:
    assert load_prices(table).cost_usd(version, Usage(input_tokens=1_000_000)) == cost, why


@pytest.mark.parametrize(
    ("text", "message", "why"),
    [
        ("as_of = ", "not TOML", "broken TOML"),
        ("[models]", "as_of", "a table without a date"),
        (TABLE.replace("1.0", "-1.0"), "models.swift: Expected `float` >= 0.0 - at `$.input`", "a negative price"),
        (TABLE.replace("1.0", "nan"), "models.swift: Expected `float` >= 0.0 - at `$.input`", "not a number"),
        (TABLE.replace("1.0", "inf"), "models.swift: Expected `float` <= 1000000.0 - at `$.input`", "no number either"),
        (
            TABLE.replace("1.0", "'1.0'"),
            "models.swift: Expected `float`, got `str` - at `$.input`",
            "a text for a number",
        ),
        (
            TABLE.replace("cached_input", "cache"),
            "models.swift: Object contains unknown field `cache`",
            "a misspelt key would otherwise be free",
        ),
        (
            TABLE.replace("output = 4", ""),
            "models.swift-lite: Object missing required field `output`",
            "a price is missing",
        ),
    ],
)
def test_a_bad_table_is_refused_with_its_place(tmp_path: Path, text: str, message: str, why: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSetting) as refused:
        load_prices(path)
    assert message in str(refused.value), why
    assert str(path) in str(refused.value)


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(InvalidSetting, match="ROADMAP_PRICES"):
            load_prices(path)
