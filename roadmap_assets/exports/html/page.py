"""The page of one roadmap: its drawing, its topics with their cards, charts, and the reader's own progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from roadmap_assets.exports.edition import CHALLENGE, TLDR, Edition, is_simulated, is_stale
from roadmap_assets.exports.html.charts import Chart, Series, stacked
from roadmap_assets.exports.html.drawing import Drawing, Spot, draw
from roadmap_assets.exports.html.template import render
from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.roadmaps.document import Document
from roadmap_assets.warehouse.published import EnrichedTopic

SCRIPTS: Final = (
    "elements.js",
    "state.js",
    "progress.js",
    "card.js",
    "list.js",
    "map.js",
    "workbook.js",
    "downloads.js",
    "page.js",
)
NO_ANSWER: Final = Series("no answer yet", "level-none")
LOOKS: Final = 5
"""Levels that the style sheet has colours for; further ones look like the last."""


class Notice(Struct, frozen=True):
    """Something that a reader must know before trusting the page; `kind` is its class in the style sheet."""

    kind: str
    title: str
    text: str


class Page(Struct, frozen=True, kw_only=True):
    """What the template shows."""

    title: str
    topics: int
    facts: Sequence[str]
    notices: Sequence[Notice]
    drawing: Drawing
    levels: Sequence[str]
    unanswered: int
    charts: Sequence[Chart]
    origin: str
    origin_name: str
    answered: int
    authors: str
    published: str


def write_page(path: Place, edition: Edition, document: Document) -> None:
    """Write the page of a roadmap.

    Raises:
        OutputNotWritable: a page that was there stays as it was.
    """
    page = render_page(edition, document)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(page.encode(errors="replace"))


def render_page(edition: Edition, document: Document) -> str:
    """The page as one HTML text."""
    levels = levels_of(edition)
    spots = {row.topic.topic_id: _spot(place, row, levels) for place, row in enumerate(edition.rows)}
    answered, total = edition.answered, len(edition.rows)
    published = in_words(edition.published_at)
    page = Page(
        title=edition.title,
        topics=total,
        facts=list(_facts(edition, published)),
        notices=list(_notices(edition)),
        drawing=draw(document, topics=spots),
        levels=edition.levels,
        unanswered=total - answered,
        charts=[chart for chart in (_challenge_by_chapter(edition, levels), _resources_by_kind(edition)) if chart.bars],
        origin=f"https://roadmap.sh/{edition.roadmap}",
        origin_name=f"roadmap.sh/{edition.roadmap}",
        answered=answered,
        authors=", ".join("the simulator" if model == "simulator" else model for model in edition.authors),
        published=published,
    )
    return render(
        "page.html", styles=("base.css", "page.css"), scripts=SCRIPTS, data=_data(edition, document), page=page
    )


def levels_of(edition: Edition) -> Mapping[str, Series]:
    """The values of `challenge`, each with its look."""
    return {level: Series(level, f"level-{min(n, LOOKS - 1)}") for n, level in enumerate(edition.levels)}


def _spot(place: int, row: EnrichedTopic, levels: Mapping[str, Series]) -> Spot:
    level = levels.get(str(row.columns.get(CHALLENGE)), NO_ANSWER)
    return Spot(place, level.look, f"{row.topic.topic}, {level.label}")


def _facts(edition: Edition, published: str) -> Iterator[str]:
    resources = sum(len(row.topic.resources) for row in edition.rows)
    yield counted(len(edition.rows), "topic")
    yield counted(len(edition.chapters), "chapter")
    if resources:
        yield counted(resources, "resource")
    if edition.answered < len(edition.rows):
        yield f"{edition.answered} answered"
    if published:
        yield f"published {published}"


def _notices(edition: Edition) -> Iterator[Notice]:
    simulated = sum(map(is_simulated, edition.rows))
    stale = sum(map(is_stale, edition.rows))
    if simulated:
        which = "The summaries" if simulated == edition.answered else f"{simulated} of the summaries"
        yield Notice("simulated", "Simulated answers.", f"{which} and levels come from a simulator, not from Gemini.")
    if stale:
        which = counted(stale, "answer")
        yield Notice("stale", "Stale answers.", f"{which} to an earlier text or prompt; a next run renews them.")
    if not edition.answered:
        yield Notice("stale", "No answers yet.", "roadmap-assets scrape --enrich gets summaries and levels.")


def _challenge_by_chapter(edition: Edition, levels: Mapping[str, Series]) -> Chart:
    series = [*levels.values(), *([NO_ANSWER] if edition.answered < len(edition.rows) or not levels else [])]
    counts = {}
    for chapter, rows in edition.chapters.items():
        found = Counter(levels.get(str(row.columns.get(CHALLENGE)), NO_ANSWER).label for row in rows)
        counts[chapter] = [found[one.label] for one in series]
    return stacked("Challenge by chapter" if levels else "Topics by chapter", series, counts)


def _resources_by_kind(edition: Edition) -> Chart:
    found = Counter(resource.type for row in edition.rows for resource in row.topic.resources)
    return stacked("Resources by kind", [Series("resources", "plain")], {kind: [n] for kind, n in found.most_common()})


def _data(edition: Edition, document: Document) -> dict[str, Any]:
    marks = {node.id: node.look.mark.label for node in document.nodes if node.look.mark}
    return {
        "roadmap": edition.roadmap,
        "title": edition.title,
        "headers": dict(edition.headers),
        "levels": edition.levels,
        "topics": [_topic(edition, row, mark=marks.get(row.topic.topic_id, "")) for row in edition.rows],
    }


def _topic(edition: Edition, row: EnrichedTopic, *, mark: str) -> dict[str, Any]:
    """A topic for the script; `mark` is its entry in the drawing's legend. What is empty or false is left out."""
    topic = row.topic
    answers = {column: row.columns[column] for column in edition.headers if column in row.columns}
    whole = {
        "id": topic.topic_id,
        "topic": topic.topic,
        "chapter": edition.chapter_of(row),
        "category": topic.category,
        "subcategory": topic.subcategory,
        "path": topic.path,
        "text": topic.description,
        "resources": [[resource.title, resource.url, resource.type] for resource in topic.resources],
        "tldr": answers.get(TLDR),
        "challenge": answers.get(CHALLENGE),
        "answers": {name: value for name, value in answers.items() if name not in (TLDR, CHALLENGE)},
        "optional": topic.optional,
        "mark": mark,
        "status": "" if row.is_answered else row.status,
        "stale": is_stale(row) and (in_words(row.answered_at) or True),
        "simulated": is_simulated(row),
    }
    return {name: value for name, value in whole.items() if value not in (None, "", False, (), [], {})}


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "topic"), counted(2, "topic")
    ('1 topic', '2 topics')
    """
    return f"{number} {noun}{'s' * (number != 1)}"


def in_words(moment: datetime | None) -> str:
    """The day of a moment for people; '' for none."""
    return f"{moment.day} {moment:%B %Y}" if moment else ""
