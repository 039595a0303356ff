"""Learning roadmaps as clean, enriched tables: Dagster assets and a command line over one core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmap_assets.dataframe import enrich as enrich

__all__ = ["enrich"]


def __getattr__(name: str) -> Any:
    """`enrich` is imported when it is first used: this module is run by every import of the package."""
    if name == "enrich":
        from roadmap_assets.dataframe import enrich

        return enrich
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
