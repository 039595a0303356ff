"""Anki packages, imported into Anki's own collection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from roadmap_assets.exports.anki import write_deck
from roadmap_assets.exports.edition import Edition
from roadmap_assets.warehouse.topics import Resource
from roadmap_assets_tests.exports.editions import MARKUP, edition, hostile, published

if TYPE_CHECKING:
    from anki.collection import Collection

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """An empty collection of a learner."""
    library = pytest.importorskip("anki.collection", reason="anki is not installed")
    opened = library.Collection(str(tmp_path / "learner.anki2"))
    yield opened
    opened.close()


def imported(collection: Collection, package: Path, exported: Edition, *, now: datetime) -> int:
    from anki.collection import ImportAnkiPackageOptions, ImportAnkiPackageRequest

    number = write_deck(package, exported, now=now)
    collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(package), options=ImportAnkiPackageOptions(merge_notetypes=True))
    )
    return number


def cards(collection: Collection) -> dict[str, str]:
    """The back of each card by its front."""
    notes = (collection.get_note(one) for one in collection.find_notes(""))
    return {note["Front"]: note["Back"] for note in notes}


def test_a_second_export_updates_the_notes_and_doubles_none(collection: Collection, tmp_path: Path) -> None:
    before = edition(published("One"), published("Two"), published("Gone"))
    after = edition(
        published("One, renamed", topic_id="one", answers={"tldr": "Newer"}), published("Two"), published("New")
    )
    assert imported(collection, tmp_path / "a.apkg", before, now=NOW) == 3
    [card] = collection.find_cards("Front:One")
    collection.sched.set_due_date([card], "17")
    due = collection.get_card(card).due
    imported(collection, tmp_path / "b.apkg", after, now=NOW + timedelta(days=1))
    assert set(cards(collection)) == {"One, renamed", "Two", "Gone", "New"}
    assert "Newer" in cards(collection)["One, renamed"]
    assert collection.card_count() == collection.note_count() == 4
    [same] = collection.find_cards('"Front:One, renamed"')
    assert (same, collection.get_card(same).due) == (card, due)  # what was learned stays
    assert len(collection.models.all_names_and_ids()) == len(
        {one.name for one in collection.models.all_names_and_ids()}
    )


def test_a_chapter_is_a_deck(collection: Collection, tmp_path: Path) -> None:
    rows = [published("One"), published("Two", category="A::B")]
    imported(collection, tmp_path / "a.apkg", edition(*rows, title="Road::map"), now=NOW)
    names = {one.name for one in collection.decks.all_names_and_ids()}
    assert {"Road: map", "Road: map::Basics", "Road: map::A: B"} <= names


def test_the_profile_s_own_front_and_back_make_the_card(collection: Collection, tmp_path: Path) -> None:
    row = published("One", answers={"question": "Why?", "reply": "Because\nof <that>", "tldr": "Not on it"})
    other = published("Two", answers={})
    headers = {"question": "Front", "reply": "Back", "tldr": "TLDR"}
    assert imported(collection, tmp_path / "a.apkg", edition(row, other, headers=headers), now=NOW) == 1
    assert cards(collection) == {"Why?": "Because<br>of &lt;that&gt;"}


def test_without_them_the_topic_is_asked_and_everything_answered(collection: Collection, tmp_path: Path) -> None:
    row = published(
        "One",
        answers={"tldr": "Short", "how_to": {"first_steps": ["a", "b"]}},
        resources=(Resource("Talk", "https://example.org/?a=1&b=2", "video"),),
    )
    unanswered = published("Two", answers={}, description="Its text.")
    imported(
        collection, tmp_path / "a.apkg", edition(row, unanswered, headers={"tldr": "TLDR", "how_to": "How To"}), now=NOW
    )
    assert cards(collection) == {
        "One": "<p><b>TLDR</b><br>Short</p>"
        "<p><b>How To</b><br><p><i>First steps</i></p><ul><li>a</li><li>b</li></ul></p>",
        "Two": "Its text.",
    }
    note = collection.get_note(collection.find_notes("Front:One")[0])
    assert note["Resources"] == '<a href="https://example.org/?a=1&amp;b=2">Talk</a> (video)'
    assert "test" in note.tags


def test_hostile_texts_are_texts_on_a_card(collection: Collection, tmp_path: Path) -> None:
    exported, _ = hostile()
    assert imported(collection, tmp_path / "a.apkg", exported, now=NOW) == 3
    for one in collection.find_notes(""):
        note = collection.get_note(one)
        everything = "".join(note.fields)
        assert "<img" not in everything
        assert "<script" not in everything
        assert 'href="javascript' not in everything
        assert MARKUP.replace("<", "&lt;").replace(">", "&gt;") in everything
