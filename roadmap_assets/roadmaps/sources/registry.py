"""Which source a setting names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from roadmap_assets.errors import InvalidSetting
from roadmap_assets.roadmaps.sources.base import Addresses, ListingStore, Source
from roadmap_assets.roadmaps.sources.directory import DirectorySource

DEFAULT_ADDRESSES: Final = Addresses()
SAMPLE: Final = Path(__file__).parent.parent / "sample"


def open_source(
    spec: str,
    *,
    addresses: Addresses = DEFAULT_ADDRESSES,
    github_token: str | None = None,
    listings: ListingStore | None = None,
    waits: bool = True,
    allow_missing_texts: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> Source:
    """The source that `spec` names: `live` (or by its former name `github`), `sample`, or a directory.

    To be closed after use. The live source is the only one to read the other arguments but `on_notice`, which gets
    what a person should know although nothing failed. Raises InvalidSetting if `spec` is not one of these.
    """
    if spec in ("live", "github"):
        from roadmap_assets.roadmaps.sources.live import LiveSource

        if spec == "github":
            on_notice("The source github is called live now; the old name will be removed in a later release.")
        return LiveSource(
            addresses,
            token=github_token,
            listings=listings,
            waits=waits,
            allow_missing_texts=allow_missing_texts,
            on_progress=on_progress,
            on_notice=on_notice,
        )
    if spec == "sample":
        return DirectorySource(SAMPLE, name="sample", on_notice=on_notice)
    if spec and Path(spec).is_dir():
        return DirectorySource(Path(spec), on_notice=on_notice)
    raise InvalidSetting(f"the source {spec!r} is neither live nor sample, nor a directory that exists")
