"""The tables as the catalogue shows them: columns with their meaning, and where each column comes from.

Names and types repeat `warehouse/schema.py`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.warehouse.published import column_type

RAW: Final = dg.AssetKey("raw_roadmap")
TOPICS: Final = dg.AssetKey("roadmap_topics")
ENRICHMENTS: Final = dg.AssetKey("topic_enrichments")
ENRICHED: Final = dg.AssetKey("enriched_roadmap")

_RESOURCES_TYPE = 'STRUCT(title VARCHAR, url VARCHAR, "type" VARCHAR)[]'

_RAW_COLUMNS: Final = (
    ("roadmap", "VARCHAR", "Slug of the roadmap"),
    ("document", "VARCHAR", "The JSON document as fetched"),
    ("version", "VARCHAR", "Hash over the document and every text; changes when, and only when, one of them does"),
    ("origin", "VARCHAR", "Address or path that the document came from"),
    ("source", "VARCHAR", "Name of the source"),
    ("fetched_at", "TIMESTAMP", "When this state was fetched (UTC)"),
    ("vanished_at", "TIMESTAMP", "When the roadmap disappeared upstream (UTC); null while present"),
    ("tree", "VARCHAR", "The site's hierarchy as fetched (JSON); empty where there is none"),
)
_CONTENT_COLUMNS: Final = (
    ("roadmap", "VARCHAR", "Slug of the roadmap"),
    ("topic_id", "VARCHAR", "Id of the topic, from the file's name"),
    ("file", "VARCHAR", "Name of the text file"),
    ("sha", "VARCHAR", "Git's name for the file's content"),
    ("markdown", "VARCHAR", "The text as fetched"),
)
_TOPIC_COLUMNS: Final = (
    ("roadmap", "VARCHAR", "Slug of the roadmap"),
    ("topic_id", "VARCHAR", "Id of the topic in its roadmap"),
    ("position", "INTEGER", "Place in reading order, from 0"),
    ("topic", "VARCHAR", "Name of the topic"),
    ("category", "VARCHAR", "Chapter of the roadmap that the topic belongs to"),
    ("subcategory", "VARCHAR", "Section of that chapter; empty where there is none"),
    ("parent", "VARCHAR", "Label right above the topic"),
    ("parent_topic", "VARCHAR", "Nearest topic above it"),
    ("path", "VARCHAR[]", "Labels above the topic, root first"),
    ("description", "VARCHAR", "The topic's text without headings and links"),
    ("resources", _RESOURCES_TYPE, "Links of the topic's text, with title and kind"),
    ("placed_by", "VARCHAR", "What decided its place: tree (the site's), drawing, or none"),
    ("optional", "BOOLEAN", "Whether the site marks the topic as optional"),
)
_ENRICHMENT_COLUMNS: Final = (
    ("key", "VARCHAR", "Hash over all that shapes the answer: topic, text as sent, context, profile, model"),
    ("topic", "VARCHAR", "Name of the topic"),
    ("answer", "JSON", "The profile's columns"),
    ("profile", "VARCHAR", "Name of the profile asked for"),
    ("fingerprint", "VARCHAR", "Changes with the profile's columns, rules and prompt"),
    ("model", "VARCHAR", "Model asked"),
    ("model_version", "VARCHAR", "Model that answered"),
    ("call_id", "VARCHAR", "The call that brought the answer, in api_calls"),
    ("answered_at", "TIMESTAMP", "When it was stored (UTC)"),
)
_PUBLICATION_COLUMNS: Final = (
    ("status", "VARCHAR", "enriched, failed, or deferred to a later run"),
    ("profile", "VARCHAR", "Name of the profile asked for"),
    ("model", "VARCHAR", "Model asked"),
    ("enrichment_key", "VARCHAR", "Key of the answer in enrichments"),
    ("published_at", "TIMESTAMP", "When the row was published (UTC)"),
)
_TABLES: Final = {
    RAW: "raw_roadmaps",
    TOPICS: "topics",
    ENRICHMENTS: "enrichments",
    ENRICHED: "enriched_roadmaps",
}

Lineage = Mapping[str, Sequence[tuple[dg.AssetKey, str]]]

_TOPICS_LINEAGE: Final[Lineage] = {
    **{
        column: [(RAW, "document")]
        for column in ("topic_id", "position", "topic", "category", "subcategory", "parent", "parent_topic", "path")
    },
    "placed_by": [(RAW, "document"), (RAW, "tree")],
    "optional": [(RAW, "tree")],
    "roadmap": [(RAW, "roadmap")],
    "description": [(RAW, "raw_contents.markdown")],
    "resources": [(RAW, "raw_contents.markdown")],
}
_ENRICHMENTS_LINEAGE: Final[Lineage] = {
    column: [(TOPICS, "topic"), (TOPICS, "description"), (TOPICS, "path")] for column in ("key", "answer")
} | {"topic": [(TOPICS, "topic")]}


def table_metadata(asset: dg.AssetKey, profile: Profile) -> dict[str, object]:
    """Definition metadata of an asset: its table's name, columns, and lineage by column."""
    return {
        "dagster/table_name": _TABLES[asset],
        "dagster/column_schema": column_schema(asset, profile),
        **lineage_metadata(asset, profile),
    }


def lineage_metadata(asset: dg.AssetKey, profile: Profile) -> dict[str, object]:
    """Lineage by column; the UI draws it from the latest materialization, not from the definition."""
    lineage = _lineages(profile).get(asset)
    return {"dagster/column_lineage": _lineage(lineage)} if lineage else {}


def column_schema(asset: dg.AssetKey, profile: Profile) -> dg.TableSchema:
    """The columns of an asset's table; the texts of `raw_roadmap` are a table of their own, shown with its name."""
    columns: dict[dg.AssetKey, Sequence[tuple[str, str, str]]] = {
        RAW: [*_RAW_COLUMNS, *((f"raw_contents.{name}", kind, meaning) for name, kind, meaning in _CONTENT_COLUMNS)],
        TOPICS: _TOPIC_COLUMNS,
        ENRICHMENTS: _ENRICHMENT_COLUMNS,
        ENRICHED: [*_TOPIC_COLUMNS, *_PUBLICATION_COLUMNS, *_answer_columns(profile)],
    }
    return dg.TableSchema([dg.TableColumn(*column) for column in columns[asset]])


def _answer_columns(profile: Profile) -> list[tuple[str, str, str]]:
    fields = profile.reply_schema["items"]["properties"]
    return [
        (column, column_type(fields[column]), fields[column].get("description") or profile.headers[column])
        for column in profile.columns
    ]


def _lineages(profile: Profile) -> dict[dg.AssetKey, Lineage]:
    enriched: Lineage = {
        **{name: [(TOPICS, name)] for name, *_ in _TOPIC_COLUMNS},
        **{name: [(ENRICHMENTS, "answer")] for name in profile.columns},
        "enrichment_key": [(ENRICHMENTS, "key")],
        "profile": [(ENRICHMENTS, "profile")],
        "model": [(ENRICHMENTS, "model")],
    }
    return {TOPICS: _TOPICS_LINEAGE, ENRICHMENTS: _ENRICHMENTS_LINEAGE, ENRICHED: enriched}


def _lineage(lineage: Lineage) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {column: [dg.TableColumnDep(*origin) for origin in origins] for column, origins in lineage.items()}
    )
