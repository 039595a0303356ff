"""Questions in, stored answers out: the look-up that every run begins with.

The loop that asks is in `run`, one attempt in `attempt`; `stopping` judges when to give up, `recovery` what becomes of
a topic without an answer, and `tally` counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from roadmap_assets.enrichment.events import CacheChecked, OnEvent
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.enrichment.report import Report
from roadmap_assets.enrichment.tally import OUTPUT_TOKENS_PER_COLUMN, Tally
from roadmap_assets.enrichment.terms import Options, Terms
from roadmap_assets.warehouse.enrichments import answered_keys, cache_size, load_failures

__all__ = ["OUTPUT_TOKENS_PER_COLUMN", "Engine", "Options"]


class Engine(Terms):
    """Answers questions on its terms."""

    __slots__ = ()

    async def run(self, questions: Sequence[Question], *, on_event: OnEvent = lambda _: None) -> Report:
        """Answer every question, from the cache or by asking, and store each answer as it comes.

        Rows that could not be answered do not raise: they are in the report. Cancelled, it stores what was answered.

        Raises:
            GeminiRefused: the key, the model or the request is refused; what was answered before that is stored.
            WarehouseBusy, WarehouseUnreadable: as `Warehouse.transaction`; answers that were not stored are lost.
            QuotaUnavailable: the state of the limiter cannot be kept.
        """
        tally = Tally(self, questions)
        with self.warehouse.transaction() as connection:
            answered = answered_keys(connection, tally.unique)
            entries, latest = cache_size(connection)
            misses = [key for key in tally.unique if key not in answered]
            failures = load_failures(connection, misses)
        for key in answered:
            tally.settle(key, "hit")
        given_up = {key: past for key, past in failures.items() if past.runs >= self.options.failure_runs}
        for key, past in given_up.items():
            tally.fail(key, f"{past.reason}, in {past.runs} runs: {past.last_error}")
        to_ask = [key for key in misses if key not in given_up]
        tally.least_calls = self.count_batches([tally.unique[key] for key in to_ask])
        on_event(
            CacheChecked(
                entries=entries,
                latest=latest,
                rows=len(questions),
                hits=tally.hits,
                to_enrich=sum(tally.weights[key] for key in to_ask),
                batches=tally.least_calls,
                batch_size=self.options.batch_size,
            )
        )
        if not to_ask:
            return tally.report()
        from roadmap_assets.enrichment.run import Run  # of which most runs, that find every answer, have no need

        run = Run(self, tally, on_event)
        await run.ask(to_ask)
        return tally.report(stop_reason=run.stop.reason, deferred_until=run.stop.until)
