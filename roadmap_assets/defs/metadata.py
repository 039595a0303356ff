"""What a materialization tells: numbers as numbers, so that the UI plots them over time, a preview, a small chart.

A run over many roadmaps shares its calls among them: what is counted for the run as a whole (calls, tokens, cost,
seconds, quota) stands at each of them, beside `run_roadmaps`, the number of roadmaps that it was spent on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import dagster as dg

from roadmap_assets.enrichment.engine.events import Progress
from roadmap_assets.enrichment.limiter.base import Limits, QuotaState
from roadmap_assets.enrichment.plan import Plan
from roadmap_assets.pipeline import Enriched, Fetched, Published, TopicsRead
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.topics import PlacedBy, Topic

Metadata = dict[str, Any]

PREVIEW_ROWS: Final = 10
_CELL_LENGTH: Final = 80
_BAR_LENGTH: Final = 24


def of_fetched(fetched: Fetched) -> Metadata:
    """Metadata of `raw_roadmap`."""
    is_url = fetched.origin.startswith(("http://", "https://"))
    return {
        "texts": fetched.files,
        "version": fetched.version,
        "listed_version": fetched.listed_version,
        "source": fetched.source,
        "origin": dg.MetadataValue.url(fetched.origin) if is_url else dg.MetadataValue.path(fetched.origin),
        "changed": fetched.changed,
        "vanished_upstream": fetched.vanished,
    }


def of_topics(read: TopicsRead, topics: Sequence[Topic]) -> Metadata:
    """Metadata of `roadmap_topics`."""
    categories = Counter(topic.category for topic in topics if topic.category)
    placed_by = Counter(topic.placed_by for topic in topics)
    return {
        "dagster/row_count": len(topics),
        "title": read.title,
        "categories": len(categories),
        "share_in_a_category": _share(sum(categories.values()), len(topics)),
        "share_with_a_text": _share(sum(bool(topic.description) for topic in topics), len(topics)),
        **{f"share_placed_by_{by}": _share(placed_by[by], len(topics)) for by in get_args(PlacedBy)},
        "optional": sum(topic.optional for topic in topics),
        "changed": read.changed,
        **read.counts,
        "topics_by_category": _bars(dict(categories.most_common(PREVIEW_ROWS))),
        "preview": _table(
            ("Category", "Subcategory", "Topic", "Description"),
            [(t.category, t.subcategory, t.topic, t.description) for t in topics],
        ),
    }


def of_enrichment(
    enriched: Enriched,
    roadmap: str,
    rows: Sequence[EnrichedTopic],
    *,
    headers: Mapping[str, str],
    limits: Limits,
    quota: QuotaState | None = None,
) -> Metadata:
    """Metadata of `topic_enrichments`; `headers` are the profile's, `quota` the state after the run."""
    report, statuses = enriched.report, enriched.rows[roadmap]
    total = statuses.total()
    answered = statuses["hit"] + statuses["enriched"]
    found: Metadata = {
        "dagster/row_count": answered,
        "rows": total,
        "hits": statuses["hit"],
        "misses": total - statuses["hit"],
        "enriched": statuses["enriched"],
        "failed": statuses["failed"],
        "deferred": statuses["deferred"],
        "share_answered": _share(answered, total),
        "run_roadmaps": len(enriched.rows),
        "run_rows": report.total,
        "calls": report.calls,
        "least_calls": report.least_calls,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "seconds": round(report.seconds, 3),
        "least_seconds": round(report.least_seconds, 3),
        "engine_run": report.run_id,
        "rows_by_outcome": _bars({name: statuses[name] for name in ("hit", "enriched", "failed", "deferred")}),
        "preview": _answers(rows, headers),
    }
    if report.cost_usd is not None:
        found["cost_usd"] = report.cost_usd
    if report.calls and limits.rpd:
        found["run_share_of_day_quota"] = _share(report.calls, limits.rpd)
    if quota and limits.rpd:
        found["day_quota_used"] = _share(quota.requests_today, limits.rpd)
    if quota and limits.rpm:
        found["minute_quota_used"] = _share(quota.requests_in_window, limits.rpm)
    if report.base_url:
        found["asked_at"] = report.base_url
    if report.stop_reason:
        found["stop_reason"] = report.stop_reason
    if report.deferred_until:
        found["deferred_until"] = dg.MetadataValue.timestamp(report.deferred_until)
    return found


def of_published(published: Published, *, headers: Mapping[str, str]) -> Metadata:
    """Metadata of `enriched_roadmap`; `headers` are the profile's."""
    found: Metadata = {
        "dagster/row_count": published.rows,
        "enriched": published.statuses.get("enriched", 0),
        "stale": published.statuses.get("stale", 0),
        "failed": published.statuses.get("failed", 0),
        "deferred": published.statuses.get("deferred", 0),
        "topics_gone": len(published.gone),
        "simulated": published.simulated,
    }
    if published.csv is not None:
        found["csv"] = dg.MetadataValue.path(published.csv.absolute())
    if "challenge" in headers:
        levels = Counter(str(row.columns["challenge"]) for row in published.topics if row.columns.get("challenge"))
        found["topics_by_challenge"] = _bars(dict(sorted(levels.items())))
    return {**found, "preview": _answers(published.topics, headers)}


def of_plan(plan: Plan) -> Metadata:
    """Metadata of the observation that tells, before anything is asked, what it will take."""
    found: Metadata = {
        "rows": plan.rows,
        "hits": plan.hits,
        "misses": plan.misses,
        "given_up": plan.given_up,
        "planned_calls": plan.calls,
        "planned_input_tokens": plan.input_tokens,
        "planned_output_tokens": plan.output_tokens,
        "least_seconds": round(plan.seconds, 1),
        "days": plan.days,
    }
    return found if plan.cost_usd is None else {**found, "planned_cost_usd": plan.cost_usd}


def of_progress(progress: Progress) -> Metadata:
    """Metadata of the observations that tell how far an enrichment is."""
    found: Metadata = {
        "done": progress.done,
        "total": progress.total,
        "hits": progress.hits,
        "calls": progress.calls,
        "share_done": _share(progress.done, progress.total),
    }
    left = progress.seconds_left
    return found if left is None else {**found, "seconds_left": round(left, 1)}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def _answers(rows: Sequence[EnrichedTopic], headers: Mapping[str, str]) -> dg.MarkdownMetadataValue:
    return _table(
        ("Topic", *headers.values()),
        [(row.topic.topic, *(str(row.columns.get(column, "")) for column in headers)) for row in rows],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dg.MarkdownMetadataValue:
    """The first rows, as a Markdown table."""
    lines = [_line(header), _line(["---"] * len(header)), *(_line(_cells(row)) for row in rows[:PREVIEW_ROWS])]
    if len(rows) > PREVIEW_ROWS:
        lines.append(f"\n… and {len(rows) - PREVIEW_ROWS} more")
    return dg.MetadataValue.md("\n".join(lines))


def _cells(row: Sequence[str]) -> list[str]:
    """Texts as cells: on one line, cut, and without what Markdown would take for its own."""
    cells = []
    for text in row:
        line = " ".join(text.split())
        line = line if len(line) <= _CELL_LENGTH else f"{line[: _CELL_LENGTH - 1]}…"
        cells.append("".join(f"\\{char}" if char in "|\\`*_[]<>" else char for char in line))
    return cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bars(counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """A bar chart in a code block, the longest bar being the largest count."""
    if not counts:
        return dg.MetadataValue.md("(none)")
    width = max(map(len, counts))
    longest = max(counts.values()) or 1
    lines = [
        f"{name.replace('`', chr(39)):<{width}} {'█' * round(_BAR_LENGTH * count / longest):<{_BAR_LENGTH}} {count}"
        for name, count in counts.items()
    ]
    return dg.MetadataValue.md("```\n" + "\n".join(lines) + "\n```")
