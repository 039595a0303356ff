"""The figures as a table in the terminal, and as a document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from roadmap_assets_tests.benchmarks.figures import Benchmark, Figure, Remark

SHORT = "**falls short**"


@dataclass(slots=True)
class Section:
    """The result of one benchmark; `error` says why it did not finish."""

    benchmark: Benchmark
    entries: list[Figure | Remark] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""

    @property
    def figures(self) -> list[Figure]:
        """The figures without the remarks."""
        return [entry for entry in self.entries if isinstance(entry, Figure)]

    @property
    def remarks(self) -> list[str]:
        """The sentences among the figures."""
        return [entry.text for entry in self.entries if isinstance(entry, Remark)]


def line(figure: Figure) -> str:
    """A figure as a line of the terminal's table."""
    mark = {True: "ok   ", False: "SHORT", None: "     "}[figure.met]
    note = f"  ({figure.note})" if figure.note else ""
    return f"  {mark}  {figure.name:<58} {value(figure):>16}   {wanted(figure):<10}{note}".rstrip()


def document(sections: Sequence[Section], *, machine: str, versions: str, day: date, quick: bool) -> str:
    """All figures as Markdown."""
    missed = [f"{s.benchmark.name}: {f.name}" for s in sections for f in s.figures if f.met is False]
    held = sum(f.met is not None for s in sections for f in s.figures)
    parts = [
        "# Benchmarks",
        "",
        "Written by `python -m roadmap_assets_tests.benchmarks`; run it to get the figures of your own machine.",
        *(["", "This was a run with `--quick`, which asks for less of everything."] if quick else []),
        "",
        f"- Date: {day.isoformat()}",
        f"- Machine: {machine}",
        f"- Versions: {versions}",
        f"- Taken in: {sum(section.seconds for section in sections) / 60:.1f} minutes",
        f"- {held - len(missed)} of {held} limits are kept" + (f"; not kept: {'; '.join(missed)}" if missed else ""),
        "",
    ]
    for section in sections:
        parts += _section(section)
    return "\n".join(parts)


def _section(section: Section) -> list[str]:
    benchmark = section.benchmark
    parts = [
        f"## {benchmark.name}",
        "",
        benchmark.measures,
        "",
        f"- Against: {benchmark.against}",
        f"- Limit: {benchmark.limit}",
        "",
    ]
    if section.figures:
        parts += ["| | | wanted | |", "|---|--:|--:|---|"]
        parts += [
            f"| {figure.name} | {value(figure)} | {wanted(figure)} | {_remark(figure)} |" for figure in section.figures
        ]
        parts.append("")
    for remark in section.remarks:
        parts += [remark, ""]
    if section.error:
        parts += [f"**It did not finish:** {section.error}", ""]
    return parts


def _remark(figure: Figure) -> str:
    return "; ".join(part for part in (SHORT if figure.met is False else "", figure.note) if part)


def value(figure: Figure) -> str:
    """The value with its unit."""
    return f"{number(figure.value)} {figure.unit}".rstrip()


def wanted(figure: Figure) -> str:
    """The target, as a sign and a number."""
    return f"{figure.wanted.relation} {number(figure.wanted.limit)}" if figure.wanted else ""


def number(amount: float) -> str:
    """Integers as they are, large numbers without a fraction, others with three digits."""
    if amount == int(amount):
        return f"{int(amount):,}"
    digits = max(0, 2 - math.floor(math.log10(abs(amount))))
    return f"{amount:,.{digits}f}"
