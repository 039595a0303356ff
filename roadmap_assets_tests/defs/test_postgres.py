"""The assets on PostgreSQL, and that nothing that Dagster keeps or shows has the password of its URL."""

from __future__ import annotations

import re
from urllib.parse import quote

import dagster as dg
import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.defs import steps
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.defs.project import WITH_PAGE, Project, failures, made, on_disk
from roadmap_assets_tests.postgres import PASSWORD

_WRONG = "wrong-secret"
_SECRETS = re.compile(b"|".join(re.escape(word.encode()) for word in (PASSWORD, quote(PASSWORD, safe=""), _WRONG)))


@on_disk
def test_the_password_is_in_no_metadata_event_or_compute_log(
    project: Project, postgres_database: PostgresUrl, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "RETRIES", dg.RetryPolicy(max_retries=0))
    project.write("music")
    project.set(ROADMAP_DB=postgres_database.secret, ROADMAP_QUOTA_URL=postgres_database.secret)
    assert set(made(project.run("music"))) == set(WITH_PAGE)

    wrong = postgres_database.secret.replace(quote(PASSWORD, safe=""), _WRONG)
    project.set(ROADMAP_DB=wrong, ROADMAP_QUOTA_URL=wrong)
    [refused] = failures(project.run("music")).values()
    assert "password authentication failed" in refused

    project.set(ROADMAP_DB=postgres_database.secret, ROADMAP_QUOTA_URL=wrong)
    project.write("music", text="Something new, so that there is something to ask.")
    [refused] = failures(project.run("music")).values()
    assert refused.startswith("the quota shared through postgresql://postgres@127.0.0.1")

    project.set(ROADMAP_QUOTA_URL=postgres_database.secret)
    with open_warehouse(postgres_database).transaction() as connection:
        connection.execute("DROP TABLE topics")
    [broken] = failures(project.run("music")).values()
    assert 'relation "topics" does not exist' in broken

    kept = {path: path.read_bytes() for path in (project.folder / "home").rglob("*") if path.is_file()}
    assert any(b"authentication failed" in text for text in kept.values()), "this is where the event log is"
    assert any("compute_logs" in path.parts for path in kept)
    assert [path for path, text in kept.items() if _SECRETS.search(text)] == []
    shown = "".join(capfd.readouterr()) + repr(project.definitions.resources)
    assert not _SECRETS.search(shown.encode())
    written = [path for path in project.folder.rglob("*") if path.is_file() and _SECRETS.search(path.read_bytes())]
    assert written == [], "nor has a CSV file or a page"
