"""Is Dagster ready to run this project? Checked where DAGSTER_HOME is set, since importing Dagster takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys

from roadmap_assets.cli.doctor.finding import Findings


def check_dagster() -> Findings:
    """The instance, the code location, and the daemons' heartbeats."""
    findings = Findings("dagster")
    if not os.environ.get("DAGSTER_HOME"):
        findings.skip("DAGSTER_HOME is not set")
        return findings
    from roadmap_assets.defs.health import instance_summary

    _check_code_location(findings)
    with findings.catching():
        summary, silent = instance_summary()
        findings.ok(summary)
        if silent:
            findings.warn(
                f"no recent heartbeat of: {', '.join(silent)}",
                "start the daemon (dg dev, or dagster-daemon run); sensors, schedules and queued runs need it",
            )
    return findings


def _check_code_location(findings: Findings) -> None:
    """Load the definitions as Dagster does, in a process of its own."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-m", "roadmap_assets.definitions"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no input from outside
    if loaded.returncode == 0:
        findings.ok("the code location roadmap_assets loads")
        return
    lines = [line.strip() for line in (loaded.stdout + loaded.stderr).splitlines() if "Error" in line]
    reason = lines[-1][:300] if lines else f"exit status {loaded.returncode}"
    findings.fail(f"the code location does not load ({reason})", "run: dagster definitions validate")
