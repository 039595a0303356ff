"""Questions: what a key depends on, and where long texts are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.enrichment.questions import CONTEXT_CHARS, TOPIC_CHARS, cut_at_sentence, cut_at_word, question
from roadmap_assets.enrichment.tokens import estimate_tokens

BASE: dict[str, Any] = {
    "topic": "Topic",
    "description": "A text.",
    "context": "A > B",
    "fingerprint": "f1",
    "model": "m1",
    "description_chars": 100,
}


@pytest.mark.parametrize(
    "change",
    [
        {"topic": "Another"},
        {"description": "Another text."},
        {"context": "A > C"},
        {"fingerprint": "f2"},
        {"model": "m2"},
        {"topic": "TopicA text.", "description": ""},
    ],
)
def test_everything_that_shapes_an_answer_changes_the_key(change: dict[str, Any]) -> None:
    assert question(**BASE | change).key != question(**BASE).key


def test_text_that_is_not_sent_does_not_change_the_key() -> None:
    assert question(**BASE | {"description_chars": 2000}) == question(**BASE)
    long = question(**BASE | {"description": "A sentence. " * 9 + "Beyond."})
    assert long == question(**BASE | {"description": "A sentence. " * 9 + "What is beyond."})
    assert long.description == ("A sentence. " * 8).strip()


def test_the_key_is_the_same_in_every_version() -> None:
    assert question(**BASE).key == "956bc78b7a30c41bd04771f727b54524"


def test_the_tokens_are_those_of_the_object_in_the_request() -> None:
    asked = question(**BASE | {"description": "Ein Wörterbuch. " * 5})
    assert asked.tokens == estimate_tokens(json.dumps({"id": "00", **asked.wire}, ensure_ascii=False)) + 1


@pytest.mark.parametrize(
    ("text", "limit", "kept", "why"),
    [
        ("Short.", 6, "Short.", "nothing to cut"),
        ("One. Two. Three.", 10, "One. Two.", "at a sentence's end"),
        ("One. Two. Three.", 9, "One. Two.", "to the letter"),
        ("One. Two. Three.", 8, "One.", "not inside a sentence"),
        ("Is it? Yes! No.", 12, "Is it? Yes!", "any closing mark"),
        ('He said "so." Then he left.', 16, 'He said "so."', "with the closing quote"),
        ("Version 1.5 is out now", 13, "Version 1.5", "a point in a number ends no sentence: whole words"),
        ("A list\n- with lines", 10, "A list", "a line's end is one"),
        ("Donaudampfschiff", 5, "Donau", "characters at last"),
        ("", 5, "", "nothing"),
    ],
)
def test_a_text_is_cut_at_the_end_of_a_sentence_or_word(text: str, limit: int, kept: str, why: str) -> None:
    assert cut_at_sentence(text, limit) == kept, why


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_a_beginning_of_the_text_within_the_limit(text: str, limit: int) -> None:
    for cut_at in (cut_at_sentence, cut_at_word):
        cut = cut_at(text, limit)
        assert len(cut) <= limit
        assert text.startswith(cut)
        assert cut_at(cut, limit) == cut


def test_endless_topics_and_contexts_are_cut() -> None:
    asked = question(
        **BASE | {"topic": "Label " * 200_000, "context": "Heading > " * 10_000, "description_chars": 2000}
    )
    assert asked.topic == ("Label " * (TOPIC_CHARS // 6)).strip()
    assert len(asked.context) <= CONTEXT_CHARS
    assert asked.context.startswith("Heading > Heading")
    assert asked.tokens < 500


def test_names_of_realistic_length_are_sent_whole() -> None:
    asked = question(**BASE | {"topic": "x" * TOPIC_CHARS, "context": "y" * CONTEXT_CHARS})
    assert (asked.topic, asked.context) == ("x" * TOPIC_CHARS, "y" * CONTEXT_CHARS)
