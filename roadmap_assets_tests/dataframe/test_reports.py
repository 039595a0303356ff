"""What `enrich` reports: a summary, a progress bar, warnings, and details of each row."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import roadmap_assets
from roadmap_assets.dataframe import RowsNotEnriched
from roadmap_assets.secret import Secret
from roadmap_assets.settings import Settings
from roadmap_assets.simulator.batch_behaviour import BatchBehaviour
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.dataframe.conftest import DISHES, enrich


class Short(BaseModel):
    """Name each dish in one letter."""

    letter: Annotated[str, Field(max_length=1)]


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
    assert warning.filename == enrich.__code__.co_filename, "the caller's line"
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
        enriched = enrich(frame, settings.changed(rpd=1), details=True)
    assert enriched["error"].str.startswith("the day's quota").sum() == 10


def test_rows_in_a_batch_job_are_reported_and_answered_by_a_later_call(settings: Settings) -> None:
    jobs = SimulatorOptions(batches=BatchBehaviour(pending_s=3600))
    with Simulator(jobs) as server:
        asked = settings.changed(service="batch", gemini_base_url=server.url, offline=False)
        asked = asked.changed(gemini_api_key=Secret("any"))
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
