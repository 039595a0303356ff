"""Dated copies of a file that is written again and again under one name."""

from __future__ import annotations

import filecmp
import shutil
from datetime import datetime
from pathlib import Path

from roadmap_assets.exports.whole_file import written_whole


def keep_copy(path: Path, *, now: datetime) -> Path | None:
    """Copy `path` to `history/<stem>_<time><suffix>` beside it, unless the last copy has the same content.

    Returns:
        The copy, or None where there was nothing new.

    Raises:
        OutputNotWritable: the copy cannot be written.
    """
    folder = path.parent / "history"
    *_, last = (None, *sorted(folder.glob(f"{path.stem}_[0-9]*{path.suffix}")))
    if last and filecmp.cmp(last, path, shallow=False):
        return None
    copy = folder / f"{path.stem}_{now:%Y%m%dT%H%M%S_%f}{path.suffix}"
    with written_whole(copy) as unfinished:
        shutil.copyfile(path, unfinished)
    return copy
