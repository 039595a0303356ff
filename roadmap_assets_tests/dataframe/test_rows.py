"""Any DataFrame, through the engine and back; what the engine itself does is tested elsewhere."""

from __future__ import annotations

import asyncio
import doctest
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field

from roadmap_assets import dataframe
from roadmap_assets.dataframe import RowsNotEnriched
from roadmap_assets.enrichment.engine.events import CacheChecked, Event
from roadmap_assets.errors import InvalidSetting, MissingKey
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.simulator.faults import Edit, FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.dataframe.conftest import DISHES, enrich


class Rating(BaseModel):
    """Rate each dish."""

    stars: Annotated[int, Field(ge=1, le=5)]
    weight: float
    vegan: bool
    category: Literal["starter", "main"]
    hint: str | None = None
    steps: list[str]


class Verdict(BaseModel):
    """Judge each dish."""

    status: str


class Convertible:
    """A frame of another library."""

    def to_pandas(self) -> pd.DataFrame:
        return DISHES


def statuses(frame: pd.DataFrame) -> list[str]:
    found: list[str] = frame.attrs["report"]["statuses"]
    return found


def test_the_example_in_the_docstring_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder().find(dataframe.enrich, "enrich")
    assert len(example.examples) == 6
    assert doctest.DocTestRunner().run(example).failed == 0
    assert (tmp_path / ".cache" / "enrichment.duckdb").exists()


def test_rows_get_their_own_answers_and_the_frame_is_not_changed(settings: Settings) -> None:
    frame = DISHES.set_index(pd.Index(["b", "a", "b"], name="key"))
    before = frame.copy()
    enriched = enrich(frame, settings)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(enriched[before.columns], before)
    assert list(enriched.columns) == ["name", "text", "cuisine", "tldr", "challenge"]
    # The simulator's answer is drawn from the row's own text.
    assert [tldr.split()[0] for tldr in enriched["tldr"]] == ["Bread", "A", "A"]
    assert enriched["tldr"].is_unique
    assert enriched["challenge"].isin(["practice", "expert"]).all()
    assert statuses(enriched) == ["enriched"] * 3
    assert frame.attrs == {}


def test_a_second_run_asks_only_what_is_new(settings: Settings, simulator: Simulator) -> None:
    first = enrich(DISHES, settings)
    more = pd.concat([DISHES, DISHES.assign(text="Changed.").head(1)], ignore_index=True)
    second = enrich(more, settings)
    assert statuses(second) == ["hit", "hit", "hit", "enriched"]
    assert list(second["tldr"][:3]) == list(first["tldr"])
    assert [request.topics for request in simulator.requests] == [tuple(DISHES["name"]), ("Sourdough",)]


def test_equal_rows_are_asked_once(settings: Settings, simulator: Simulator) -> None:
    enriched = enrich(pd.concat([DISHES] * 30), settings)
    assert [len(request.topics) for request in simulator.requests] == [3]
    assert enriched["tldr"].notna().all()
    assert enriched.attrs["report"]["rows"] == {"enriched": 90}


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, "", " \n"])
def test_a_row_without_a_topic_is_skipped(settings: Settings, simulator: Simulator, nothing: object) -> None:
    frame = DISHES.assign(name=pd.Series(["Sourdough", nothing, "Miso"], dtype=object))
    enriched = enrich(frame, settings)
    assert [request.topics for request in simulator.requests] == [("Sourdough", "Miso")]
    assert list(enriched["tldr"].isna()) == [False, True, False]
    assert statuses(enriched) == ["enriched", "skipped", "enriched"]


def test_other_cells_may_be_missing_and_of_any_type(settings: Settings, simulator: Simulator) -> None:
    frame = pd.DataFrame(
        {"name": pd.Categorical([7, 8.5]), "text": [None, pd.Timestamp("2026-11-01")], "in": [1, None]}
    )
    enriched = enrich(frame, settings, context=["in"])
    assert simulator.requests[0].topics == ("7.0", "8.5")
    assert enriched["tldr"].notna().all()


def test_odd_texts_reach_the_model_and_the_cache(settings: Settings, simulator: Simulator) -> None:
    odd = ["half \ud83d of", "nul \0 inside", "'; DROP TABLE enrichments; --", "👩🏽‍💻"]
    frame = pd.DataFrame({"name": odd, "text": odd}, dtype=object)
    assert statuses(enrich(frame, settings)) == ["enriched"] * 4
    assert simulator.requests[0].topics[0] == "half ? of"
    assert statuses(enrich(frame, settings)) == ["hit"] * 4


@pytest.mark.parametrize("rows", [0, 2])
def test_columns_have_types_that_suit_the_profile(settings: Settings, rows: int) -> None:
    """Also a profile's own `category` is welcome here: no published table has such a column already."""
    enriched = enrich(DISHES.head(rows), settings, profile=Rating)
    types = {"stars": "Int64", "weight": "Float64", "vegan": "boolean", "category": "str", "hint": "str"}
    assert {column: str(enriched[column].dtype) for column in Rating.model_fields} == {**types, "steps": "object"}
    assert len(enriched) == rows
    if rows:
        assert enriched["stars"].between(1, 5).all()
        assert isinstance(enriched.loc[0, "steps"], list)


@pytest.mark.parametrize(
    ("context", "sent"),
    [
        ("", ["", "", ""]),
        ("Cooking", ["Cooking"] * 3),
        ("cuisine", ["French", "French", "Japanese"]),
        (["cuisine"], ["French", "French", "Japanese"]),
        (
            ["cuisine", "text"],
            [f"{cuisine} > {text}" for cuisine, text in zip(DISHES["cuisine"], DISHES["text"], strict=True)],
        ),
        ([], ["", "", ""]),
    ],
)
def test_the_context_is_a_column_or_several_or_a_text(
    settings: Settings, context: str | list[str], sent: list[str]
) -> None:
    """Rows whose context is the same have the same answer in the cache, others have not."""
    enrich(DISHES, settings, context=context)
    for row, where in enumerate(sent):
        assert statuses(enrich(DISHES.iloc[[row]], settings, context=where)) == ["hit"]
        assert statuses(enrich(DISHES.iloc[[row]], settings, context=f"{where}, or not")) == ["enriched"]


def test_rows_without_an_answer_are_reported_with_the_reason(tmp_path: Path) -> None:
    plan = FaultPlan((Rule(Edit("omit", topic="Miso"), topic="Miso"),))
    with Simulator(SimulatorOptions(faults=plan)) as simulator:
        settings = load_settings(
            db=tmp_path / "x.duckdb", gemini_base_url=simulator.url, gemini_api_key="any", rpm=0, tpm=0, rpd=0
        )
        with pytest.warns(RowsNotEnriched, match=r"^1 of 3 rows failed: .*the reply holds no answers \(1x\)"):
            enriched = enrich(DISHES, settings)
    report = enriched.attrs["report"]
    assert statuses(enriched) == ["enriched", "enriched", "failed"]
    assert list(enriched["tldr"].isna()) == [False, False, True]
    assert list(report["failures"]) == ["Miso"]
    assert json.loads(json.dumps(report)) == report, "pandas writes attrs to files as JSON"


def test_it_works_inside_a_running_event_loop(settings: Settings) -> None:
    async def notebook() -> pd.DataFrame:
        return enrich(DISHES, settings)

    assert statuses(asyncio.run(notebook())) == ["enriched"] * 3


def test_events_are_passed_on(settings: Settings) -> None:
    events: list[Event] = []
    enrich(DISHES, settings, on_event=events.append)
    assert isinstance(events[0], CacheChecked)
    assert (events[0].plan.rows, events[0].plan.calls) == (3, 1)


@pytest.mark.parametrize(
    ("frame", "arguments", "says"),
    [
        (DISHES, {"topic": "title"}, "no column 'title'"),
        (DISHES, {"description": "title"}, "no column 'title'"),
        (DISHES, {"context": ["cuisine", "title"]}, "no column 'title'"),
        (pd.concat([DISHES, DISHES], axis=1), {}, "several columns 'name'"),
        (DISHES.assign(tldr="mine"), {}, "'tldr' already"),
        (DISHES, {"profile": "none"}, "no profile 'none'"),
        (DISHES.assign(error="mine"), {"details": True}, "'error' already, which details=True"),
        (DISHES, {"profile": Verdict, "details": True}, "'status', which details=True would add too"),
        (DISHES.to_dict("records"), {}, r"not a list; make one with pandas.DataFrame\(rows\)"),
        (Convertible(), {}, r"not a Convertible; convert it with to_pandas\(\)"),
    ],
)
def test_wrong_arguments_are_rejected_before_anything_is_asked(
    settings: Settings, simulator: Simulator, frame: Any, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidSetting, match=says):
        enrich(frame, settings, **arguments)
    assert simulator.requests == []


def test_without_a_key_nothing_is_asked_and_offline_is_suggested(settings: Settings, simulator: Simulator) -> None:
    with pytest.raises(MissingKey, match=r"GEMINI_API_KEY.*, or pass offline=True") as missing:
        enrich(DISHES, settings.changed(gemini_api_key=None))
    assert "--offline" not in str(missing.value)
    assert simulator.requests == []
