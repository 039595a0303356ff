"""Which source a setting names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.roadmaps.sources.base import ListingStore, Source
from roadmap_assets.roadmaps.sources.directory import DirectorySource

SAMPLE: Final = Path(__file__).parent.parent / "sample"


def open_source(
    spec: str,
    *,
    github_api: str = "https://api.github.com",
    github_raw: str = "https://raw.githubusercontent.com",
    roadmap_sh_api: str = "https://roadmap.sh/api",
    github_token: str | None = None,
    listings: ListingStore | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Source:
    """The source that `spec` names: `github`, `sample`, or a directory. To be closed after use.

    The other arguments are the live source's: `on_progress(done, total)` is called as texts arrive.
    Raises InvalidSetting when `spec` is none of the three.
    """
    if spec == "github":
        from roadmap_assets.roadmaps.sources.live import GithubSource

        return GithubSource(
            api_url=github_api,
            raw_url=github_raw,
            roadmap_sh_url=roadmap_sh_api,
            token=github_token,
            listings=listings,
            on_progress=on_progress,
        )
    if spec == "sample":
        return DirectorySource(SAMPLE, name="sample")
    if spec and Path(spec).is_dir():
        return DirectorySource(Path(spec))
    raise InvalidSetting(f"the source {spec!r} is neither github nor sample, nor a directory that exists")
