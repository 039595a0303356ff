"""How many tokens a text will be, estimated before the call."""

from __future__ import annotations

from typing import Final

_BYTES_PER_TOKEN: Final = 4


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of `text`: one for every 4 bytes of UTF-8, rounded up.

    The provider counts for itself; this only has to be close enough to plan with before the call.
    """
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
