"""The cache of answers, and the record of failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from roadmap_assets.warehouse import rows
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.enrichments import (
    Answer,
    CacheGroup,
    Failure,
    answered_keys,
    cache_groups,
    cache_size,
    clear_answers,
    clear_failures,
    count_failures,
    load_answers,
    load_failures,
    store_answers,
    store_failures,
)
from roadmap_assets.warehouse.rows import parts_to_query


def answer(key: str, *, tldr: str = "Brief", model: str = "m", profile: str = "p", **columns: Any) -> Answer:
    return Answer(
        key=key,
        topic=f"Topic {key}",
        answer={"tldr": tldr, **columns},
        profile=profile,
        fingerprint="f",
        model=model,
        model_version="m-1",
        call_id="c",
    )


def failure(key: str, *, reason: str = "missing", model: str = "m", profile: str = "p") -> Failure:
    return Failure(
        key=key, topic=f"Topic {key}", profile=profile, model=model, reason=reason, last_error="why", attempts=2
    )


def store(warehouse: Warehouse, *rows: Answer | Failure) -> None:
    with warehouse.transaction() as connection:
        store_answers(connection, [row for row in rows if isinstance(row, Answer)])
        store_failures(connection, [row for row in rows if isinstance(row, Failure)])


def load(warehouse: Warehouse, *keys: str) -> Mapping[str, Any]:
    with warehouse.transaction() as connection:
        return {key: answer.columns for key, answer in load_answers(connection, keys).items()}


def test_that_keys_for_more_than_one_query_are_all_looked_up(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KEYS_A_QUERY", 2)
    store(warehouse, *map(answer, "abcdf"), *map(failure, "xyz"))
    with warehouse.transaction() as connection:
        assert answered_keys(connection, dict.fromkeys("abcdexyz").keys()) == set("abcd")
        assert answered_keys(connection, known := dict.fromkeys("abcdf").keys()) is known
        assert set(load_failures(connection, "axbyz")) == set("xyz")


@pytest.mark.parametrize(("keys", "sizes"), [(0, []), (100_001, [100_000, 1]), (900_000, [180_000] * 5)])
def test_that_a_query_gets_a_hundred_thousand_keys_or_a_fifth_of_all(keys: int, sizes: list[int]) -> None:
    assert [len(part) for part in parts_to_query([""] * keys)] == sizes


def test_that_only_what_was_asked_for_and_is_answered_is_found(warehouse: Warehouse) -> None:
    store(warehouse, answer("a"), answer("b"), answer("c"))
    with warehouse.transaction() as connection:
        assert answered_keys(connection, {"b", "c", "d"}) == {"b", "c"}
        assert answered_keys(connection, known := {"b", "c"}) is known, "nothing is read back where all are answered"
        assert {key: found.columns for key, found in load_answers(connection, ["b", "d"]).items()} == {
            "b": {"tldr": "Brief"}
        }
        assert answered_keys(connection, set()) == set()
        assert answered_keys(connection, dict.fromkeys("ax").keys()) == {"a"}
        assert answered_keys(connection, {"x"}) == set()


def test_that_an_answer_is_stored_once_and_the_first_stays(warehouse: Warehouse) -> None:
    store(warehouse, answer("a", tldr="First"), answer("a", tldr="Second"), answer("b", tldr="First"))
    store(warehouse, answer("a", tldr="Third"), answer("b", tldr="Second"), answer("c", tldr="First"))
    assert load(warehouse, "a", "b", "c") == {key: {"tldr": "First"} for key in "abc"}
    with warehouse.transaction() as connection:
        assert cache_size(connection)[0] == 3


@pytest.mark.parametrize(
    "text",
    [
        "nul \0 inside",
        "emoji 👩🏽‍💻 and 中文",
        "'; DROP TABLE enrichments; --",
        'quotes " and \\ backslashes \\u0041',
        "line\nbreak\ttab\r",
        "\u2028\u2029\ufeff\x7f\x1b[31m",
        "",
    ],
)
def test_that_any_text_comes_back_as_it_was(warehouse: Warehouse, text: str) -> None:
    store(warehouse, answer("a", tldr=text, steps=[text, {text: 1}]))
    assert load(warehouse, "a") == {"a": {"tldr": text, "steps": [text, {text: 1}]}}


@pytest.mark.parametrize("value", [None, True, 2**70, -0.1, 1e300, [], {}, [1, [2, {"a": None}]]])
def test_that_any_json_value_comes_back_as_it_was(warehouse: Warehouse, value: object) -> None:
    store(warehouse, answer("a", value=value))
    assert load(warehouse, "a")["a"]["value"] == value


def test_that_half_a_surrogate_pair_costs_no_row(warehouse: Warehouse) -> None:
    store(warehouse, answer("a", tldr="half \ud83d of"), answer("b"), failure("c", reason="half \udc00 of"))
    assert load(warehouse, "a", "b") == {"a": {"tldr": "half ? of"}, "b": {"tldr": "Brief"}}
    with warehouse.transaction() as connection:
        assert load_failures(connection, ["c"])["c"].reason == "half ? of"


def test_that_failures_count_the_runs_and_keep_the_last_reason(warehouse: Warehouse) -> None:
    store(warehouse, failure("a", reason="missing"), failure("b"))
    store(warehouse, failure("a", reason="rule"), failure("a", reason="blocked"))
    with warehouse.transaction() as connection:
        found = load_failures(connection, ["a", "b", "c"])
        assert {key: (past.reason, past.runs) for key, past in found.items()} == {
            "a": ("blocked", 2),
            "b": ("missing", 1),
        }
        assert count_failures(connection) == 2


def test_that_an_answer_ends_a_failure(warehouse: Warehouse) -> None:
    store(warehouse, failure("a"), failure("b"))
    store(warehouse, answer("a"))
    with warehouse.transaction() as connection:
        assert set(load_failures(connection, ["a", "b"])) == {"b"}


def test_that_the_cache_is_listed_by_model_and_profile(warehouse: Warehouse) -> None:
    store(warehouse, answer("a"), answer("b"), answer("c", model="n"))
    with warehouse.transaction() as connection:
        size, latest = cache_size(connection)
        groups = cache_groups(connection)
    assert latest is not None
    assert size == 3
    assert groups == [CacheGroup("m", "p", "f", 2, latest), CacheGroup("n", "p", "f", 1, latest)]


@pytest.mark.parametrize(
    ("which", "left"),
    [
        ({}, set()),
        ({"model": "m"}, {"c"}),
        ({"profile": "q"}, {"a", "c"}),
        ({"model": "n", "profile": "q"}, {"a", "b", "c"}),
        ({"model": "m' OR ''='"}, {"a", "b", "c"}),
    ],
)
def test_that_what_is_named_is_forgotten(warehouse: Warehouse, which: dict[str, str], left: set[str]) -> None:
    store(warehouse, answer("a"), answer("b", profile="q"), answer("c", model="n"))
    store(warehouse, failure("x"), failure("y", profile="q"), failure("z", model="n"))
    with warehouse.transaction() as connection:
        assert clear_answers(connection, **which) == 3 - len(left)
        assert clear_failures(connection, **which) == 3 - len(left)
    with warehouse.transaction() as connection:
        assert answered_keys(connection, set("abc")) == left
        assert count_failures(connection) == len(left)
