"""What the user gets for bad input: exit status, one line that says what and what to do, and nothing touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.cli.command_line import SAMPLE, CommandLine

KEY = "AIzaSy-a-key-that-nobody-may-see"


def error_of(command_line: CommandLine, *arguments: object, status: int, **environment: str) -> str:
    """The one line on standard error of a command that must end with `status`."""
    result = command_line.run(*arguments, **environment)
    assert result.exit_code == status, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


# ---- what is asked


def test_an_unknown_roadmap_is_named_with_the_nearest_there_are(command_line: CommandLine) -> None:
    error = error_of(command_line, "scrape", "--source", "sample", "--roadmap", "data-orchestrations", status=1)
    assert "'data-orchestrations'" in error
    assert "did you mean data-orchestration?" in error


def test_the_list_that_an_error_suggests_is_that_of_the_source(command_line: CommandLine) -> None:
    error = error_of(command_line, "scrape", "--source", "sample", "--roadmap", "quantum", status=1)
    suggested = error.partition("with: roadmap-assets ")[2]
    assert command_line.run(*suggested.split()).stdout == "data-orchestration\n"


@pytest.mark.parametrize(
    "slug",
    ["a/b", "..", "../etc", "a,b", "a b", "Frontend", "", "-a", "a--b", "a.b", "ä", "a\nb", "x" * 101],
)
@pytest.mark.parametrize("command", [("scrape", "--roadmap"), ("topics", "--")])
def test_an_invalid_slug_is_refused_before_anything_is_read(
    command_line: CommandLine, command: tuple[str, ...], slug: str
) -> None:
    error = error_of(command_line, *command, slug, status=2, ROADMAP_SOURCE="sample")
    assert "lower-case letters and digits" in error
    assert "engineering-manager" in error
    assert command_line.files() == []


def test_a_missing_key_is_reported_before_anything_is_fetched(command_line: CommandLine) -> None:
    error = error_of(command_line, "scrape", *SAMPLE, "--enrich", status=1)
    assert "GEMINI_API_KEY" in error
    assert "--offline" in error
    assert command_line.files() == []


@pytest.mark.parametrize("enrich", [(), ("--enrich", "--offline"), ("--dry-run",)])
@pytest.mark.parametrize(
    ("variable", "value", "range_"),
    [
        ("ROADMAP_BATCH_SIZE", "0", "at least 1 and at most 20"),
        ("ROADMAP_BATCH_SIZE", "21", "at least 1 and at most 20"),
        ("ROADMAP_RPM", "-1", "at least 0"),
        ("ROADMAP_TPM", "-1", "at least 0"),
        ("ROADMAP_RPD", "-1", "at least 0"),
        ("ROADMAP_PROFILE", "nonsense", "summary, study"),
        ("ROADMAP_SOURCE", "nowhere", "neither live nor sample, nor a directory"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_the_range(
    command_line: CommandLine, variable: str, value: str, range_: str, enrich: tuple[str, ...]
) -> None:
    settings = {"ROADMAP_SOURCE": "sample", variable: value}
    error = error_of(command_line, "scrape", "--roadmap", "data-orchestration", *enrich, status=2, **settings)
    assert repr(value) in error
    assert range_ in error
    assert command_line.files() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("scrape",),  # nothing to scrape
        ("scrape", "--list", "--interactive"),  # two things at once
        ("scrape", "--roadmap", "a", "--list"),
        ("scrape", "--roadmap"),  # an option without its value
        ("scrape", "--nonsense"),
        ("nonsense",),
        ("simulate", "--rpm", "-1"),
        ("simulate", "--port", "99999"),
        ("simulate", "--faults", "no-such-file.json"),
    ],
)
def test_wrong_usage(command_line: CommandLine, arguments: tuple[str, ...]) -> None:
    result = command_line.run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert command_line.files() == []


def test_an_invalid_fault_plan_is_named(command_line: CommandLine) -> None:
    Path("plan.json").write_text('{"rules": [{"fault": {"kind": "nonsense"}}]}')
    assert "plan.json" in error_of(command_line, "simulate", "--faults", "plan.json", status=2)


def test_topics_into_a_file_of_no_known_format(command_line: CommandLine) -> None:
    error = error_of(command_line, "topics", "--source", "sample", "--output", "topics.xls", status=2)
    assert ".csv, .jsonl, .parquet" in error
    assert command_line.files() == []


# ---- a wrong key


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_wrong_key_ends_the_run_and_is_never_shown_or_stored(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(key="another")) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY, "ROADMAP_CONCURRENCY": "1"}
        result = command_line.run("scrape", *SAMPLE, "--enrich", **environment)
        assert len(server.requests) == 1  # of three batches
    assert result.exit_code == 1
    assert "API key not valid" in result.stderr
    assert "GEMINI_API_KEY" in result.stderr
    assert KEY not in result.output
    assert command_line.sql("SELECT outcome FROM api_calls") == [("refused",)]
    assert list((command_line.folder / ".cache").glob("*.sqlite*"))  # the quota's state is among what is looked through
    assert KEY.encode() not in bytes_below(command_line.folder)
    assert not (command_line.folder / "output").exists()


def test_a_right_key_is_never_shown_or_stored(command_line: CommandLine) -> None:
    with Simulator(SimulatorOptions(key=KEY)) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY}
        result = command_line.run("scrape", *SAMPLE, "--enrich", "-v", **environment)
    assert result.exit_code == 0
    assert KEY not in result.output
    assert KEY.encode() not in bytes_below(command_line.folder)


@pytest.mark.parametrize("key", ["schlüssel-geheim", "two secrets", "line\nfeed-secret"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(command_line: CommandLine, key: str) -> None:
    error = error_of(command_line, "scrape", *SAMPLE, "--enrich", status=2, GEMINI_API_KEY=key)
    assert error.startswith("Error: GEMINI_API_KEY cannot be used")
    assert key not in error
    assert key.split()[0] not in error


def test_no_traceback_shows_the_key(command_line: CommandLine) -> None:
    """Not even of an error that nobody foresaw, here in the middle of a call."""
    program = (
        "import sys\n"
        "from roadmap_assets.enrichment.providers import wire\n"
        "def request_text(questions, *, first_id): raise ZeroDivisionError('unforeseen')\n"
        "wire.request_text = request_text\n"
        "from roadmap_assets.cli.main import main\n"
        "main()\n"
    )
    with Simulator(SimulatorOptions(key=KEY)) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY}
        process = command_line.start("scrape", *SAMPLE, "--enrich", program=program, **environment)
        out, err = process.communicate()
    assert process.returncode == 1
    assert "ZeroDivisionError" in err
    assert KEY not in out + err


# ---- the document


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{ no JSON", "not JSON"),
        ("", "not JSON"),
        ('{"mockup": {"controls": {}}}', "old"),
        ('{"nodes": [], "edges": []}', "no topic"),
        ('{"nodes": [{"id": "1", "type": "title", "data": {"label": "T"}}], "edges": []}', "no topic"),
        ("[]", ""),
        ("null", ""),
        (json.dumps({"nodes": "none"}), ""),
    ],
)
def test_an_unreadable_document_is_named_with_the_reason(
    command_line: CommandLine, tmp_path: Path, document: str, reason: str
) -> None:
    (tmp_path / "source" / "odd").mkdir(parents=True)
    (tmp_path / "source" / "odd" / "odd.json").write_text(document)
    error = error_of(command_line, "scrape", "--source", "source", "--roadmap", "odd", status=1)
    assert "source/odd/odd.json" in error
    assert reason in error
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("slug", "reason"),
    [("golang", "golang.json"), ("prompt-engineering", "prompt-engineering.json"), ("devops-beginner", "no document")],
)
def test_the_odd_ones_among_the_real_roadmaps_end_with_one_clear_line(
    command_line: CommandLine, real_roadmaps: Path, slug: str, reason: str
) -> None:
    error = error_of(command_line, "scrape", "--source", real_roadmaps, "--roadmap", slug, status=1)
    assert reason in error


# ---- the database

# ---- the output


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("a-file/roadmap.csv", "Not a directory"),
        ("a-folder", "it is a folder"),
        ("/proc/roadmap.csv", "cannot write"),  # where not even root can
        ("x" * 300, "File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_out_before_any_call(
    command_line: CommandLine, output: str, reason: str
) -> None:
    Path("a-file").touch()
    Path("a-folder").mkdir()
    with Simulator(SimulatorOptions()) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY}
        error = error_of(command_line, "scrape", *SAMPLE, "--enrich", "--output", output, status=1, **environment)
        assert server.requests == []
    assert reason in error
    assert "--output" in error
    assert command_line.files() == ["a-file", "a-folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_to_write(command_line: CommandLine) -> None:
    Path("output").mkdir(mode=0o500)
    assert "Permission denied" in error_of(command_line, "scrape", *SAMPLE, "--enrich", "--offline", status=1)


def test_a_file_is_no_output_folder(command_line: CommandLine) -> None:
    Path("output").touch()
    assert "ROADMAP_OUTPUT" in error_of(command_line, "scrape", *SAMPLE, "--enrich", "--offline", status=1)


def test_a_terminal_that_cannot_show_a_character_gets_a_question_mark(command_line: CommandLine) -> None:
    """Rather than a traceback in the middle of a run that is paid for."""
    process = command_line.start("scrape", *SAMPLE, "--enrich", "--offline", PYTHONIOENCODING="cp1252")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "? Batch 1/3 (20 rows) enriched" in out


@pytest.mark.parametrize("name", ["roadmap.xls", "roadmap", "roadmap.csv.gz"])
def test_an_ending_without_a_format_is_found_out_before_any_call(command_line: CommandLine, name: str) -> None:
    with Simulator(SimulatorOptions()) as server:
        environment = {"GOOGLE_GEMINI_BASE_URL": server.url, "GEMINI_API_KEY": KEY}
        error = error_of(command_line, "scrape", *SAMPLE, "--enrich", "--output", name, status=2, **environment)
        assert server.requests == []
    assert ".csv, .jsonl, .parquet, .xlsx" in error
    assert command_line.files() == []
