"""The pages of docs/ that say what the program says itself; `python -m roadmap_assets_tests.reference` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from roadmap_assets.cli.exit_status import ExitStatus
from roadmap_assets.cli.main import main
from roadmap_assets.settings import Settings, allowed, variable_of

DOCS = Path(__file__).resolve().parent.parent / "docs"
REGENERATE = "python -m roadmap_assets_tests.reference"
WIDTH = 100


def commands_page() -> str:
    """The help text of every command."""
    parts = [
        "# Commands\n\n"
        "What `--help` says, of every command. `roadmap-assets …` is the same as `python -m roadmap_assets.cli …`.\n\n"
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
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "not set" if default is None else "empty" if default == "" else f"`{_plain(default)}`"
        rows.append(f"| `{variable_of(name)}` | {shown} | {allowed(name)} | {field.description} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "Environment variables, or lines of a file `.env` in the current directory; the environment wins over the",
            "file, and an option of a command over both. A variable that is set to nothing counts as not set.",
            "`GOOGLE_API_KEY` will do instead of `GEMINI_API_KEY`.",
            "",
            "| variable | default | what it may be | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


PAGES: dict[str, Callable[[], str]] = {"cli.md": commands_page, "settings.md": settings_page}


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
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), "utf-8")
