"""What a materialization says: numbers as numbers, so that the UI plots them over time, a preview, a small chart.

A partition's numbers are its own: its rows, and its share of the run's calls, tokens and cost, by the rows that it had
to ask for. Figures of a whole run over many roadmaps are under `run_…`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import dagster as dg

from roadmap_assets.enrichment.access import Access
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
        "parser_counts": dict(read.counts),
        "topics_by_category": _bars(dict(categories.most_common(PREVIEW_ROWS))),
        "preview": _table(
            ("Category", "Subcategory", "Topic", "Description"),
            [(t.category, t.subcategory, t.topic, t.description) for t in topics],
        ),
    }


def of_enrichment(
    enriched: Enriched, roadmap: str, rows: Sequence[EnrichedTopic], *, access: Access, quota: QuotaState | None = None
) -> Metadata:
    """Metadata of `topic_enrichments`; `quota` is the state after the run."""
    report, statuses = enriched.report, enriched.rows[roadmap]
    misses = {name: counts.total() - counts["hit"] for name, counts in enriched.rows.items()}
    share = misses[roadmap] / (sum(misses.values()) or 1)
    found: Metadata = {
        "dagster/row_count": statuses["hit"] + statuses["enriched"],
        "hits": statuses["hit"],
        "enriched": statuses["enriched"],
        "failed": statuses["failed"],
        "deferred": statuses["deferred"],
        **_provenance(access),
        "gemini.calls": round(report.calls * share, 2),
        "gemini.prompt_token_count": round(report.input_tokens * share),
        "gemini.candidates_token_count": round(report.output_tokens * share),
        "gemini.total_token_count": round(report.input_tokens * share) + round(report.output_tokens * share),
        "run_totals": _run_totals(enriched, access.limits, quota),
        "preview": _answers(rows, access.profile.headers),
    }
    if statuses["pending"]:
        found["pending"] = statuses["pending"]
    if report.cost_usd is not None:
        found["cost_usd"] = report.cost_usd * share
    return found


def _run_totals(enriched: Enriched, limits: Limits, quota: QuotaState | None) -> dict[str, Any]:
    report = enriched.report
    totals: dict[str, Any] = {
        "roadmaps": len(enriched.rows),
        "rows": report.total,
        "calls": report.calls,
        "calls_by_service": dict(report.calls_by_service),
        "least_calls": report.least_calls,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "cost_usd": report.cost_usd,
        "seconds": round(report.seconds, 3),
        "least_seconds": round(report.least_seconds, 3),
        "engine_run": report.run_id,
    }
    if report.base_url:
        totals["base_url"] = report.base_url
    if len(report.by_model) > 1:
        totals["models"] = {
            model: {"calls": spent.calls, "cost_usd": spent.cost_usd} for model, spent in report.by_model.items()
        }
    if quota and limits.rpd:
        totals["day_quota_used"] = _share(quota.requests_today, limits.rpd)
    if quota and limits.rpm:
        totals["minute_quota_used"] = _share(quota.requests_in_window, limits.rpm)
    if report.stop_reason:
        totals["stop_reason"] = report.stop_reason
    if report.deferred_until:
        totals["deferred_until"] = report.deferred_until.isoformat()
    return totals


def _provenance(access: Access) -> Metadata:
    return {"model": access.model, "profile": access.profile.name, "simulated": access.simulated}


def of_published(published: Published, *, access: Access) -> Metadata:
    """Metadata of `enriched_roadmap`."""
    headers = access.profile.headers
    found: Metadata = {
        "dagster/row_count": published.rows,
        "enriched": published.statuses.get("enriched", 0),
        "stale": published.statuses.get("stale", 0),
        "failed": published.statuses.get("failed", 0),
        "deferred": published.statuses.get("deferred", 0),
        **_provenance(access),
        "topics_gone": len(published.gone),
    }
    if access.base_url:
        found["base_url"] = access.base_url
    if pending := published.statuses.get("pending"):
        found["pending"] = pending
    if published.csv is not None:
        found["csv"] = dg.MetadataValue.path(str(published.csv.absolute()))
    if "challenge" in headers:
        levels = Counter(str(row.columns["challenge"]) for row in published.topics if row.columns.get("challenge"))
        found["topics_by_challenge"] = _bars(dict(sorted(levels.items())))
    return {**found, "preview": _answers(published.topics, headers)}


def of_plan(plan: Plan) -> Metadata:
    """Metadata of the observation that says, before anything is asked, what the run will take."""
    found: Metadata = {
        "service": plan.service,
        "rows": plan.rows,
        "hits": plan.hits,
        "misses": plan.misses,
        "given_up": plan.given_up,
        "pending": plan.pending,
        "planned_calls": plan.calls,
        "planned_input_tokens": plan.input_tokens,
        "planned_output_tokens": plan.output_tokens,
        "least_seconds": round(plan.seconds, 1),
        "days": plan.days,
    }
    return found if plan.cost_usd is None else {**found, "planned_cost_usd": plan.cost_usd}


def of_progress(progress: Progress) -> Metadata:
    """Metadata of the observations that say how far an enrichment is."""
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
