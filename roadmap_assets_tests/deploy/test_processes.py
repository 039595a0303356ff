"""The processes of the deployment, from its own configuration: PostgreSQL with its roles, two machines, UI and daemon.

There is no container engine where tests run, so the run launcher is the one thing that differs: each code server starts
its runs beside itself. The two share nothing but the database's URL.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import yaml
from dagster import DagsterRunStatus

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.settings import SETTINGS, variable_of
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets_tests.dagster_webserver import PATIENCE_S, DagsterWebserver, free_port, has_ended, status
from roadmap_assets_tests.deploy.test_files import DEPLOY
from roadmap_assets_tests.postgres import PostgresServer
from roadmap_assets_tests.roadmaps.written import write_roadmap

pytestmark = pytest.mark.long

PASSWORDS = {name: f"{name}0password" for name in ("dagster", "owner", "worker", "reader")}
MACHINES = ("machine-1", "machine-2")
TOPICS = [f"Topic {number}" for number in range(50)]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that `roles.sql` has prepared, and in which the owner has made the tables."""
    with PostgresServer(max_connections="300") as running:
        running.run_script(DEPLOY / "roles.sql", **{f"{name}_password": word for name, word in PASSWORDS.items()})
        program, *arguments = compose()["migrate"]["command"]
        environment = {**clean_environment(), "ROADMAP_DB": url_of(running, "owner")}
        subprocess.run([Path(sys.executable).with_name(program), *arguments], env=environment, check=True)
        yield running


def compose() -> Mapping[str, Any]:
    services: Mapping[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


def clean_environment() -> dict[str, str]:
    taken_out = {*map(variable_of, SETTINGS), "GOOGLE_API_KEY", "DAGSTER_HOME"}
    return {name: value for name, value in os.environ.items() if name not in taken_out}


def url_of(server: PostgresServer, role: str) -> str:
    return server.url(user=f"roadmap_{role}", password=PASSWORDS[role], database="roadmap")


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("reader", "SELECT count(*) FROM enrichments", True),
        ("reader", "DELETE FROM enrichments", False),
        ("worker", "DELETE FROM enrichments", True),
        ("worker", "DROP TABLE enrichments", False),
        ("worker", "CREATE TABLE mine (a INTEGER)", False),
    ],
)
def test_a_role_may_do_its_work_and_nothing_else(
    server: PostgresServer, role: str, statement: str, allowed: bool
) -> None:
    with psycopg.connect(url_of(server, role)) as connection:
        if allowed:
            connection.execute(statement.encode())
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        connection.rollback()


@pytest.mark.parametrize("database", ["dagster", "roadmap"])
def test_neither_database_lets_in_the_other_one_s_roles(server: PostgresServer, database: str) -> None:
    stranger = {"dagster": ("roadmap_worker", "worker"), "roadmap": ("dagster", "dagster")}[database]
    user, name = stranger
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(server.url(user=user, password=PASSWORDS[name], database=database))


def test_two_machines_refresh_one_roadmap_at_once_and_ask_each_topic_once(
    server: PostgresServer, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        gemini = stack.enter_context(Simulator(SimulatorOptions(key="any", latency_s=0.5)))
        deployment = Deployment(tmp_path, server, gemini.url)
        stack.callback(deployment.stop)
        deployment.start()
        runs = [deployment.launch(machine, "alpha") for machine in MACHINES]
        assert [deployment.end_of(run) for run in runs] == [DagsterRunStatus.SUCCESS] * 2, deployment.said()
        written = {path.name for path in deployment.home.iterdir()} - {"dagster.yaml", "workspace.yaml"}
        assert written <= {Path(place).name for place in compose()["code"]["tmpfs"]}, "all else is read-only"
        asked = Counter(topic for request in gemini.requests for topic in request.topics)
        assert asked == Counter(TOPICS)
    with psycopg.connect(url_of(server, "reader")) as connection:
        rows = connection.execute("SELECT count(*), count(DISTINCT topic) FROM simulated_roadmaps").fetchone()
    assert rows == (len(TOPICS), len(TOPICS))
    for machine in MACHINES:
        assert (tmp_path / machine / "output" / "roadmap_alpha.simulated.csv").is_file()


def accepts_connections(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Deployment:
    """The long-running processes of compose.yaml, with two code servers in folders of their own."""

    def __init__(self, folder: Path, server: PostgresServer, gemini_url: str) -> None:
        self._folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self._webserver = DagsterWebserver()
        self._ports = {machine: free_port() for machine in MACHINES}
        self._processes: list[subprocess.Popen[bytes]] = []
        config = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
        del config["run_launcher"]
        config["storage"]["postgres"]["postgres_db"]["port"] = server.port
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(config))
        self._environment = {
            **clean_environment(),
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PASSWORD": PASSWORDS["dagster"],
            "DAGSTER_CODE_HOST": "127.0.0.1",
            "ROADMAP_DB": url_of(server, "worker"),
            "ROADMAP_SOURCE": "roadmaps",
            "ROADMAP_RPM": "0",
            "GEMINI_API_KEY": "any",
            "GOOGLE_GEMINI_BASE_URL": gemini_url,
        }

    def start(self) -> None:
        services = compose()
        workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())
        [location] = [entry["grpc_server"] for entry in workspace["load_from"]]
        assert location["port"] == {"env": "DAGSTER_CODE_PORT"}
        for machine in MACHINES:
            place = self._folder / machine
            write_roadmap(place / "roadmaps", "alpha", TOPICS)
            [*_, command] = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if "CMD" in line]
            arguments = json.loads(command.removeprefix("CMD "))
            self._run(place, [part.replace("0.0.0.0", "127.0.0.1") for part in arguments], port=self._ports[machine])
        entries = [
            {"grpc_server": {**location, "port": self._ports[machine], "location_name": machine}}
            for machine in MACHINES
        ]
        (self.home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": entries}))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            # Opened first: two processes that create an instance's storage at the same time can break it.
            self.instance = dg.DagsterInstance.from_config(str(self.home))
        self.instance.add_dynamic_partitions(ROADMAPS.name or "", ["alpha"])
        # A daemon that does not find a code server reloads it later, which fails a run that is launched meanwhile.
        self._wait_until(lambda: all(map(accepts_connections, self._ports.values())))
        for service in ("webserver", "daemon"):
            arguments = [
                part.replace("0.0.0.0", "127.0.0.1").replace("/opt/dagster", str(self.home))
                for part in services[service]["command"]
            ]
            self._run(self.home, arguments, port=self._webserver.port if service == "webserver" else None)
        self._wait_until(lambda: self._webserver.has_loaded(len(MACHINES)))

    def stop(self) -> None:
        for process in reversed(self._processes):
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.instance.dispose()

    def launch(self, machine: str, roadmap: str) -> str:
        """Launch a run of the job on a machine, and return its id."""
        return self._webserver.launch(machine, {"dagster/partition": roadmap})

    def end_of(self, run_id: str) -> DagsterRunStatus:
        """Wait until a run ends, and return its status."""
        self._wait_until(lambda: has_ended(self.instance, run_id))
        return status(self.instance, run_id)

    def said(self) -> str:
        """The end of what every process printed, for the message of a failed assertion."""
        return "\n".join(log.read_text()[-3000:] for log in sorted(self._folder.glob("*.log")))

    def _run(self, place: Path, arguments: list[str], *, port: int | None) -> None:
        program, *rest = arguments
        if port is not None:
            rest[rest.index("-p") + 1] = str(port)
        with (self._folder / f"{len(self._processes)}-{program}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [str(Path(sys.executable).with_name(program)), *rest],
                    cwd=place,
                    env=self._environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _wait_until(self, holds: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert all(process.poll() is None for process in self._processes), self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.3)
