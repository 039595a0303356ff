"""Prices: the cost of a call, by the model version that answered."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, ValidationError, convert

from roadmap_assets.enrichment.providers.base import Service, Usage
from roadmap_assets.errors import InvalidSetting

_PACKAGED: Final = Path(__file__).with_name("prices.toml")
_PER_MILLION: Final = 1e-6

Dollars = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens of one model."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """The prices of models on a day, by the prefix of a model version's name.

    `flex` and `batch` are the shares of the standard price that those services cost.
    """

    as_of: datetime.date
    models: Mapping[str, Price]
    flex: Share = 0.5
    batch: Share = 0.5

    def of(self, model_version: str) -> Price | None:
        """The price of the longest name that equals `model_version` or is its prefix up to a hyphen."""
        version = model_version.removeprefix("models/")
        fitting = [name for name in self.models if version == name or version.startswith(f"{name}-")]
        return self.models[max(fitting, key=len)] if fitting else None

    def cost_usd(self, model_version: str, usage: Usage, *, service: Service = "standard") -> float | None:
        """The cost of a call in US dollars, or None if the model's price is unknown.

        (prompt - cached) * input + cached * cached_input + (candidates + thoughts) * output, as in Gemini's price list.
        Cached tokens without a price of their own cost as much as others, which is the most that they can cost. With a
        price of their own they cost the same in every service: Gemini's two discounts do not add up.
        """
        price = self.of(model_version)
        if price is None:
            return None
        share = {"standard": 1.0, "flex": self.flex, "batch": self.batch}[service]
        cached_input = share * price.input if price.cached_input is None else price.cached_input
        cached = min(usage.cached_tokens, usage.input_tokens)
        fresh = usage.input_tokens - cached
        output = usage.output_tokens + usage.thought_tokens
        return (share * (fresh * price.input + output * price.output) + cached * cached_input) * _PER_MILLION


def load_prices(path: Path | None = None) -> Prices:
    """The price table in the TOML file `path`, or the one in the package; InvalidSetting says what is wrong with it."""
    source = path or _PACKAGED
    try:
        return _prices_of(tomllib.loads(source.read_text(encoding="utf-8")))
    except ValidationError as broken:
        wrong = str(broken)
    except OSError as unreadable:
        wrong = unreadable.strerror or str(unreadable)
    except ValueError as no_toml:  # TOMLDecodeError and UnicodeDecodeError are both of this kind
        wrong = f"not TOML: {no_toml}"
    raise InvalidSetting(f"the price table {source} (ROADMAP_PRICES) cannot be used: {wrong}")


def _prices_of(table: dict[str, Any]) -> Prices:
    """Raises ValidationError, which names the model and the field."""
    for name, price in convert(table.get("models", {}), dict[str, object]).items():
        try:
            convert(price, Price)
        except ValidationError as broken:
            raise ValidationError(f"models.{name}: {broken}") from None
    return convert(table, Prices)
