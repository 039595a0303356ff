"""The estimate of a text's tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens", "why"),
    [
        ("", 0, "nothing"),
        ("a", 1, "rounded up"),
        ("abcd", 1, "4 bytes"),
        ("abcde", 2, "5 bytes"),
        ("日本語", 3, "9 bytes: bytes count, not characters"),
        ("\ud800", 1, "half of a surrogate pair has no UTF-8 and must not stop a run"),
    ],
)
def test_tokens_are_estimated_from_bytes(text: str, tokens: int, why: str) -> None:
    assert estimate_tokens(text) == tokens, why


@given(st.text(), st.text())
def test_an_estimate_grows_with_the_text(one: str, other: str) -> None:
    assert max(estimate_tokens(one), estimate_tokens(other)) <= estimate_tokens(one + other)
