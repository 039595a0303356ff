"""The report of an evaluation as one HTML file: the verdict, charts with intervals, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from roadmap_assets.evaluation.run import Report
from roadmap_assets.exports.html.charts import Bar, Chart, Part, Series, stacked
from roadmap_assets.exports.html.template import render
from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place

ROWS_SHOWN: Final = 200
LOOKS: Final = 5
_INTERVAL: Final = (Series("up to the interval", "plain"), Series("95% interval", "level-0"))


def write_report(path: Place, report: Report) -> None:
    """Write the report.

    Raises:
        OutputNotWritable: a file that was there stays as it was.
    """
    page = render_report(report.as_json())
    with written_whole(path) as unfinished:
        unfinished.write_bytes(page.encode(errors="replace"))


def render_report(report: Mapping[str, Any]) -> str:
    """The report, as `Report.as_json` gives it, as one HTML text."""
    cost = "at an unknown price" if report["cost_usd"] is None else f"${report['cost_usd']:.4f}"
    findings = report.get("findings", ())
    return render(
        "evaluation.html",
        styles=("base.css", "evaluation.css"),
        scripts=(),
        data={},
        title=f"Evaluation: {report['kind']}",
        verdict=report["verdict"].removesuffix(f": {'; '.join(findings)}"),  # they are a list below it
        findings=findings,
        facts=[f"{report['rows']} rows", f"profile {report['profile']}", f"model {report['model']}", cost],
        simulated=report["simulated"],
        compared=report.get("compared", {}),
        arms=report["arms"],
        charts=list(_charts(report)),
        differences=report.get("differences", ())[:ROWS_SHOWN],
        misses=report.get("misses", ()),
        judge=report.get("judge"),
    )


def _charts(report: Mapping[str, Any]) -> Iterator[Chart]:
    match report["kind"]:
        case "batch":
            for column, pairs in report["agreement"].items():
                bars = {pair.replace("_", " "): found for pair, found in pairs.items()}
                if floor := report["noise_floor"].get(column):
                    bars["noise floor (repeat)"] = floor
                yield _intervals(f"{column}: agreement ({report['measures'][column]})", bars)
                if drift := report["drift"].get(column):
                    thirds = {f"{third} third": drift[third] for third in ("first", "middle", "last")}
                    yield _intervals(f"{column}: agreement with single rows by position in the batch", thirds)
        case "compare":
            yield _intervals("Agreement of a and b", report["agreement"])
        case _:
            yield _intervals("Right answers", report["accuracy"])
            for column, rows in report["confusion"].items():
                series = [Series(f"answered {value}", f"level-{min(n, LOOKS - 1)}") for n, value in enumerate(rows)]
                counts: dict[str, Sequence[float]] = {
                    f"known {known}": list(row.values()) for known, row in rows.items()
                }
                yield stacked(f"{column}: known and answered", series, counts)


def _intervals(title: str, found: Mapping[str, Mapping[str, float]]) -> Chart:
    """A bar for each estimate, up to its interval and through it."""
    return Chart(title, _INTERVAL, [_bar(label, one) for label, one in found.items()])


def _bar(label: str, found: Mapping[str, float]) -> Bar:
    value, low, high = (100 * max(0.0, found[name]) for name in ("value", "low", "high"))
    ends = ((0.0, low), (low, high))
    parts = [
        Part(series.label, series.look, round(end - start, 1), round(start, 2), round(end - start, 2))
        for series, (start, end) in zip(_INTERVAL, ends, strict=True)
    ]
    return Bar(label, parts, f"{value:.0f}% [{low:.0f}, {high:.0f}]")
