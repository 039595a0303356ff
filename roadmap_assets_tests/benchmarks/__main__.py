"""`python -m roadmap_assets_tests.benchmarks [--quick] [NAME …] [--output FILE]`."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from roadmap_assets_tests.benchmarks import machine, report
from roadmap_assets_tests.benchmarks.figures import Benchmark, Conditions, Figure
from roadmap_assets_tests.benchmarks.registry import BENCHMARKS
from roadmap_assets_tests.benchmarks.roadmap import find_real_roadmaps

DOCUMENT = Path("docs/benchmarks.md")
IMAGES = Path("docs/images")


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, type=click.Choice([b.name for b in BENCHMARKS]))
@click.option("--quick", is_flag=True, help="Smaller workloads, in under two minutes.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The document to write.  [default: {DOCUMENT} for a full run of all, else none]",
)
def main(names: tuple[str, ...], quick: bool, output: Path | None) -> None:
    """Run all benchmarks, or those named; print the figures and write the document."""
    whole = not names and not quick
    sections = []
    for benchmark in BENCHMARKS:
        if not names or benchmark.name in names:
            sections.append(run(benchmark, quick=quick, images=None if quick else IMAGES))
    raise SystemExit(conclude(sections, output=output or (DOCUMENT if whole else None), quick=quick))


def conclude(sections: Sequence[report.Section], *, output: Path | None, quick: bool) -> int:
    """Report how many figures miss their target, and write the document; 1 if a benchmark failed, else 0."""
    missed = sum(figure.met is False for section in sections for figure in section.figures)
    print(f"\n{missed} figures fall short." if missed else "\nEvery limit is kept.")
    if output:
        text = report.document(
            sections,
            machine=machine.machine(),
            versions=machine.versions(),
            day=datetime.now().astimezone().date(),
            quick=quick,
        )
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        print(f"Written: {output}")
    return int(any(section.error for section in sections))


def run(benchmark: Benchmark, *, quick: bool, images: Path | None) -> report.Section:
    """Run one benchmark, printing its figures as they arrive. A failure does not stop the other benchmarks."""
    section = report.Section(benchmark)
    print(f"\n{benchmark.name}: {benchmark.measures}", flush=True)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"benchmark-{benchmark.name}-") as folder:
        conditions = Conditions(quick, Path(folder), find_real_roadmaps(), images)
        try:
            for entry in benchmark.run(conditions):
                section.entries.append(entry)
                print(report.line(entry) if isinstance(entry, Figure) else f"  {entry.text}", flush=True)
        except Exception as error:  # noqa: BLE001 - any error is the benchmark's result
            section.error = f"{type(error).__name__}: {error}"
            traceback.print_exc()
    section.seconds = time.perf_counter() - began
    print(f"  took {section.seconds:.1f} s", flush=True)
    return section


if __name__ == "__main__":
    main()
