"""The command line: the same steps as Dagster's, on the same database, without importing Dagster.

`roadmap-assets …` is `python -m roadmap_assets.cli …`. Each command is a module of this folder, imported only when the
command is called; what a command needs beyond its options it imports in its body, so that every command starts fast.
"""

from __future__ import annotations

import atexit
import gc
from importlib import import_module
from typing import Any

import click

from roadmap_assets.cli import console
from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.hints import with_hint
from roadmap_assets.cli.output import safe_output
from roadmap_assets.errors import RoadmapAssetsError

COMMANDS = (
    "batches",
    "cache",
    "db",
    "doctor",
    "evaluate",
    "export",
    "page",
    "partitions",
    "quota",
    "runs",
    "scrape",
    "simulate",
    "topics",
)
"""Command `x` is the function `x` of the module `roadmap_assets.cli.x`."""

_OUTPUT_GIVEN = f"{__name__}.output_given"


class Commands(click.Group):
    """Imports a command when it is called; expected errors end in one line and an exit status, not in a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name, if there is one."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"roadmap_assets.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See `click.Group`; note whether the command is given --output, for hints about it."""
        ctx.meta[_OUTPUT_GIVEN] = any(arg.partition("=")[0] == "--output" for arg in args)
        return super().resolve_command(ctx, args)

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run as a program. Output that could not be written makes a run that was done end with NOT_DONE."""
        with safe_output() as output:
            try:
                super().main(*arguments, **options)
            except SystemExit as end:
                output.flush()
                raise SystemExit(ExitStatus.NOT_DONE if output.lost and not end.code else end.code) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        atexit.register(gc.freeze)  # or Python looks for garbage at its end, for a tenth of the time of a cached run
        try:
            return super().invoke(ctx)
        except RoadmapAssetsError as error:
            console.warn(f"Error: {with_hint(error, output_given=ctx.meta.get(_OUTPUT_GIVEN, False))}")
            ctx.exit(error.exit_status)
        except (KeyboardInterrupt, click.Abort) as end:
            if isinstance(end, click.Abort):
                if not isinstance(end.__context__, KeyboardInterrupt):
                    raise  # a question that was answered with no
                console.warn("")  # ends the question's line
            console.warn("Interrupted. Everything answered so far is stored; the next run asks only for the rest.")
            ctx.exit(ExitStatus.INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadmap-assets")
def main() -> None:
    """roadmap.sh's roadmaps as clean tables, enriched by Gemini: twenty topics a call, each answer cached.

    Settings come from the environment or a .env file: ROADMAP_DB, ROADMAP_OUTPUT, ROADMAP_SOURCE, GEMINI_API_KEY and
    more, listed in docs/settings.md. Exit status: 0 done; 1 not done; 2 wrong usage; 3 done except for some topics.
    """
