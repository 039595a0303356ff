"""Dated copies of a file that is written again and again under one name."""

from __future__ import annotations

from datetime import datetime

from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place


def keep_copy(path: Place, *, now: datetime) -> Place | None:
    """Copy `path` to `history/<stem>_<time><suffix>` beside it, unless the last copy has the same content.

    Returns:
        The copy, or None where there was nothing new.

    Raises:
        OutputNotWritable: the copy cannot be written.
    """
    folder = path.parent / "history"
    copies: list[Place] = sorted(folder.glob(f"{path.stem}_[0-9]*{path.suffix}"), key=str)
    if copies and copies[-1].read_bytes() == path.read_bytes():
        return None
    copy = folder / f"{path.stem}_{now:%Y%m%dT%H%M%S_%f}{path.suffix}"
    with written_whole(copy) as unfinished:
        unfinished.write_bytes(path.read_bytes())
    return copy
