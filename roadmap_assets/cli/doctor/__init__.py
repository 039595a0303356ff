"""`roadmap-assets doctor`: one line for each thing that a run depends on, and what to do about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import click
from msgspec.structs import asdict

from roadmap_assets.cli import console
from roadmap_assets.cli.doctor.finding import Finding, Findings, Verdict, healthy
from roadmap_assets.cli.exit_status import ExitStatus

_SIGNS: Final[dict[Verdict, str]] = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "-"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON document.")
def doctor(as_json: bool) -> None:
    """Check what a run depends on: settings, database, quota, key, model, GitHub, roadmap.sh, Dagster.

    Nothing is generated and nothing is charged. Exit status: 0 when a run can be expected to work, 1 otherwise.
    """
    found: list[Finding] = []
    for findings in _examine():
        found += findings.found
        if not as_json:
            for finding in findings.found:
                console.say(line_of(finding))
    if as_json:
        console.say(json.dumps({"healthy": healthy(found), "findings": [asdict(one) for one in found]}, indent=2))
    if not healthy(found):
        click.get_current_context().exit(ExitStatus.NOT_DONE)


def line_of(finding: Finding) -> str:
    """The finding as a line: its sign, what was checked, what was found, what to do."""
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{_SIGNS[finding.verdict]} {finding.check + ':':<12}{finding.text}{remedy}"


def _examine() -> Iterator[Findings]:
    from roadmap_assets.cli.doctor.gemini import check_key, check_model
    from roadmap_assets.cli.doctor.local import check_database, check_limiter, check_settings
    from roadmap_assets.cli.doctor.orchestrator import check_dagster
    from roadmap_assets.cli.doctor.upstream import check_github, check_site
    from roadmap_assets.enrichment.access import Access
    from roadmap_assets.settings import load_settings

    unusable = Findings("settings")
    with unusable.catching():
        settings = load_settings()
    if unusable.found:
        yield unusable  # without settings there is nothing else to check
        return
    access = Access(settings, offline=settings.offline)
    checks: tuple[Callable[[], Findings], ...] = (
        lambda: check_settings(access),
        lambda: check_database(settings),
        lambda: check_limiter(access),
        lambda: check_key(settings),
        lambda: check_model(settings),
        lambda: check_github(settings),
        lambda: check_site(settings),
        check_dagster,
    )
    for check in checks:
        yield check()
