"""`RowEnrichment`: a Dagster component that enriches the rows of any table in DuckDB or PostgreSQL, in any project.

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

For a PostgreSQL database, `database_env: KITCHEN_URL` in the place of `database` names the environment variable that
has its URL; table and target may be in a schema (`kitchen.dishes`), and the target is a table of the same database.

Batches, cache, quota and recovery are those of `roadmap_assets.enrich`, which does the work; the answers' cache and the
quota are where the settings say (`ROADMAP_DB`).
"""

# Without `from __future__ import annotations`: Dagster wants to see the type of `context`, not its name.

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import dagster as dg

from roadmap_assets.defs.steps import failing
from roadmap_assets.enrichment.engine.events import Event, describe
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.warehouse.user_tables import ANSWERED, Source, UserTables

KEYS_UNIQUE: Final = "keys_unique"
ROWS_ANSWERED: Final = "rows_answered"


def _meaning(text: str) -> dg.Resolver:
    """What an attribute means, for the schema of `defs.yaml` that `dg` and editors show."""
    resolver: dg.Resolver = dg.Resolver.default(description=text)
    return resolver


class PartitionsBy(dg.Model, dg.Resolvable):
    """One partition for each of these values of a column; each is a run of its own, with results of its checks."""

    column: str
    keys: Sequence[str]


class RowEnrichment(dg.Component, dg.Model, dg.Resolvable):
    """An asset with the columns of a profile for each row of a table or query, written to a table of its own.

    A row that gets no answer keeps the one that it had before.
    """

    key: Annotated[str, _meaning("Column that identifies a row.")]
    topic: Annotated[str, _meaning("Column that says what a row is about.")]
    target: Annotated[str, _meaning("Table that the answers go to, in the same database; created where it is missing.")]
    database: Annotated[str | None, _meaning("A DuckDB file, relative to the project.")] = None
    database_env: Annotated[
        str | None, _meaning("Environment variable with the URL of a PostgreSQL database, in the place of `database`.")
    ] = None
    table: Annotated[str | None, _meaning("Table to enrich, in a schema where it has one.")] = None
    query: Annotated[str | None, _meaning("SQL whose rows are enriched, in the place of `table`.")] = None
    description: Annotated[str | None, _meaning("Column with a text about the topic.")] = None
    context: Annotated[
        Sequence[str], _meaning("Columns that say where it belongs, the general before the special.")
    ] = ()
    profile: Annotated[str, _meaning("What is asked: summary, study, or module:Class.")] = "summary"
    offline: Annotated[bool, _meaning("Let a simulator answer in the place of Gemini.")] = False
    partitions_by: PartitionsBy | None = None
    asset: Annotated[str | None, _meaning("Key of the asset; the target's name unless it is given.")] = None
    group: Annotated[str | None, _meaning("Group of the asset.")] = None
    deps: Annotated[Sequence[str], _meaning("Keys of the assets that it depends on.")] = ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset and its checks."""
        self._check()
        key = dg.AssetKey.from_user_string(self.asset or self.target)
        tables = self._tables(context.project_root)
        split = self.partitions_by
        partitions = dg.StaticPartitionsDefinition(list(split.keys)) if split else None

        @dg.asset(
            key=key,
            deps=[dg.AssetKey.from_user_string(dep) for dep in self.deps],
            kinds={"gemini", tables.kind},
            group_name=self.group,
            description=f"One row per row of {self.table or 'the query'}, with what Gemini wrote about it.",
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.multi_run() if split else None,  # each check belongs to its partition
            check_specs=_checks(key, partitions),
            metadata={"dagster/table_name": self.target},
        )
        def enriched_rows(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
            with failing(context):
                result = self._enrich(context, tables)
            yield result

        return dg.Definitions(assets=[enriched_rows])

    def _enrich(self, context: dg.AssetExecutionContext, tables: UserTables) -> dg.MaterializeResult[None]:
        """Read, enrich and write; the database is not held while Gemini is asked."""
        from roadmap_assets.dataframe import enrich
        from roadmap_assets.settings import load_settings

        def follow(event: Event) -> None:
            if line := describe(event):
                context.log.info(line)

        split = self.partitions_by
        source = Source(self.table, self.query, split.column if split else None)
        frame = tables.read(source, partitions=context.partition_keys if split else [])
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
        tables.write(new, source=source, target=self.target, key=self.key)
        missing = int((~enriched["status"].isin(ANSWERED)).sum())
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

    def _tables(self, folder: Path) -> UserTables:
        if self.database_env:
            from roadmap_assets.warehouse.user_tables_postgres import PostgresUserTables

            return PostgresUserTables(self.database_env)
        from roadmap_assets.warehouse.user_tables_duckdb import DuckDBUserTables

        return DuckDBUserTables(folder / (self.database or ""))

    def _check(self) -> None:
        if (self.table is None) == (self.query is None):
            raise InvalidSetting("a RowEnrichment reads either a table or a query; give one of the two")
        if (self.database is None) == (self.database_env is None):
            raise InvalidSetting(
                "a RowEnrichment reads either a DuckDB file, its database, or the PostgreSQL database whose URL is in "
                "an environment variable, its database_env; give one of the two"
            )
        if self.database and "://" in self.database:
            raise InvalidSetting(
                "database is a DuckDB file; the URL of a PostgreSQL database may have a password, so set it in an "
                "environment variable, and name that in database_env"
            )


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
