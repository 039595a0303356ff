"""Questions as items of a run, and as rows of a job."""

from __future__ import annotations

from roadmap_assets.enrichment.engine.batching import Item
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.warehouse.batch_jobs import BatchRow


def question_of(row: BatchRow) -> Question:
    """The question as it is asked."""
    return Question(row.key, row.topic, row.description, row.context, row.rejected)


def item_of(row: BatchRow) -> Item:
    """The question, with how often it was asked and rejected in earlier jobs."""
    return Item(question_of(row), asked=row.asked, breaches=row.breaches, last_error=row.last_error)


def row_of(job_id: str, request: int, position: int, item: Item) -> BatchRow:
    """A pending row of a job."""
    question = item.question
    return BatchRow(
        job_id=job_id,
        request=request,
        position=position,
        key=question.key,
        topic=question.topic,
        description=question.description,
        context=question.context,
        rejected=question.rejected,
        asked=item.asked,
        breaches=item.breaches,
        state="pending",
        last_error=item.last_error,
    )
