"""The warehouse for the command line: DuckDB without the quarter of a second that importing pandas takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from roadmap_assets.warehouse.connection import Warehouse

if TYPE_CHECKING:
    from roadmap_assets.warehouse.base import Connection


class LeanWarehouse(Warehouse):
    """A warehouse that keeps DuckDB from importing pandas.

    DuckDB compares every parameter to `pandas.NaT`, and imports pandas to do so unless it finds it missing. While a
    transaction lasts, pandas therefore looks missing, to everybody in the process: that is safe on the command line,
    where nothing else imports it meanwhile, and would not be in a server with threads of others.
    """

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """As `Warehouse.transaction`."""
        hidden = "pandas" not in sys.modules
        if hidden:
            sys.modules["pandas"] = None  # type: ignore[assignment] # makes "import pandas" raise ImportError
        try:
            with super().transaction() as connection:
                yield connection
        finally:
            if hidden:
                sys.modules.pop("pandas", None)
