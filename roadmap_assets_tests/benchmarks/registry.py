"""Every benchmark there is, in the order in which they run."""

from __future__ import annotations

from roadmap_assets_tests.benchmarks.cache import cache
from roadmap_assets_tests.benchmarks.cold import cold, naive
from roadmap_assets_tests.benchmarks.crash import crash
from roadmap_assets_tests.benchmarks.edit import edit
from roadmap_assets_tests.benchmarks.figures import Benchmark
from roadmap_assets_tests.benchmarks.hostile import hostile
from roadmap_assets_tests.benchmarks.large import large
from roadmap_assets_tests.benchmarks.orchestration import dagster
from roadmap_assets_tests.benchmarks.page import page
from roadmap_assets_tests.benchmarks.parse import parse
from roadmap_assets_tests.benchmarks.postgres import postgres
from roadmap_assets_tests.benchmarks.processes import processes
from roadmap_assets_tests.benchmarks.quality import quality
from roadmap_assets_tests.benchmarks.soak import soak
from roadmap_assets_tests.benchmarks.store import store
from roadmap_assets_tests.benchmarks.throughput import throughput
from roadmap_assets_tests.benchmarks.warm import warm

BENCHMARKS = (
    Benchmark(
        name="cold",
        measures="A first run of 134, 400 and 2000 topics, nothing cached, at 15 requests a minute and 2 s a call: "
        "calls, wall time, requests refused. Each once, since waiting is most of it; the time "
        "until the first request is the median of 9 runs.",
        against="A strict simulator on loopback, in a process of its own. Long runs are taken with minute and latency "
        "scaled down alike, and reported at full length.",
        limit="ceil(n / 20) calls and no 429; the least time that the quota allows ÷ the time, 0.95 or more; the first "
        "request 0.4 s after the start of the command.",
        run=cold,
    ),
    Benchmark(
        name="naive",
        measures="The same work in simpler ways: batches of 20 one after the other, and one row a call, each 4 s after "
        "the start of the one before. Each once.",
        against="The same simulator, scaled down; ours as in *cold*.",
        limit="None: they are there for comparison.",
        run=naive,
    ),
    Benchmark(
        name="warm",
        measures="A second run of 134 topics through the command line, everything cached; the median of 15.",
        against='`python -c "import duckdb"`, in turns.',
        limit="At most 3 times that; no call.",
        run=warm,
    ),
    Benchmark(
        name="edit",
        measures="Calls after some of 2000 answered rows were changed in random places.",
        against="A simulator that counts them.",
        limit="ceil(changed / 20).",
        run=edit,
    ),
    Benchmark(
        name="throughput",
        measures="Rows a second over 20 000 topics (1000 calls) with no quota and no latency, every answer checked and "
        "stored, and peak memory; the median of 5, each in a fresh process.",
        against="A bare loop of the same calls of the SDK with the same concurrency, replies thrown away, in turns. "
        "The simulator has a process of its own.",
        limit="At least 0.8 of the bare loop at 16 and 64 calls at a time; at most 400 MB.",
        run=throughput,
    ),
    Benchmark(
        name="large",
        measures="20 000 topics of one roadmap through the command line; `enrich` on frames of 20 000 and 200 000 "
        "rows; two engines on one database. No quota, no latency. Each once, in a fresh process.",
        against="Ten times the rows against one; two engines with half of the topics each against one with all.",
        limit="300 MB; less than 1 KB for one more row, and rows a second within a tenth; two engines no slower than "
        "one, nothing lost.",
        run=large,
    ),
    Benchmark(
        name="cache",
        measures="The look-up that a run begins with, every topic being cached, and reading the answers, in caches of "
        "different sizes; the median of 5 in a fresh process, and that process's peak memory.",
        against="The size of the cache and the number of topics.",
        limit="100 000 topics in 1 000 000 rows: 2 s and 1 GB; a million in ten million: 5 s and 1.5 GB; grows no "
        "faster than linearly.",
        run=cache,
    ),
    Benchmark(
        name="store",
        measures="Answers stored a second with their calls, by one process and by four on one database. Each once. The "
        "engine stores what came in 0.4 s together; one call alone is there for comparison.",
        against="What was handed over.",
        limit="No row lost; 1000 a second.",
        run=store,
    ),
    Benchmark(
        name="parse",
        measures="Documents turned into placed topics: all real ones, and generated ones of 1000 to 20 000 topics; the "
        "median of 5.",
        against="The number of topics.",
        limit="All real ones under 2 s, 20 000 topics under 10 s, near-linear.",
        run=parse,
    ),
    Benchmark(
        name="page",
        measures="Pages of all real roadmaps and the index over them, written one after the other; their sizes; and "
        "from opening the page of 134 topics to the end of its script, in headless Chromium. Medians of 5.",
        against="Nothing: the limits are what a reader puts up with.",
        limit="All pages under 10 s; the page at most 500 KB and interactive in 1 s; the index at most 300 KB.",
        run=page,
    ),
    Benchmark(
        name="hostile",
        measures="Drawings made to take long: 5000 and 20 000 frames, paragraphs, labels, topics or lines, in nine "
        "layouts each (spread out, at one spot, in one another, crossing, …). Processor time, least of three runs.",
        against="The number of boxes.",
        limit="20 000 of any kind in any layout under 10 s; growth below the power 1.2.",
        run=hostile,
    ),
    Benchmark(
        name="quality",
        measures="How much of the hierarchy that the site's maintainers wrote down is recovered from the drawing, from "
        "the drawing without each of its stages, and with the site's tree.",
        against="Their mapping of 21 roadmaps, by the scorer beside it; the tree is made from that mapping.",
        limit="parent 96, strict 87, siblings 86, category 98, placed 98, and 90 or more in four roadmaps of five; "
        "parent and category 99 with the tree.",
        run=quality,
    ),
    Benchmark(
        name="processes",
        measures="Permits that 1, 2, 4 and 8 processes get from the shared limiter, all of them asking all the time. "
        "Each over several windows of 6 s, once. Then how fast 4 processes get 20 000 permits each while there is "
        "room in the window.",
        against="15 in any window, which is what the provider allows; the 2 000 permits a second of a large paid tier.",
        limit="At least 0.97 of it; never a sixteenth in a window. 2 000 permits a second, all of them counted; no "
        "process takes more than twice as long as the median one.",
        run=processes,
    ),
    Benchmark(
        name="postgres",
        measures="The same on PostgreSQL: transactions that store and read, 2000 keys looked up in 1 000 000 answers, "
        "permits, the benchmark *soak*, a holder of leases that is killed, and a run whose server is restarted.",
        against="The DuckDB file, in turns. The server is on this machine and syncs to disk.",
        limit="10 times the transactions of the file; 50 ms; 1 000 permits a second, all counted, no process taking "
        "more than twice as long as the median one; nothing lost, asked again or beyond the quota.",
        run=postgres,
    ),
    Benchmark(
        name="crash",
        measures="50 runs of 100 topics killed (`kill -9`) at random moments, and the runs that complete them.",
        against="What was stored at the kill, and the requests that the simulator saw.",
        limit="No stored answer lost or paid for again; no call beyond the least, those in flight, and one a run.",
        run=crash,
    ),
    Benchmark(
        name="soak",
        measures="2400 topics, all asked for by each of four processes on one database and one quota; faults of "
        "sixteen kinds in nearly half of the replies; 60 processes killed (`kill -9`) at random moments and replaced. "
        "Once.",
        against="The requests that the simulator saw, and its own quota.",
        limit="Every topic answered once; ledger and answers agree; nothing asked that is stored; no request beyond "
        "the quota.",
        run=soak,
    ),
    Benchmark(
        name="dagster",
        measures="Loading `defs`; the job over 134 topics, cold and all cached, in process on a SQLite instance; the "
        "same as a process of its own; one run over the 21 mapped roadmaps. Medians of 5, cold and backfill once.",
        against="`import dagster`, and four empty assets in the same process and instance, in turns.",
        limit="`defs` 1.5 times the import; all cached 1.5 times the empty assets; as a process of its own 3 times the "
        "import; the backfill ceil(different topics / 20) calls.",
        run=dagster,
    ),
)
