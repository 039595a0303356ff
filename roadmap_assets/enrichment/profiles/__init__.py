"""Building blocks for a user-defined profile; `profile` explains how to write one."""

from roadmap_assets.enrichment.profiles.builtin import Study, Summary
from roadmap_assets.enrichment.profiles.examples import Examples
from roadmap_assets.enrichment.profiles.rules import AnyCase, Level, MaxWords, NotCopied, Words

__all__ = ["AnyCase", "Examples", "Level", "MaxWords", "NotCopied", "Study", "Summary", "Words"]
