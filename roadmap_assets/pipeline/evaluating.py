"""The topics of roadmaps as the rows of an evaluation, and its latest result."""

from __future__ import annotations

from collections.abc import Sequence

from roadmap_assets.enrichment.access import Access
from roadmap_assets.evaluation.rows import Row
from roadmap_assets.pipeline.asking import pairs_in
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.evaluations import Evaluation, latest_evaluation


def evaluation_rows(roadmaps: Sequence[str], *, warehouse: Warehouse, access: Access) -> list[Row]:
    """The topics of these roadmaps, as they were last read, with the texts that are sent."""
    with warehouse.transaction() as connection:
        pairs_of = pairs_in(connection, roadmaps, access)
    return [
        Row(
            row_id=f"{roadmap}/{topic.topic_id}",
            topic=question.topic,
            description=question.description,
            context=question.context,
            group=f"{roadmap}/{topic.category}",
        )
        for roadmap, pairs in pairs_of.items()
        for topic, question in pairs
    ]


def latest_evaluation_of(access: Access, *, warehouse: Warehouse) -> Evaluation | None:
    """The evaluation of batches that was finished last for this profile, as it is or was, and this model."""
    with warehouse.transaction() as connection:
        return latest_evaluation(connection, profile=access.profile.name, model=access.model, kind="batch")
