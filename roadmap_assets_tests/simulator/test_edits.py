"""Faults in a reply's content, as the SDK shows them: status 200 and no exception, but not what was asked for."""

from __future__ import annotations

import json
import warnings

import pytest
from google.genai import types

from roadmap_assets.simulator.faults import (
    EVERY,
    BlockPrompt,
    Cut,
    Edit,
    Fault,
    FaultPlan,
    Finish,
    Garble,
    Rule,
)
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.simulator.asking import TOPICS, ask, rows

ZERO, ONE, TWO = (topic["topic"] for topic in TOPICS)


def ask_with(fault: Fault) -> types.GenerateContentResponse:
    with Simulator(SimulatorOptions(faults=FaultPlan((Rule(fault),)))) as simulator, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK warns of a finish reason that it does not know
        response = ask(simulator.url)
        assert [seen.status for seen in simulator.requests] == [200]
        assert simulator.requests[0].outcome.startswith(fault.kind)
        return response


@pytest.fixture(scope="module")
def right() -> list[dict[str, str]]:
    with Simulator() as simulator:
        return rows(ask(simulator.url))


@pytest.mark.parametrize(
    ("edit", "ids", "why"),
    [
        (Edit("omit"), ["1", "2"], "the first when none is named"),
        (Edit("omit", topic=TWO), ["0", "1"], "the one named"),
        (Edit("omit", topic=EVERY), [], "all"),
        (Edit("omit", topic="Nobody"), ["0", "1", "2"], "none, when the one named was not asked for"),
        (Edit("unknown"), ["0", "1", "2", "unknown"], "one more, never asked for"),
        (Edit("double", topic=ONE), ["0", "1", "2", "1"], "the same id again"),
        (Edit("reverse"), ["2", "1", "0"], "in reverse order"),
        (Edit("swap"), ["0", "1", "2"], "the ids stay"),
        (Edit("long_text"), ["0", "1", "2"], "words alone are changed"),
    ],
)
def test_edits_of_the_ids(edit: Edit, ids: list[str], why: str) -> None:
    assert [row["id"] for row in rows(ask_with(edit))] == ids, why


def test_swapped_answers_betray_themselves_by_the_echoed_topic(right: list[dict[str, str]]) -> None:
    swapped = rows(ask_with(Edit("swap", topic=ONE)))
    assert swapped[0] == right[0]
    assert swapped[1] == {**right[2], "id": "1"}
    assert swapped[2] == {**right[1], "id": "2"}


def test_the_last_answer_is_swapped_with_the_first(right: list[dict[str, str]]) -> None:
    swapped = rows(ask_with(Edit("swap", topic=TWO)))
    assert [row["topic"] for row in swapped] == [TWO, ONE, ZERO]
    assert [row["id"] for row in swapped] == ["0", "1", "2"]


def test_a_double_contradicts_the_first(right: list[dict[str, str]]) -> None:
    *all_once, double = rows(ask_with(Edit("double")))
    assert all_once == right
    assert double["topic"] == right[0]["topic"]
    assert double["tldr"] != right[0]["tldr"]


@pytest.mark.parametrize("topic", [ZERO, ONE, EVERY])
def test_edits_of_the_words(right: list[dict[str, str]], topic: str) -> None:
    chosen = [index for index, row in enumerate(right) if topic in (row["topic"], EVERY)]

    def edited(what: str) -> list[dict[str, str]]:
        answered = rows(ask_with(Edit(what, topic=topic)))  # type: ignore[arg-type]
        assert [row for i, row in enumerate(answered) if i not in chosen] == [
            row for i, row in enumerate(right) if i not in chosen
        ]
        return [answered[index] for index in chosen]

    before = [right[index] for index in chosen]
    assert all(len(row["tldr"].split()) > 12 for row in edited("long_text"))
    assert edited("full_stop") == [{**row, "tldr": row["tldr"] + "."} for row in before]
    assert all(row["challenge"] not in ("practice", "expert") for row in edited("bad_level"))
    for row, sloppy in zip(before, edited("sloppy"), strict=True):
        assert sloppy["tldr"] != row["tldr"] == sloppy["tldr"].strip()
        assert sloppy["challenge"] != row["challenge"] == sloppy["challenge"].strip().lower()


def test_a_string_among_the_objects(right: list[dict[str, str]]) -> None:
    answered = json.loads(ask_with(Edit("string")).text or "")
    assert [type(row) for row in answered] == [dict, str, dict, dict]
    assert [row for row in answered if isinstance(row, dict)] == right


def test_a_reply_cut_at_max_tokens_keeps_its_complete_objects_readable(right: list[dict[str, str]]) -> None:
    response = ask_with(Cut(0.6))
    text = response.text or ""
    assert response.candidates
    assert response.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert json.dumps(right, ensure_ascii=False).startswith(text)
    assert json.loads(text[: text.rindex("}") + 1] + "]")[0] == right[0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_max_output_tokens_cuts_as_the_fault_does() -> None:
    with Simulator() as simulator:
        response = ask(simulator.url, max_output_tokens=20)
    assert response.candidates
    assert response.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert response.usage_metadata
    assert response.usage_metadata.candidates_token_count == 20


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION"])
def test_a_block_leaves_no_content_and_raises_nothing(reason: str) -> None:
    response = ask_with(Finish(reason))
    assert response.text is None
    assert response.candidates
    assert response.candidates[0].finish_reason == reason
    assert response.candidates[0].content is None


def test_a_finish_reason_never_heard_of_may_come_with_content(right: list[dict[str, str]]) -> None:
    response = ask_with(Finish("BORED", content=True))
    assert response.candidates
    assert response.candidates[0].finish_reason == "BORED"
    assert rows(response) == right


def test_a_blocked_prompt_has_no_candidates() -> None:
    response = ask_with(BlockPrompt("PROHIBITED_CONTENT"))
    assert not response.candidates
    assert response.prompt_feedback
    assert response.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT


@pytest.mark.parametrize(
    ("what", "text", "why"),
    [
        ("not_json", "Here are the answers you asked for: Partitions, Sensors, Backfills", "prose"),
        ("empty", "", "an empty part"),
        ("no_candidates", None, "no candidate at all"),
    ],
)
def test_garbled_replies(what: str, text: str | None, why: str) -> None:
    assert ask_with(Garble(what)).text == text, why  # type: ignore[arg-type]


def test_fenced_json_holds_the_right_answer(right: list[dict[str, str]]) -> None:
    text = ask_with(Garble("fenced")).text or ""
    assert text.startswith("```json\n")
    assert json.loads(text.removeprefix("```json\n").removesuffix("\n```")) == right


def test_html_with_status_200_is_no_json_to_the_sdk() -> None:
    with pytest.raises(json.JSONDecodeError):
        ask_with(Garble("html"))
