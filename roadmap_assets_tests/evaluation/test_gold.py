"""Rows with known answers, against a simulator whose answers are known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from roadmap_assets.evaluation.rows import Row
from roadmap_assets.simulator.answers import Bias, Columns
from roadmap_assets.simulator.wire import AskedTopic
from roadmap_assets_tests.evaluation.conftest import Kitchen, StartKitchen, table


def with_answers(started: Kitchen, rows: int, **known: str) -> list[Row]:
    """Rows with the answers that the simulator gives when it does not err, or those given."""
    columns = Columns(started.access.profile.reply_schema)
    answers = [(row, columns.answer(AskedTopic("0", row.topic, row.description))) for row in table(rows)]
    return [
        replace(row, known={"challenge": answer["challenge"], "tldr": answer["tldr"]} | known)
        for row, answer in answers
    ]


def test_right_answers_are_all_right(kitchen: StartKitchen) -> None:
    started = kitchen()
    report = started.gold(with_answers(started, 40)).run().as_json()
    assert {name: found["value"] for name, found in report["accuracy"].items()} == {"tldr": 1.0, "challenge": 1.0}
    assert (report["misses"], report["kappa"]["challenge"]["value"]) == ([], 1.0)
    confusion = report["confusion"]["challenge"]
    assert confusion["expert"]["practice"] == confusion["practice"]["expert"] == 0
    assert confusion["expert"]["expert"] + confusion["practice"]["practice"] == 40


def test_accuracy_and_confusion_are_those_of_the_planted_errors(kitchen: StartKitchen) -> None:
    started = kitchen(bias=Bias(noise=0.2))
    rows = with_answers(started, 200)
    report = started.gold(rows).run().as_json()
    answered = dict(
        started.sql("SELECT row_id, json_extract_string(answer, '$.challenge') FROM evaluation_answers ORDER BY row_id")
    )
    wrong = {row.row_id for row in rows if answered[row.row_id] != row.known["challenge"]}
    assert 25 <= len(wrong) <= 55  # 0.2 of 200
    assert report["accuracy"]["challenge"]["value"] == pytest.approx(1 - len(wrong) / 200)
    confusion = report["confusion"]["challenge"]
    assert confusion["expert"]["practice"] + confusion["practice"]["expert"] == len(wrong)
    assert {miss["row"] for miss in report["misses"]} <= wrong
    assert len(report["misses"]) == 20


def test_cells_without_a_known_answer_are_left_out_and_case_does_not_matter(kitchen: StartKitchen) -> None:
    started = kitchen()
    rows = with_answers(started, 10, tldr="")
    rows = [replace(row, known={**row.known, "challenge": row.known["challenge"].upper()}) for row in rows]
    report = started.gold(rows).run().as_json()
    assert list(report["accuracy"]) == ["challenge"]
    assert report["accuracy"]["challenge"]["value"] == 1.0
