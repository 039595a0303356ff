"""What is on this machine: settings, the database, and the limiter's state."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from roadmap_assets.cli.doctor.finding import Findings
from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.access import Access
from roadmap_assets.exports.whole_file import check_writable
from roadmap_assets.settings import Settings
from roadmap_assets.warehouse.migrations import MIGRATIONS
from roadmap_assets.warehouse.registry import open_warehouse

LITTLE_SPACE_BYTES = 500 * 2**20


def check_settings(access: Access) -> Findings:
    """Profile, prices, address and model's name. Variables and their ranges were checked when they were read."""
    findings = Findings("settings")
    with findings.catching():
        access.check_settings()
        findings.ok(f"profile {access.profile.name}, source {access.settings.source}")
    return findings


def check_database(settings: Settings) -> Findings:
    """That the database can be opened and written; one that does not exist is not created."""
    findings = Findings("database")
    db = settings.db
    with findings.catching():
        warehouse = open_warehouse(db, wait_s=5)
        if warehouse.exists():
            with warehouse.transaction():
                pass  # which opens it for writing and brings its tables up to date
            findings.ok(f"{db}: {warehouse.describe()}, version {len(MIGRATIONS)}, writable")
            if waiting := warehouse.journal.files():
                findings.warn(
                    f"{len(waiting)} files of answers could not be stored and wait in {waiting[0].parent}",
                    "the next run takes them in",
                )
        elif isinstance(db, PostgresUrl):
            findings.ok(f"{db}: reachable, without tables yet; the first run creates them")
        else:
            check_writable(db)
            findings.ok(f"{db}: not there yet; the first run creates it")
        if isinstance(db, Path):
            _check_disk(db, findings)
    return findings


def _check_disk(db: Path, findings: Findings) -> None:
    free = shutil.disk_usage(_nearest_folder(db)).free
    if free < LITTLE_SPACE_BYTES:
        findings.warn(f"its disk has {free / 2**20:.0f} MB free", "make room, or set ROADMAP_DB to another disk")
    else:
        findings.ok(f"its disk has {free / 2**30:.1f} GB free")


def check_limiter(access: Access) -> Findings:
    """How much of the quota is used, by all processes that share it."""
    findings = Findings("limiter")
    url = access.settings.quota_address
    is_file = isinstance(url, str) and url.startswith("sqlite:///")
    if is_file and not Path(str(url).removeprefix("sqlite:///")).expanduser().exists():
        findings.ok("no request was made yet")
        return findings
    with findings.catching(), closing(access.open_limiter()) as limiter:
        state, limits = limiter.state(), access.limits
        used = f"{state.requests_today} requests today"
        left = f", {max(0, limits.rpd - state.requests_today)} of {limits.rpd} left" if limits.rpd else ""
        if state.open_at:
            when = f"{state.open_at.astimezone():%Y-%m-%d %H:%M %Z}"
            findings.warn(f"{used}; closed until {when}", "wait, or reopen it with: roadmap-assets quota reset")
        else:
            findings.ok(f"{used}{left}; {state.requests_in_window} in the last {limits.window_s:g} s")
    return findings


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.exists())
