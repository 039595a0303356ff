"""The tables as the catalogue shows them: columns with their meaning, and where each column comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg
from msgspec.structs import replace

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.warehouse import enrichments, topics
from roadmap_assets.warehouse.base import Column
from roadmap_assets.warehouse.published import PUBLICATION, column_type
from roadmap_assets.warehouse.raw import RAW_CONTENTS, RAW_ROADMAPS

RAW: Final = dg.AssetKey("raw_roadmap")
TOPICS: Final = dg.AssetKey("roadmap_topics")
ENRICHMENTS: Final = dg.AssetKey("topic_enrichments")
ENRICHED: Final = dg.AssetKey("enriched_roadmap")
PAGE: Final = dg.AssetKey("roadmap_page")

_TABLES: Final = {
    RAW: RAW_ROADMAPS,
    TOPICS: topics.TOPICS,
    ENRICHMENTS: enrichments.ENRICHMENTS,
    ENRICHED: PUBLICATION,
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
    """Definition metadata of an asset: its table's name, columns, and lineage by column; none for one of files."""
    if asset not in _TABLES:
        return {}
    return {
        "dagster/table_name": _TABLES[asset].name,
        "dagster/column_schema": column_schema(asset, profile),
        **lineage_metadata(asset, profile),
    }


def lineage_metadata(asset: dg.AssetKey, profile: Profile) -> dict[str, object]:
    """Lineage by column; the UI draws it from the latest materialization, not from the definition."""
    lineage = _lineages(profile).get(asset)
    return {"dagster/column_lineage": _lineage(lineage)} if lineage else {}


def column_schema(asset: dg.AssetKey, profile: Profile) -> dg.TableSchema:
    """The columns of an asset's table; the texts of `raw_roadmap` are a table of their own, shown with its name."""
    columns = [_column(column) for column in _TABLES[asset].columns]
    if asset == RAW:
        columns += [
            _column(replace(column, name=f"{RAW_CONTENTS.name}.{column.name}")) for column in RAW_CONTENTS.columns
        ]
    if asset == ENRICHED:
        columns += _answer_columns(profile)
    return dg.TableSchema(columns)


def _column(column: Column) -> dg.TableColumn:
    return dg.TableColumn(column.name, column.type, column.meaning)


def _answer_columns(profile: Profile) -> list[dg.TableColumn]:
    fields = profile.reply_schema["items"]["properties"]
    return [
        dg.TableColumn(
            column, column_type(fields[column]), fields[column].get("description") or profile.headers[column]
        )
        for column in profile.columns
    ]


def _lineages(profile: Profile) -> dict[dg.AssetKey, Lineage]:
    enriched: Lineage = {
        **{name: [(TOPICS, name)] for name in topics.TOPICS.types},
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
