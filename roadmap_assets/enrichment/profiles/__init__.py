"""What a profile of one's own is made of; `profile` says how to write one."""

from roadmap_assets.enrichment.profiles.builtin import Study, Summary
from roadmap_assets.enrichment.profiles.rules import AnyCase, Level, MaxWords, Words

__all__ = ["AnyCase", "Level", "MaxWords", "Study", "Summary", "Words"]
