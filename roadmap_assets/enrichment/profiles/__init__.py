"""Building blocks for a user-defined profile; `profile` explains how to write one."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmap_assets.enrichment.profiles.builtin import Study, Summary
    from roadmap_assets.enrichment.profiles.examples import Examples
    from roadmap_assets.enrichment.profiles.rules import AnyCase, Level, MaxWords, NotCopied, Words

__all__ = ["AnyCase", "Examples", "Level", "MaxWords", "NotCopied", "Study", "Summary", "Words"]


def __getattr__(name: str) -> Any:
    """A building block is imported when it is first used: the import of pydantic would be a fifth of a cached run."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "builtin" if name in {"Study", "Summary"} else "examples" if name == "Examples" else "rules"
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
