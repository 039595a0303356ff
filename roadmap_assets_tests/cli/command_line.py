"""The command line as a user runs it, in a folder of its own and with no variables but those that a test sets."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import duckdb
from click.testing import CliRunner, Result

from roadmap_assets.cli.main import main
from roadmap_assets.settings import SETTINGS, variable_of

SAMPLE = ("--source", "sample", "--roadmap", "data-orchestration")
SAMPLE_TOPICS = 53

_TAKEN_OUT = (*map(variable_of, SETTINGS), "GOOGLE_API_KEY", "DAGSTER_HOME")


class CommandLine:
    """Runs `roadmap-assets` in `folder`, with the variables in `environment`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment

    def run(self, *arguments: object, typed: str | None = None, **environment: str) -> Result:
        """Run a command within this process; `typed` is what the user enters. An unexpected exception is raised."""
        variables = {**dict.fromkeys(_TAKEN_OUT), **self.environment, **environment}
        result = CliRunner(env=variables).invoke(
            main, [str(argument) for argument in arguments], input=typed, prog_name="roadmap-assets"
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def start(self, *arguments: object, program: str = "", **environment: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own, or a `program` that gets the arguments."""
        clean = {name: value for name, value in os.environ.items() if name not in _TAKEN_OUT}
        return subprocess.Popen(
            [sys.executable, *(("-c", program) if program else ("-m", "roadmap_assets.cli")), *map(str, arguments)],
            cwd=self.folder,
            env={**clean, **self.environment, **environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def database(self) -> Path:
        return self.folder / ".cache" / "enrichment.duckdb"

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the database, which no command may be using."""
        with duckdb.connect(self.database) as connection:
            return connection.execute(query).fetchall()

    def csv(self) -> list[dict[str, str]]:
        """The rows of the CSV file written last."""
        *_, latest = sorted((self.folder / "output").glob("*.csv"), key=lambda path: path.stat().st_mtime_ns)
        with latest.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def files(self) -> list[str]:
        """All files that commands have left in the folder."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*"))


def line(result: Result, beginning: str) -> str:
    """What follows `beginning` on the one line of the output that starts with it."""
    [found] = [text for text in result.output.splitlines() if text.startswith(beginning)]
    return found.removeprefix(beginning).strip()
