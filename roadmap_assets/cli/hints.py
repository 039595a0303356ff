"""What to do about an error, in terms of the command line; the messages themselves serve notebooks and Dagster too."""

from __future__ import annotations

from roadmap_assets.errors import MissingKey, OutputNotWritable, RoadmapAssetsError, UnknownRoadmap


def with_hint(error: RoadmapAssetsError, *, output_given: bool = False) -> str:
    """The error as one line, with the option or command that helps; `output_given` says that --output was used."""
    message = " ".join(str(error).split())
    match error:
        case UnknownRoadmap(near=(), source=source):
            return f"{message}; list its roadmaps with: roadmap-assets scrape --list --source {source}"
        case MissingKey():
            return f"{message}, or add --offline to use the built-in simulator"
        case OutputNotWritable(problem=problem) if output_given:
            return f"{' '.join(problem.split())}; name another place with --output"
        case _:
            return message
