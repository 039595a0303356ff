"""The generated files are up to date, and every command and option has a help text."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from roadmap_assets.cli.main import main
from roadmap_assets_tests.reference import FILES, REGENERATE, subcommands


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_file_is_up_to_date(file: Path) -> None:
    assert file.read_text("utf-8") == FILES[file](), f"{file} is out of date; write it with: {REGENERATE}"


def everything(command: click.Command, name: str) -> list[tuple[str, str | None]]:
    """Every command and option below `command`, with its help."""
    found = [(name, command.help)]
    found += [(f"{name} {p.opts[0]}", p.help) for p in command.params if isinstance(p, click.Option)]
    if isinstance(command, click.Group):
        for inner in subcommands(command):
            found += everything(inner, f"{name} {inner.name}")
    return found


def test_every_command_and_option_has_a_help_text() -> None:
    assert [name for name, text in everything(main, "roadmap-assets") if not text] == []
