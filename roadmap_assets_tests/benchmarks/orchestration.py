"""Dagster's share: loading the definitions, the job with everything cached and with nothing cached, and a backfill."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadmap_assets.settings import load_settings
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.benchmarks import asking, generated, measuring
from roadmap_assets_tests.benchmarks.figures import Conditions, Figure, Remark, at_most, exactly
from roadmap_assets_tests.benchmarks.roadmap import any_roadmap

BACKFILLED = 21
_EXECUTE = ".execute_in_process(instance=__import__('dagster').DagsterInstance.get(), partition_key=sys.argv[1])"
_RUN = "import sys; from roadmap_assets.definitions import defs; defs.resolve_job_def('refresh_roadmaps')" + _EXECUTE
_EMPTY = "import json, sys; from roadmap_assets_tests.benchmarks.orchestration import empty_job; empty_job"
_RUN_EMPTY = f"{_EMPTY}(json.loads(sys.argv[2])){_EXECUTE}"


def dagster(conditions: Conditions) -> Iterator[Figure | Remark]:
    """Benchmark `dagster`."""
    repeats = 1 if conditions.quick else measuring.REPEATS
    with asking.server() as server:
        source, slug = any_roadmap(conditions)
        env = environment(conditions.folder / "job", source, server.url)
        loaded = measuring.side_by_side(
            {
                "defs": lambda: measuring.command("-c", "import roadmap_assets.definitions", env=env),
                "dagster": lambda: measuring.command("-c", "import dagster", env=env),
            },
            repeats=repeats,
        )
        yield Figure("import dagster: time", loaded["dagster"], "s")
        yield Figure("loading `defs`: time", loaded["defs"], "s")
        yield Figure("loading `defs` ÷ import dagster", loaded["defs"] / loaded["dagster"], "", at_most(1.5))

        job = measuring.apart(run_jobs, dict(env), slug, repeats).result
        yield Figure("job, 134 topics cold: time", job["cold"], "s", note="in process, the first of its process")
        yield Figure("four empty assets: time", job["empty"], "s", note="in process, in turns with the next two")
        yield Figure("four empty assets with as many checks as ours: time", job["checked"], "s")
        yield Figure("the job, all cached: time", job["job"], "s", note="the four assets and all their checks")
        yield Figure("the job ÷ four empty assets with as many checks", job["job"] / job["checked"], "", at_most(1.5))
        yield Figure("the job with its checks ÷ four empty assets", job["job"] / job["empty"])

        server.reset()
        whole = measuring.side_by_side(
            {
                "ours": lambda: measuring.command("-c", _RUN, slug, env=env),
                "checked": lambda: measuring.command("-c", _RUN_EMPTY, slug, json.dumps(job["checks"]), env=env),
                "empty": lambda: measuring.command("-c", _RUN_EMPTY, slug, "[0, 0, 0, 0]", env=env),
                "dagster": lambda: measuring.command("-c", "import dagster", env=env),
            },
            repeats=repeats,
        )
        yield Figure("second run, 134 topics, as a process of its own: time", whole["ours"], "s")
        yield Figure("four empty assets, as a process of their own ÷ import dagster", whole["empty"] / whole["dagster"])
        yield Figure(
            "four empty assets with as many checks as ours, as a process of their own ÷ import dagster",
            whole["checked"] / whole["dagster"],
        )
        yield Figure("second run ÷ import dagster", whole["ours"] / whole["dagster"], "", at_most(3))
        yield Figure("second run: calls", len(server.requests()), "", exactly(0))
        yield Remark(
            "The floor of a process of its own is the four empty assets with as many checks as ours, in which "
            "nothing is ours. On an idle machine it alone takes more than 3 times the import: Dagster keeps three "
            "events for each of the 18 checks (planned, output, evaluation), and its SQLite storage opens a "
            "connection and commits for each of them, the first and the last three times. No setting changes that: "
            "SQLite stores a batch of events one by one. Nearly half of the time beyond the floor is pandas, which "
            "DuckDB imports at its first parameter. The command line prevents that, but a process of Dagster's may "
            "hold others' code that needs pandas. The rest is the fifth asset, which writes the page, our own "
            "modules, some short transactions, and reading and hashing the rows."
        )

        server.reset()
        source, slugs = many_roadmaps(conditions)
        slugs = slugs[:5] if conditions.quick else slugs
        env = environment(conditions.folder / "backfill", source, server.url)
        backfill = measuring.apart(run_backfill, dict(env), slugs).result
        name = f"backfill of {len(slugs)} roadmaps, {backfill['unique']:,} different topics"
        yield Figure(f"{name}: time", backfill["seconds"], "s", note="one run, no quota, no latency")
        yield Figure(f"{name}: calls", len(server.requests()), "", exactly(-(-backfill["unique"] // 20)))


def environment(folder: Path, source: Path, url: str) -> Mapping[str, str]:
    """The variables for processes that use a Dagster home and a database in `folder`."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "ROADMAP_DB": str(folder / "enrichment.duckdb"),
        "ROADMAP_OUTPUT": str(folder / "output"),
        "ROADMAP_SOURCE": str(source),
        **dict.fromkeys(("ROADMAP_RPM", "ROADMAP_TPM", "ROADMAP_RPD"), "0"),
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_API_KEY": "any",
    }


def many_roadmaps(conditions: Conditions) -> tuple[Path, list[str]]:
    """A source and the roadmaps to backfill: the real ones whose hierarchy is known, else generated ones."""
    if conditions.real_roadmaps:
        mapped = conditions.real_roadmaps.glob("*/migration-mapping.json")
        return conditions.real_roadmaps, sorted(mapping.parent.name for mapping in mapped)
    source = conditions.folder / "many"
    return source, sorted(generated.write_source(source, 100 + number) for number in range(BACKFILLED))


def run_jobs(env: dict[str, str], slug: str, repeats: int) -> dict[str, Any]:
    """Seconds of the job's first run; the medians of later ones, and of empty assets without and with checks.

    Also the number of checks of each asset (`checks`).
    """
    os.environ.update(env)
    import dagster as dg

    from roadmap_assets.definitions import defs
    from roadmap_assets.defs.checks import CHECKS
    from roadmap_assets.defs.partitions import ROADMAPS

    checks = [len(specs) for specs in CHECKS.values()]
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(ROADMAPS.name), [slug])
        jobs = {
            "job": defs.resolve_job_def("refresh_roadmaps"),
            "checked": empty_job(checks),
            "empty": empty_job(),
        }

        def run(name: str) -> None:
            result = jobs[name].execute_in_process(instance=instance, partition_key=slug)
            assert result.success

        cold = measuring.seconds(lambda: run("job"))
        works = {name: functools.partial(run, name) for name in jobs}
        return {"cold": cold, "checks": checks, **measuring.side_by_side(works, repeats=repeats)}


def run_backfill(env: dict[str, str], slugs: list[str]) -> dict[str, float]:
    """Seconds of one run over all these roadmaps, and how many different topics it published."""
    os.environ.update(env)
    import dagster as dg

    from roadmap_assets.definitions import defs
    from roadmap_assets.defs.partitions import ROADMAPS, range_tags

    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(ROADMAPS.name), slugs)
        job = defs.resolve_job_def("refresh_roadmaps")
        tags = range_tags(slugs)
        seconds = measuring.seconds(lambda: job.execute_in_process(instance=instance, tags=tags))
    with open_warehouse(load_settings().db).transaction() as connection:
        [(unique,)] = connection.execute("SELECT count(DISTINCT enrichment_key) FROM simulated_roadmaps").fetchall()
    return {"seconds": seconds, "unique": unique}


def empty_job(checks: Sequence[int] = (0, 0, 0, 0)) -> Any:
    """A job of four assets in a chain, partitioned like ours, that do nothing but pass this many checks each."""
    import dagster as dg

    from roadmap_assets.defs.partitions import ROADMAPS

    def empty(name: str, above: str | None, count: int) -> dg.AssetsDefinition:
        specs = [dg.AssetCheckSpec(f"check_{number}", asset=name) for number in range(count)]

        @dg.asset(name=name, deps=[above] if above else [], partitions_def=ROADMAPS, check_specs=specs)
        def nothing() -> Iterator[Any]:
            passed = [dg.AssetCheckResult(passed=True, check_name=spec.name) for spec in specs]
            yield dg.MaterializeResult(check_results=passed)

        return nothing

    names = ["first", "second", "third", "fourth"]
    assets = [empty(name, above, count) for name, above, count in zip(names, [None, *names], checks, strict=False)]
    defs = dg.Definitions(assets=assets, jobs=[dg.define_asset_job("nothing")], executor=dg.in_process_executor)
    return defs.resolve_job_def("nothing")
