"""The HTML report of an evaluation: it has every figure, loads nothing, and texts stay texts."""

from __future__ import annotations

import re
from typing import Any

from roadmap_assets.exports.html.evaluation import render_report

MARKUP = "<script>alert(1)</script>"


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high, "rows": 40}


def report(kind: str, **figures: Any) -> dict[str, Any]:
    arm = {"rows": 40, "answered": 39, "breach_share": 0.125, "calls": 2, "cost_usd": None}
    head = {"kind": kind, "rows": 40, "profile": "summary", "model": "gemini", "simulated": False, "cost_usd": 0.5}
    return {**head, "verdict": f"A verdict {MARKUP}", "arms": {"batch_20": arm}, **figures}


def test_a_report_on_batches_has_agreement_noise_floor_and_drift_with_intervals() -> None:
    drift = {"first": estimate(1, 1, 1), "middle": estimate(1, 1, 1), "last": estimate(0.9, 0.85, 0.95)}
    page = render_report(
        report(
            "batch",
            measures={"level": "exact share"},
            agreement={"level": {"batch_20_vs_single": estimate(0.93, 0.88, 0.97)}},
            noise_floor={"level": estimate(0.98, 0.95, 1)},
            drift={"level": drift},
            findings=["level: worse at the end"],
        )
    )
    for text in ("93% [88, 97]", "98% [95, 100]", "last third", "90% [85, 95]", "12.5%", "unknown", "$0.5000"):
        assert text in page, text
    assert "<li>level: worse at the end</li>" in page
    # The interval is drawn where it lies.
    assert '<rect class="level-0" x="88.0" width="9.0"' in page


def test_a_report_on_known_answers_has_the_confusion_and_the_misses() -> None:
    page = render_report(
        report(
            "gold",
            accuracy={"level": estimate(0.8, 0.7, 0.9)},
            confusion={"level": {"easy": {"easy": 30, "hard": 2}, "hard": {"easy": 6, "hard": 2}}},
            misses=[{"topic": MARKUP, "column": "level", "known": "easy", "answered": "hard"}],
        )
    )
    assert "known easy" in page
    assert "answered hard 2" in page
    assert "Misses" in page


def test_a_comparison_shows_both_answers_as_text_and_runs_no_script_of_theirs() -> None:
    page = render_report(
        report(
            "compare",
            compared={"a": "summary", "b": "study"},
            agreement={"level": estimate(0.8, 0.7, 0.9)},
            differences=[{"topic": "T", "column": "level", "a": MARKUP, "b": "hard"}],
            judge={"model": "judge", "wins": {"a": 9, "b": 1}, "ties": 2, "order_disagreements": 1},
        )
    )
    assert MARKUP not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a better 9 times, b better 1 times, 2 ties (1 of them decided by the order)" in page
    assert not re.findall(r'(?:src|href)="?https?:', page)
