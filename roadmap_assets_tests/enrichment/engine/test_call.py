"""A reply that was not fetched by a call of the run, as from a batch job, is matched and recorded in the same way."""

from __future__ import annotations

import json

from roadmap_assets.enrichment.engine.call import Attempt, Calls
from roadmap_assets.enrichment.engine.recorder import Recorder
from roadmap_assets.enrichment.engine.tally import Tally
from roadmap_assets.enrichment.providers.base import Outcome, Usage
from roadmap_assets.warehouse.leases import LeaseHolder
from roadmap_assets.warehouse.rows import utc_now
from roadmap_assets_tests.enrichment.engine.runs import Start, on_both, questions

pytestmark = on_both


def test_a_reply_from_elsewhere_is_matched_stored_and_counted(start: Start) -> None:
    runs = start()
    config = runs.engine().config
    asked = questions(2)
    unique = {question.key: question for question in asked}
    tally = Tally(config, asked, unique=unique, plan=runs.engine().plan(asked), began=0.0)
    text = json.dumps([{"id": "1", "topic": "Topic 1", "tldr": "A text of its own", "challenge": "practice"}])
    outcome = Outcome(kind="replied", detail="STOP", text=text, usage=Usage(input_tokens=30, output_tokens=7))
    with LeaseHolder(config.warehouse) as holder:
        recorder = Recorder(config.warehouse, holder)
        reply = Calls(config, tally, recorder).record(outcome, asked, Attempt(1, 1, utc_now(), estimated_usd=0.0))
        recorder.close()
    assert reply.reason == "1 missing"
    assert runs.answers() == {"Topic 1": {"tldr": "A text of its own", "challenge": "practice"}}
    assert runs.ledger() == [("partly_answered", "STOP", 2, 1)]
    report = tally.report()
    assert (report.rows, report.calls, report.input_tokens) == ({"enriched": 1, "deferred": 1}, 1, 30)
    assert runs.calls == 0, "nothing was sent"


def test_a_reply_whose_tokens_are_unknown_is_stored_at_an_unknown_cost(start: Start) -> None:
    runs = start()
    config = runs.engine().config
    asked = questions(1)
    unique = {question.key: question for question in asked}
    tally = Tally(config, asked, unique=unique, plan=runs.engine().plan(asked), began=0.0)
    text = json.dumps([{"id": "0", "topic": "Topic 0", "tldr": "A text of its own", "challenge": "practice"}])
    with LeaseHolder(config.warehouse) as holder:
        recorder = Recorder(config.warehouse, holder)
        outcome = Outcome(kind="replied", detail="STOP", text=text, usage=None)
        Calls(config, tally, recorder).record(outcome, asked, Attempt(1, 1, utc_now(), estimated_usd=0.5))
        recorder.close()
    assert set(runs.answers()) == {"Topic 0"}
    assert runs.rows("SELECT input_tokens, output_tokens, cost_usd FROM api_calls") == [(None, None, None)]
    assert tally.report().cost_usd is None
