"""Any DataFrame, through the engine and back; what the engine itself does is tested elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import json
import os
import pty
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field, SecretStr

import roadmap_assets
from roadmap_assets import dataframe
from roadmap_assets.dataframe import RowsNotEnriched
from roadmap_assets.enrichment.engine.events import CacheChecked, Event
from roadmap_assets.errors import InvalidSetting, MissingKey
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.faults import Edit, FaultPlan, Rule
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.registry import open_warehouse

DISHES = pd.DataFrame(
    {
        "name": ["Sourdough", "Hollandaise", "Miso"],
        "text": ["Bread that rises by wild yeast.", "A sauce of egg yolk and butter.", "A paste of soy beans."],
        "cuisine": ["French", "French", "Japanese"],
    }
)


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


class Short(BaseModel):
    """Name each dish in one letter."""

    letter: Annotated[str, Field(max_length=1)]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, simulator: Simulator) -> Settings:
    return load_settings(
        db=tmp_path / "cache.duckdb", gemini_base_url=simulator.url, gemini_api_key="any", rpm=0, tpm=0, rpd=0
    )


def enrich(frame: pd.DataFrame, settings: Settings, **arguments: Any) -> pd.DataFrame:
    return roadmap_assets.enrich(frame, **{"topic": "name", "description": "text", **arguments}, settings=settings)


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
        enrich(DISHES, settings.model_copy(update={"gemini_api_key": None}))
    assert "--offline" not in str(missing.value)
    assert simulator.requests == []


def test_a_run_writes_one_line_of_summary_outside_a_terminal(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    enrich(DISHES, settings)
    more = pd.concat([DISHES, DISHES.assign(text="Changed.").head(1)])
    enrich(more, settings)
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert re.fullmatch(r"Rows: 3 \(3 enriched, 0 from the cache\); 1 call, \$0\.\d{4}, \d+\.\d s", first)
    assert second.startswith("Rows: 4 (1 enriched, 3 from the cache); 1 call, ")
    enrich(DISHES, settings, progress=False)
    assert capsys.readouterr() == ("", "")


def test_rows_that_all_break_a_rule_are_reported_with_the_rule(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.warns(RowsNotEnriched) as warned:
        enriched = enrich(DISHES, settings, profile=Short, details=True)
    (warning,) = warned
    assert str(warning.message).startswith("3 of 3 rows failed: ")
    assert "at most 1 character" in str(warning.message)
    assert "details=True" in str(warning.message)
    assert warning.filename == __file__
    assert "3 failed" in capsys.readouterr().err
    assert enriched["letter"].isna().all()
    assert enriched["status"].eq("failed").all()
    assert enriched["error"].str.contains("at most 1 character").all()
    assert enriched["model"].isna().all()


def test_details_say_of_each_row_what_happened_and_which_model_answered(settings: Settings) -> None:
    enrich(DISHES.head(1), settings)
    frame = pd.concat([DISHES, DISHES.assign(name="").head(1)])
    enriched = enrich(frame, settings, details=True)
    assert list(enriched.columns[-3:]) == ["status", "error", "model"]
    assert list(enriched["status"]) == ["hit", "enriched", "enriched", "skipped"]
    assert enriched["error"].isna().all()
    with open_warehouse(settings.db).transaction() as connection:
        (versions,) = connection.execute("SELECT min(model_version), max(model_version) FROM api_calls").fetchall()
    assert versions[0] == versions[1] != ""
    assert list(enriched["model"].fillna("")) == [versions[0]] * 3 + [""]


def test_deferred_rows_are_reported_with_the_reason(settings: Settings) -> None:
    frame = pd.concat([DISHES.assign(name=DISHES["name"] + str(number)) for number in range(10)])
    with pytest.warns(RowsNotEnriched, match="^10 of 30 rows are deferred to another run: the day's quota"):
        enriched = enrich(frame, settings.model_copy(update={"rpd": 1}), details=True)
    assert enriched["error"].str.startswith("the day's quota").sum() == 10


def test_rows_in_a_batch_job_are_reported_and_answered_by_a_later_call(settings: Settings) -> None:
    jobs = SimulatorOptions(batches=BatchBehaviour(pending_s=3600))
    with Simulator(jobs) as server:
        asked = settings.model_copy(update={"service": "batch", "gemini_base_url": server.url, "offline": False})
        asked = asked.model_copy(update={"gemini_api_key": SecretStr("any")})
        with pytest.warns(RowsNotEnriched, match="^3 of 3 rows are pending: a batch job asks about them"):
            pending = roadmap_assets.enrich(DISHES, topic="name", details=True, progress=False, settings=asked)
        assert list(pending["status"]) == ["pending"] * 3
        server.let_jobs_age(3600)
        answered = roadmap_assets.enrich(DISHES, topic="name", details=True, progress=False, settings=asked)
        assert list(answered["status"]) == ["enriched"] * 3


def test_a_terminal_shows_a_progress_bar(tmp_path: Path) -> None:
    """A real terminal on standard error; the bar is gone at the end, and the summary stays."""
    script = """
        import pandas as pd, roadmap_assets
        frame = pd.DataFrame({"name": [f"Dish {number}" for number in range(100)]})
        roadmap_assets.enrich(frame, topic="name", offline=True)
    """
    master, slave = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal's end
        while piece := os.read(master, 65536):
            seen += piece
    os.close(master)
    assert run.communicate()[0] == b""
    assert run.returncode == 0
    text = seen.decode()
    assert re.search(r"\d+/100.*rows, \d calls", text)
    assert "Rows: 100 (100 enriched, 0 from the cache); 5 calls, " in text.splitlines()[-1]
