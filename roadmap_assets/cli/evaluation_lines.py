"""The report of an evaluation as lines for the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roadmap_assets.cli import console

DIFFERENCES_SHOWN = 10


def _arm_lines(report: Mapping[str, Any]) -> list[str]:
    head = f"{'arm':<13} {'rows':>5} {'answered':>9} {'rules broken':>13} {'calls':>6}  cost"
    return [
        console.RULE,
        head,
        *(
            f"{arm:<13} {figures['rows']:>5} {figures['answered']:>9} {figures['breach_share']:>13.1%} "
            f"{figures['calls']:>6}  {console.money(figures['cost_usd'])}"
            for arm, figures in report["arms"].items()
        ),
    ]


def _end_lines(report: Mapping[str, Any]) -> list[str]:
    calls = f"API calls: {report['calls']}; cost: {console.money(report['cost_usd'])}"
    return [console.RULE, calls, report["verdict"]]


def compare_lines(report: Mapping[str, Any]) -> list[str]:
    """A comparison, with the first differences."""
    lines = [f"a: {report['compared']['a']}", f"b: {report['compared']['b']}", *_arm_lines(report), ""]
    for column, found in report["agreement"].items():
        kappa = _kappa(report["kappa"].get(column))
        lines.append(f"{column:<20} {_interval(found)}  ({report['measures'][column]}){kappa}")
    for one in report["differences"][:DIFFERENCES_SHOWN]:
        lines += ["", f"{one['topic']}: {one['column']}", f"  a: {one['a']}", f"  b: {one['b']}"]
    if (hidden := len(report["differences"]) - DIFFERENCES_SHOWN) > 0:
        lines += ["", f"… and {hidden} more, with --json"]
    return [*lines, *_end_lines(report)]


def gold_lines(report: Mapping[str, Any]) -> list[str]:
    """Known answers: accuracy, confusion, misses."""
    lines = [*_arm_lines(report), ""]
    for column, found in report["accuracy"].items():
        kappa = _kappa(report["kappa"].get(column))
        lines.append(f"{column:<20} {_interval(found)}  ({report['measures'][column]}){kappa}")
    for column, rows in report["confusion"].items():
        lines += ["", f"{column}: known (rows) and answered (columns)"]
        lines.append(" " * 16 + "".join(f"{value[:15]:>16}" for value in rows))
        lines += [
            f"{known[:15]:<16}" + "".join(f"{count:>16}" for count in row.values()) for known, row in rows.items()
        ]
    if report["misses"]:
        lines += ["", "Misses:"]
    lines += [f"  {one['topic']}: {one['column']} is {one['known']}, not {one['answered']}" for one in report["misses"]]
    return [*lines, *_end_lines(report)]


def batch_lines(report: Mapping[str, Any]) -> list[str]:
    """An evaluation of batches."""
    lines = _arm_lines(report)
    for column, pairs in report["agreement"].items():
        lines += ["", f"{column} (agreement: {report['measures'][column]}; 95% interval)"]
        for pair, found in pairs.items():
            kappa = report["kappa"].get(column, {}).get(pair)
            lines.append(f"  {pair.replace('_', ' '):<24} {_interval(found)}{_kappa(kappa)}")
        if floor := report["noise_floor"].get(column):
            lines.append(f"  {'noise floor (repeat)':<24} {_interval(floor)}")
        if drift := report["drift"].get(column):
            thirds = "  ".join(f"{third} {drift[third]['value']:.1%}" for third in ("first", "middle", "last"))
            lines.append(f"  {'by third of the batch':<24} {thirds}")
            lines.append(f"  {'drift (first - last)':<24} {_interval(drift['difference'])}")
    return [
        *lines,
        console.RULE,
        f"API calls: {report['calls']}; cost: {console.money(report['cost_usd'])}",
        f"{report['rows']} rows: a drop of less than about {100 * report['resolution']:.0f} points would not be found.",
        report["verdict"],
    ]


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:>6.1%}  [{found['low']:.1%}, {found['high']:.1%}]"


def _kappa(found: Mapping[str, float] | None) -> str:
    return f"  kappa {found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]" if found else ""
