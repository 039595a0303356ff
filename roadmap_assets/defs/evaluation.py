"""The job `evaluate_profile`: whether batches cost quality, with the profile and model that the settings name.

The check `batch_quality` of `topic_enrichments` reads the latest result.
"""

# Without `from __future__ import annotations`: Dagster wants to see the types of the arguments, not their names.

import dagster as dg
from pydantic import Field

from roadmap_assets import pipeline
from roadmap_assets.defs.resources import GeminiResource, WarehouseResource
from roadmap_assets.defs.steps import failing
from roadmap_assets.evaluation.rows import sample


class EvaluationConfig(dg.Config):
    """Which rows are asked: of these roadmaps, or of all that were read."""

    roadmaps: list[str] = Field(default_factory=list)
    rows: int = 40
    seed: int = 0


@dg.op
def evaluate_batches(
    context: dg.OpExecutionContext, config: EvaluationConfig, warehouse: WarehouseResource, gemini: GeminiResource
) -> None:
    """Ask the same rows in batches, singly, reversed and once more, and store how far the answers agree.

    An evaluation that was interrupted is resumed by a run with the same configuration.
    """
    from roadmap_assets.evaluation.run import BatchEvaluation  # imports numpy

    with failing(context):
        database, access = warehouse.open_in_step(context.log.info), gemini.access()
        access.check(published=False)
        roadmaps = config.roadmaps or pipeline.known_roadmaps(warehouse=database)
        rows = sample(
            pipeline.evaluation_rows(roadmaps, warehouse=database, access=access), config.rows, seed=config.seed
        )
        report = BatchEvaluation(rows, access=access, warehouse=database).run()
    context.add_output_metadata(
        {
            "verdict": report.verdict,
            "rows": report.rows,
            "calls": report.calls,
            "cost_usd": report.cost_usd,
            "report": dg.MetadataValue.json(report.as_json()),
        }
    )
    context.log.info(report.verdict)
    if not report.complete:
        raise dg.Failure(f"{report.verdict}; run it again to ask the rest", allow_retries=False)


@dg.job(executor_def=dg.in_process_executor, description="Measure whether batches cost quality here.")
def evaluate_profile() -> None:
    """One op, since all arms share the limiter."""
    evaluate_batches()
