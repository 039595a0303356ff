"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.warehouse import postgres
from roadmap_assets_tests.cli.command_line import CommandLine
from roadmap_assets_tests.postgres import PostgresServer, fresh_schema

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Give the processes that tests start what a user's processes have.

    Compiled modules are kept: some containers forbid it, and each start would compile the package again. And Ctrl-C
    ends them, even if a shell has started pytest in the background with Ctrl-C ignored. Properties are tested without
    a deadline, which a busy machine would miss.
    """
    hypothesis.settings.register_profile("without a deadline", deadline=None)
    hypothesis.settings.load_profile("without a deadline")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Any worker for any test, but one worker, and first, for those that share a Dagster or a deployment.

    That is what xdist's own `loadgroup` is for, which has no effect under pytest 9.2 (xdist 3.8 marks a test by an
    attribute that pytest no longer reads).
    """

    def _split_scope(self, nodeid: str) -> str:
        module, _, _ = nodeid.partition("::")
        shared = module.endswith(("test_dagster_dev.py", "test_dagster_ui.py", "deploy/test_processes.py"))
        return module if shared else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two workers more than processors: many tests wait for a server, a process or a pause to end."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread the tests over the workers."""
    return _GroupScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def one_authority(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one certificate authority instead of all, which each client would read for 20 ms and no test needs.

    Servers of tests are on loopback, without TLS; only the tests against the real hosts meet it.
    """
    if pytestconfig.option.markexpr == "live":
        yield
        return
    end = "-----END CERTIFICATE-----\n"
    file = tmp_path_factory.mktemp("authorities") / "one.pem"
    file.write_text(certifi.contents().partition(end)[0] + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session")
def real_roadmaps() -> Path:
    """A folder of real roadmap documents (copyrighted, so it is beside the project); skipped where absent."""
    folder = Path(os.environ.get("ROADMAP_TEST_DATA") or REPOSITORY.parent / "shared" / "roadmaps")
    if not folder.is_dir():
        pytest.skip(f"no real roadmaps at {folder}")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for tests that leave it running: ROADMAP_TEST_POSTGRES, or one of our own."""
    if given := os.environ.get("ROADMAP_TEST_POSTGRES"):
        yield given
        return
    with PostgresServer() as server:
        yield server.url()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[PostgresUrl]:
    """An empty PostgreSQL database."""
    with fresh_schema(postgres_url) as url, closing(postgres.Warehouse(url)):
        yield url


@pytest.fixture(scope="session")
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this process, for tests that restart it; each leaves it running."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_url(own_server: PostgresServer) -> Iterator[PostgresUrl]:
    """An empty database on the server that is restarted."""
    with fresh_schema(own_server.url()) as url, closing(postgres.Warehouse(url)):
        yield url


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | PostgresUrl:
    """The address of an empty database, of each kind in turn."""
    if request.param == "duckdb":
        return tmp_path / "enrichment.duckdb"
    url: PostgresUrl = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's state, where answers go that a database cannot take."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "roadmap-assets"
