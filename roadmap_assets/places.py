"""Where files for people go: a folder of this machine, or one in an object store, such as `s3://bucket/roadmaps`.

An object store is reached through fsspec, and each kind needs its package: s3fs for `s3://` (the extra `s3`), gcsfs for
`gs://`, adlfs for `az://`. Credentials come from where that package finds them, such as AWS_ACCESS_KEY_ID.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from upath import UPath


def place_of(text: str | Place) -> Place:
    """The file or folder that a path or an address names.

    Raises:
        ValueError: the address has a password in it, or is of no known kind.
    """
    if not isinstance(text, str):
        return text
    kind, is_address, rest = text.partition("://")
    if not is_address:
        return Path(text)
    from upath import UPath  # 0.1 s, and rarely needed

    if "@" in rest.partition("/")[0]:
        raise ValueError("an address must not hold a key or a password; set them as the store's package reads them")
    try:
        # Without its own cache of listings: another process may write there at any time.
        return UPath(text, use_listings_cache=False)
    except ValueError:
        raise ValueError(f"there is no kind of object store {kind!r}") from None


if TYPE_CHECKING:
    Place: TypeAlias = Path | UPath
    """A file or folder, here or in an object store."""
else:
    Place = Path
