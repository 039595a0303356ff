"""The files that are generated from the program: `python -m roadmap_assets_tests.reference` writes them.

They are pages of docs/, and the built-in profiles as they are prepared for a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.main import main
from roadmap_assets.enrichment.profiles.builtin import MODELS
from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.profiles.registry import PREPARED
from roadmap_assets.settings import SETTINGS
from roadmap_assets.warehouse.schema import TABLES

ROOT = Path(__file__).resolve().parent.parent
REGENERATE = "python -m roadmap_assets_tests.reference"
WIDTH = 100


def commands_page() -> str:
    """The help text of every command."""
    parts = [
        "# Commands\n\n"
        "The `--help` text of every command. `roadmap-assets …` is the same as `python -m roadmap_assets.cli …`.\n\n"
        "| exit status | meaning |\n|---|---|\n"
        + "".join(f"| {status.value} | {status.meaning} |\n" for status in ExitStatus)
    ]
    for path in _commands(main):
        shown = CliRunner().invoke(main, [*path, "--help"], prog_name="roadmap-assets", terminal_width=WIDTH)
        parts.append(f"## {' '.join(['roadmap-assets', *path])}\n\n```\n{shown.output.rstrip()}\n```\n")
    return "\n".join(parts)


def settings_page() -> str:
    """Every setting."""
    rows = []
    for setting in SETTINGS.values():
        default = setting.default
        shown = "not set" if default is None else "empty" if default == "" else f"`{_plain(default)}`"
        rows.append(f"| `{setting.variables[0]}` | {shown} | {setting.allowed} | {setting.meaning} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables, or lines of a file `.env` in the current directory. The environment overrides the",
            "file, and a command's option overrides both. An empty variable counts as not set. `GOOGLE_API_KEY` works",
            "in place of `GEMINI_API_KEY`.",
            "",
            "| variable | default | allowed | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def tables_page() -> str:
    """Every table of the database."""
    parts = [
        "# Tables\n\n"
        "What the database (`ROADMAP_DB`) holds. Times are UTC; no column is null unless marked `?`. "
        "`enriched_roadmaps` also\nhas a column for each column of every profile that was published.\n"
    ]
    for table in TABLES:
        rows = [
            f"| `{column.name}` | {column.type}{'?' * column.nullable} | {column.meaning} |" for column in table.columns
        ]
        key = ", ".join(f"`{name}`" for name in table.key)
        heading = (
            f"## {table.name}\n\n{table.meaning}; identified by {key}.\n\n| column | type | meaning |\n|---|---|---|\n"
        )
        parts.append(heading + "\n".join(rows) + "\n")
    return "\n".join(parts)


def prepared_profiles() -> str:
    """What the built-in profiles say, as JSON."""
    profiles = {name: prepare(model, name=name) for name, model in MODELS.items()}
    written = {
        name: {field: getattr(profile, field) for field in ("headers", "instructions", "reply_schema", "fingerprint")}
        for name, profile in profiles.items()
    }
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


FILES: dict[Path, Callable[[], str]] = {
    ROOT / "docs/cli.md": commands_page,
    ROOT / "docs/settings.md": settings_page,
    ROOT / "docs/tables.md": tables_page,
    PREPARED: prepared_profiles,
}


def subcommands(group: click.Group) -> list[click.Command]:
    """The commands of a group, by name."""
    context = click.Context(group)
    found = (group.get_command(context, name) for name in group.list_commands(context))
    return [command for command in found if command]


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for inner in subcommands(command):
            yield from _commands(inner, (*path, inner.name or ""))


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    for file, text in FILES.items():
        file.write_text(text(), "utf-8")
