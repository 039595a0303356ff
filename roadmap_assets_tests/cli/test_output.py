"""Standard output that is closed or full costs a run its output, and nothing else."""

from __future__ import annotations

import pytest

from roadmap_assets_tests.cli.command_line import SAMPLE, SAMPLE_TOPICS, CommandLine

FULL = "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
CLOSED = "os.close(1)"
BROKEN = "read, write = os.pipe(); os.close(read); os.dup2(write, 1)"
OUTPUTS = [(FULL, "No space left on device"), (CLOSED, "it is closed"), (BROKEN, "Broken pipe")]


def run(command_line: CommandLine, *arguments: str, output: str) -> tuple[int, str]:
    """Exit status and standard error of a command whose standard output is prepared by the statement `output`."""
    program = (
        f"import os, sys\n{output}\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'roadmap_assets.cli', *sys.argv[1:]])"
    )
    process = command_line.start(*arguments, program=program)
    _, error = process.communicate()
    return process.returncode, error


@pytest.mark.parametrize(("output", "reason"), OUTPUTS)
def test_a_run_goes_on_without_its_output(command_line: CommandLine, output: str, reason: str) -> None:
    status, error = run(command_line, "scrape", *SAMPLE, "--enrich", "--offline", output=output)
    assert (status, error) == (
        1,
        f"Error: standard output cannot be written ({reason}); the rest of it is lost\n",
    )
    assert len([row for row in command_line.csv() if row["TLDR"]]) == SAMPLE_TOPICS
    assert command_line.sql("SELECT outcome FROM api_calls") == [("answered",)] * 3
    assert command_line.sql("SELECT count(*) FROM enrichment_failures") == [(0,)]


@pytest.mark.parametrize(
    ("command", "output", "reason"),
    [
        *(("topics --source sample", *lost) for lost in OUTPUTS),
        *((command, *OUTPUTS[0]) for command in ("scrape --source sample --list", "--help", "--version")),
    ],
)
def test_lost_output_is_one_clear_line(command_line: CommandLine, command: str, output: str, reason: str) -> None:
    status, error = run(command_line, *command.split(), output=output)
    assert (status, len(error.splitlines())) == (1, 1)
    assert reason in error
