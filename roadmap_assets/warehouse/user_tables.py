"""Tables of a user's own, in a database of their own: what the component `RowEnrichment` needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from roadmap_assets.warehouse.dialect import quoted

if TYPE_CHECKING:
    import pandas as pd


class Source(Struct, frozen=True):
    """The rows to enrich: a table, or else a query; `partition_column` decides which partition a row is in."""

    table: str | None
    query: str | None
    partition_column: str | None = None

    @property
    def sql(self) -> str:
        """What stands behind FROM. Names are quoted; the query is the user's own SQL."""
        return f"({self.query}\n)" if self.query else quoted_table(self.table or "")


class UserTables(Protocol):
    """A database with the source and the target, both in any schema. Nothing is kept open between two calls."""

    kind: str
    """As Dagster's UI shows it."""

    def read(self, source: Source, *, partitions: Sequence[str]) -> pd.DataFrame:
        """The rows of these partitions; all rows if the source has no partitions."""
        ...

    def write(self, new: pd.DataFrame, *, source: Source, target: str, key: str) -> None:
        """Replace the target's rows that were answered, and add those that are new, all or none.

        Creates the target where it is missing, with the type that `key` has in the source. Rows that the source has
        lost are dropped, unless only some partitions were read.
        """
        ...


ANSWERED = ("hit", "enriched")
"""The values of the column `status` of a row that has an answer."""


def quoted_table(name: str) -> str:
    """The name of a table, or `schema.table`, as SQL takes it."""
    return ".".join(map(quoted, name.split(".")))
