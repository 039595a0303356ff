"""A roadmap as an Anki package: a deck a chapter, a card a topic.

A note's id comes from its topic's, so that importing a new export updates the notes and keeps the learner's history.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from roadmap_assets.exports.edition import CHALLENGE, Edition, is_simulated, is_stale
from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.warehouse.published import EnrichedTopic

if TYPE_CHECKING:
    from genanki import Deck, Model

FRONT, BACK = "front", "back"
_FIELDS: Final = ("Front", "Back", "Path", "Resources")
_FRONT: Final = "<div class=path>{{Path}}</div><div class=front>{{Front}}</div>"
_BACK: Final = "{{FrontSide}}<hr id=answer><div class=back>{{Back}}</div><div class=resources>{{Resources}}</div>"
_STYLE: Final = """\
.card { font: 20px/1.45 -apple-system, "Segoe UI", Roboto, Arial, sans-serif; max-width: 36em; margin: 1em auto; }
.path, .resources { font-size: 14px; opacity: .7; }
.front { font-size: 26px; font-weight: 650; }
.resources { margin-top: 1.2em; }
"""


def write_deck(path: Place, edition: Edition, *, now: datetime) -> int:
    """Write the package and return the number of its notes.

    Columns whose headers are "Front" and "Back" make the card; without them the topic is the front, and all answers
    are the back. A topic with nothing for the back has no card. `now` is when the notes changed: Anki updates a note
    from an import that is newer.

    Raises:
        OutputNotWritable: the file cannot be written; a file that was there stays as it was.
    """
    from genanki import Package

    model, decks, notes = _model(), dict[str, "Deck"](), 0
    for chapter, rows in edition.chapters.items():
        for row in rows:
            front, back = _sides(edition, row)
            if back:
                deck = decks.setdefault(chapter, _deck(edition, chapter))
                deck.add_note(_note(edition, row, model, front=front, back=back))
                notes += 1
    with written_whole(path) as unfinished:
        Package(list(decks.values())).write_to_file(str(unfinished), timestamp=now.timestamp())
    return notes


def _model() -> Model:
    """The one kind of note, whatever the profile, so that a note never changes its kind."""
    from genanki import Model

    return Model(
        _number("roadmap-assets", *_FIELDS),
        "Roadmap topic",
        fields=[{"name": name} for name in _FIELDS],
        templates=[{"name": "Topic", "qfmt": _FRONT, "afmt": _BACK}],
        css=_STYLE,
    )


def _deck(edition: Edition, chapter: str) -> Deck:
    from genanki import Deck

    def part(name: str) -> str:
        return " ".join(name.replace("::", ": ").split())

    return Deck(_number(edition.roadmap, chapter), f"{part(edition.title)}::{part(chapter)}")


def _note(edition: Edition, row: EnrichedTopic, model: Model, *, front: str, back: str) -> Any:
    from genanki import Note

    topic = row.topic
    flags = "stale" * is_stale(row), "simulated" * is_simulated(row)
    marks = [edition.roadmap, str(row.columns.get(CHALLENGE) or ""), *flags]
    return Note(
        model=model,
        fields=[front, back, escape(" › ".join(topic.path)), "<br>".join(_resources(row))],
        guid=hashlib.sha256(f"{edition.roadmap}\0{topic.topic_id}".encode(errors="replace")).hexdigest()[:16],
        tags=[re.sub(r'[\s"]+', "_", mark) for mark in marks if mark],
        sort_field=topic.topic,
    )


def _sides(edition: Edition, row: EnrichedTopic) -> tuple[str, str]:
    """Front and back as HTML."""
    by_title = {header.casefold(): column for column, header in edition.headers.items()}
    if FRONT in by_title and BACK in by_title:
        return tuple(_html(row.columns.get(by_title[side], "")) for side in (FRONT, BACK))  # type: ignore[return-value]
    answers = [f"<p><b>{escape(header)}</b><br>{_html(value)}</p>" for header, value in edition.answers_of(row)]
    return escape(row.topic.topic), "".join(answers) or _html(row.topic.description)


def _html(value: Any) -> str:
    """An answer of any shape as HTML in which every text is inert."""
    if isinstance(value, Mapping):
        return "".join(
            f"<p><i>{escape(str(name).replace('_', ' ').capitalize())}</i></p>{_html(one)}"
            for name, one in value.items()
        )
    if isinstance(value, list):
        return f"<ul>{''.join(f'<li>{_html(one)}</li>' for one in value)}</ul>"
    return escape(str(value)).replace("\n", "<br>")


def _resources(row: EnrichedTopic) -> Iterator[str]:
    for resource in row.topic.resources:
        title = escape(resource.title)
        if resource.url.startswith(("http://", "https://")):
            title = f'<a href="{escape(resource.url)}">{title}</a>'
        yield f"{title} ({escape(resource.type)})"


def _number(*parts: str) -> int:
    """A stable id in the range that Anki takes for one."""
    digest = hashlib.sha256("\0".join(parts).encode(errors="replace")).digest()
    return (1 << 30) + int.from_bytes(digest[:4]) % (1 << 30)
