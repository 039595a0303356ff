"""`RowEnrichment`: a Dagster component that enriches the rows of any DuckDB table, in anybody's project.

`dg scaffold defs roadmap_assets.defs.component.RowEnrichment dishes` makes a folder with a `defs.yaml`::

    type: roadmap_assets.defs.component.RowEnrichment
    attributes:
      database: kitchen.duckdb
      table: dishes
      key: id
      topic: name
      description: text
      context: [cuisine]
      profile: my_profiles:Dish
      target: dishes_enriched

Batches, cache, quota and recovery are those of `roadmap_assets.enrich`, which does the work; the answers' cache and the
quota are where the settings say (`ROADMAP_DB`).
"""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dagster as dg

from roadmap_assets.defs.steps import failing
from roadmap_assets.enrichment.engine.events import Event, describe
from roadmap_assets.errors import InvalidSetting

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

KEYS_UNIQUE: Final = "keys_unique"
ROWS_ANSWERED: Final = "rows_answered"
_SOURCE, _NEW = "roadmap_assets_source", "roadmap_assets_new"


class PartitionsBy(dg.Model, dg.Resolvable):
    """One partition for each of these values of a column; each is a run of its own, with results of its checks."""

    column: str
    keys: Sequence[str]


class RowEnrichment(dg.Component, dg.Model, dg.Resolvable):
    """An asset with the columns of a profile for each row of a DuckDB table or query, written to a table of its own.

    `key` identifies a row, `topic` says what it is about; `description` and `context` (from the general to the
    particular) are columns that help to answer. `offline` has a simulator answer. A row that gets no answer keeps the
    one that it had before.
    """

    database: str
    key: str
    topic: str
    target: str
    table: str | None = None
    query: str | None = None
    description: str | None = None
    context: Sequence[str] = ()
    profile: str = "summary"
    offline: bool = False
    partitions_by: PartitionsBy | None = None
    asset: str | None = None
    group: str | None = None
    deps: Sequence[str] = ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset and its checks."""
        if (self.table is None) == (self.query is None):
            raise InvalidSetting("a RowEnrichment reads either a table or a query; give one of the two")
        key = dg.AssetKey.from_user_string(self.asset or self.target)
        folder = context.project_root
        split = self.partitions_by
        partitions = dg.StaticPartitionsDefinition(list(split.keys)) if split else None

        @dg.asset(
            key=key,
            deps=[dg.AssetKey.from_user_string(dep) for dep in self.deps],
            kinds={"gemini", "duckdb"},
            group_name=self.group,
            description=f"One row per row of {self.table or 'the query'}, with what Gemini wrote about it.",
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.multi_run() if split else None,  # each check belongs to its partition
            check_specs=_checks(key, partitions),
            metadata={"dagster/table_name": self.target},
        )
        def enriched_rows(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
            with failing(context):
                result = self._enrich(context, folder)
            yield result

        return dg.Definitions(assets=[enriched_rows])

    def _enrich(self, context: dg.AssetExecutionContext, folder: Path) -> dg.MaterializeResult[None]:
        """Read, enrich and write; the database is not held while Gemini is asked."""
        import duckdb

        from roadmap_assets.dataframe import enrich
        from roadmap_assets.settings import load_settings

        def follow(event: Event) -> None:
            if line := describe(event):
                context.log.info(line)

        database = folder / self.database
        with closing(duckdb.connect(str(database), read_only=True)) as connection:
            frame = self._rows(connection, context)
        repeated = int(frame[self.key].duplicated().sum() + frame[self.key].isna().sum())
        unique = dg.AssetCheckResult(
            check_name=KEYS_UNIQUE, passed=not repeated, description=f"{len(frame)} rows, {repeated} offenders"
        )
        if repeated:
            unanswered = dg.AssetCheckResult(check_name=ROWS_ANSWERED, passed=False, description="nothing was asked")
            return dg.MaterializeResult(check_results=[unique, unanswered])
        settings = load_settings(profile=self.profile)
        enriched = enrich(
            frame,
            topic=self.topic,
            description=self.description,
            context=list(self.context),
            offline=self.offline,
            details=True,
            progress=False,
            settings=settings,
            on_event=follow,
        )
        report = enriched.attrs["report"]
        new = enriched[[self.key, *(column for column in enriched.columns if column not in frame.columns)]]
        with closing(duckdb.connect(str(database))) as connection:
            self._write(connection, new)
        missing = int((~enriched["status"].isin(["hit", "enriched"])).sum())
        answered = dg.AssetCheckResult(
            check_name=ROWS_ANSWERED,
            passed=not missing,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(frame)} rows, {missing} offenders",
        )
        found = {
            "dagster/row_count": len(frame),
            **{
                status: int((enriched["status"] == status).sum())
                for status in ("hit", "enriched", "failed", "deferred")
            },
            "profile": self.profile,
            "gemini.calls": report["calls"],
            "gemini.prompt_token_count": report["input_tokens"],
            "gemini.candidates_token_count": report["output_tokens"],
            "gemini.total_token_count": report["input_tokens"] + report["output_tokens"],
        }
        if report["cost_usd"] is not None:
            found["cost_usd"] = report["cost_usd"]
        return dg.MaterializeResult(metadata=found, check_results=[unique, answered])

    def _rows(self, connection: "DuckDBPyConnection", context: dg.AssetExecutionContext) -> "pd.DataFrame":
        """The rows of the run's partitions, or all of them."""
        source = f"({self.query})" if self.query else _quoted(self.table or "")
        split = self.partitions_by
        where = f"WHERE CAST({_quoted(split.column)} AS VARCHAR) IN (SELECT unnest(?))" if split else ""
        statement = f"SELECT * FROM {source} AS {_SOURCE} {where}"  # noqa: S608 - names are quoted; the query is the user's
        return connection.execute(statement, [list(context.partition_keys)] if split else []).df()

    def _write(self, connection: "DuckDBPyConnection", new: "pd.DataFrame") -> None:
        """Replace the rows that were answered, add those that are new, and drop those that the source lost."""
        target, key = _quoted(self.target), _quoted(self.key)
        connection.register(_NEW, new)
        answered = f"SELECT {key} FROM {_NEW} WHERE status IN ('hit', 'enriched')"  # noqa: S608
        connection.execute("BEGIN")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {target} AS SELECT * FROM {_NEW} LIMIT 0")  # noqa: S608
        connection.execute(f"DELETE FROM {target} WHERE {key} IN ({answered})")  # noqa: S608
        if not self.partitions_by:
            connection.execute(f"DELETE FROM {target} WHERE {key} NOT IN (SELECT {key} FROM {_NEW})")  # noqa: S608
        connection.execute(
            f"INSERT INTO {target} BY NAME SELECT * FROM {_NEW} WHERE {key} NOT IN (SELECT {key} FROM {target})"  # noqa: S608
        )
        connection.execute("COMMIT")


def _checks(asset: dg.AssetKey, partitions: dg.PartitionsDefinition | None) -> list[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitions of checks, in four lines a check
        return [
            dg.AssetCheckSpec(
                KEYS_UNIQUE,
                asset=asset,
                description="No two rows share a key.",
                blocking=True,
                partitions_def=partitions,
            ),
            dg.AssetCheckSpec(
                ROWS_ANSWERED, asset=asset, description="Every row has an answer.", partitions_def=partitions
            ),
        ]


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
