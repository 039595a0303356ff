"""The index over all pages of a folder: what there is, how good it is, what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from roadmap_assets.exports.edition import SIMULATOR, ordered_levels
from roadmap_assets.exports.html.charts import Chart, Part, Series, stacked
from roadmap_assets.exports.html.page import LOOKS, counted, in_words
from roadmap_assets.exports.html.template import render
from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.warehouse.ledger import Day
from roadmap_assets.warehouse.published import PublishedGroup

DAYS_SHOWN: Final = 30


class Entry(Struct, frozen=True, kw_only=True):
    """A roadmap in the index; `challenge` are the parts of its bar, in percent of its topics."""

    roadmap: str
    title: str
    topics: int
    answered: int
    challenge: Sequence[Part]
    published: str
    published_on: str
    simulated: bool
    stale: int
    changed: bool


def write_index(
    path: Place,
    titles: Mapping[str, str],
    groups: Sequence[PublishedGroup],
    *,
    fetched: Mapping[str, datetime],
    days: Sequence[Day],
) -> None:
    """Write the index of the roadmaps in `titles` (slug -> title); each has its page beside it.

    `groups` are how their publications are made up, `fetched` when each was last seen to have changed.

    Raises:
        OutputNotWritable: an index that was there stays as it was.
    """
    page = render_index(titles, groups, fetched=fetched, days=days)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(page.encode(errors="replace"))


def render_index(
    titles: Mapping[str, str],
    groups: Sequence[PublishedGroup],
    *,
    fetched: Mapping[str, datetime],
    days: Sequence[Day],
) -> str:
    """The index as one HTML text; see `write_index`."""
    shown = [group for group in groups if group.roadmap in titles]
    levels = ordered_levels(group.challenge for group in shown if group.challenge)
    looks = {level: Series(level, f"level-{min(number, LOOKS - 1)}") for number, level in enumerate(levels)}
    of: dict[str, list[PublishedGroup]] = {roadmap: [] for roadmap in titles}
    for group in shown:
        of[group.roadmap].append(group)
    entries = [
        _entry(roadmap, title, of[roadmap], looks, fetched.get(roadmap))
        for roadmap, title in sorted(titles.items(), key=lambda item: item[1].casefold())
    ]
    topics, answered = sum(entry.topics for entry in entries), sum(entry.answered for entry in entries)
    facts = [counted(len(entries), "roadmap"), counted(topics, "topic"), f"{answered} answered"]
    return render(
        "index.html",
        styles=("base.css", "index.css"),
        scripts=("elements.js", "index.js"),
        data={},
        entries=entries,
        facts=facts,
        levels=list(looks.values()),
        charts=_charts(days[-DAYS_SHOWN:]),
        simulated=any(entry.simulated for entry in entries),
    )


def _entry(
    roadmap: str, title: str, groups: Sequence[PublishedGroup], looks: Mapping[str, Series], fetched: datetime | None
) -> Entry:
    total = sum(group.topics for group in groups)
    levels = Counter[str]()
    for group in groups:
        if group.challenge:
            levels[group.challenge] += group.topics
    published = max((group.published_at for group in groups), default=None)
    chart = stacked("", list(looks.values()), {"": [levels[level] for level in looks]}) if levels else None
    return Entry(
        roadmap=roadmap,
        title=title,
        topics=total,
        answered=sum(group.topics for group in groups if group.status in ("enriched", "stale")),
        challenge=chart.bars[0].parts if chart else (),
        published=in_words(published),
        published_on=published.isoformat() if published else "",
        simulated=any(group.model == SIMULATOR and group.status == "enriched" for group in groups),
        stale=sum(group.topics for group in groups if group.status == "stale"),
        changed=bool(published and fetched and fetched > published),
    )


def _charts(days: Sequence[Day]) -> list[Chart]:
    if not days:
        return []
    names = [f"{day.day.day} {day.day:%b %Y}" for day in days]
    calls = {name: [day.calls] for name, day in zip(names, days, strict=True)}
    cost = {name: [day.cost_usd] for name, day in zip(names, days, strict=True)}
    return [
        stacked("Calls to Gemini by day", [Series("calls", "plain")], calls),
        stacked("Cost by day", [Series("cost", "plain")], cost, figure="${:.4f}"),
    ]
