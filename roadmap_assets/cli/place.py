"""The type of options that say where to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadmap_assets.places import place_of


class PlaceOption(click.Path):
    """A path, or an address in an object store, such as `s3://bucket/file.csv`."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(path_type=Path, file_okay=file_okay)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" not in str(value):
            return super().convert(value, param, ctx)
        try:
            return place_of(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
