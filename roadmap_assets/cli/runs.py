"""`roadmap-assets runs`: what each run asked and cost."""

from __future__ import annotations

import click

from roadmap_assets.cli import console
from roadmap_assets.cli.sources import open_warehouse
from roadmap_assets.settings import load_settings


@click.command()
@click.option("--limit", metavar="N", type=click.IntRange(1), default=20, show_default=True, help="The latest N runs.")
def runs(limit: int) -> None:
    """List the runs that asked Gemini: start, model, rows answered, calls and cost.

    `cache clear --run ID` forgets what one of them answered.
    """
    from roadmap_assets.warehouse.ledger import RunSum, latest_runs

    settings = load_settings()
    found: list[RunSum] = []
    warehouse = open_warehouse(settings)
    if warehouse.exists():  # looking must not create one
        with warehouse.transaction() as connection:
            found = latest_runs(connection, limit=limit)
    if not found:
        console.say(f"No run in {settings.db} has asked Gemini yet.")
        return
    console.say(f"{'RUN':32}  {'STARTED':19}  {'ROWS':>6}  {'CALLS':>5}  {'COST':>9}  MODEL")
    for run in found:
        cost = "unknown" if run.cost_usd is None else f"${run.cost_usd:.4f}"
        console.say(
            f"{run.run_id:32}  {console.local(run.started_at):%Y-%m-%d %H:%M:%S}  {run.answered:>6}  "
            f"{run.calls:>5}  {cost:>9}  {run.model}"
        )
