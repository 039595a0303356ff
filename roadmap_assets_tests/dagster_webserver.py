"""A running Dagster webserver, asked through GraphQL as its pages do."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

JOB = "refresh_roadmaps"
PATIENCE_S = 200.0
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
_LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"


class DagsterWebserver:
    """The webserver at a port of the loopback interface."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        """The data of a GraphQL reply."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            found = json.load(reply)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def launch(self, location: str, tags: Mapping[str, str]) -> str:
        """Launch a run of the job with these tags, and return its id."""
        params = {
            "selector": {**selector(location), "jobName": JOB},
            "runConfigData": {},
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        launched = self.ask(_LAUNCH, {"params": params})["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def has_loaded(self, locations: int) -> bool:
        """Whether it answers and has loaded this many code locations."""
        try:
            entries: Sequence[Any] = self.ask(_LOADED, {})["workspaceOrError"]["locationEntries"]
        except OSError:
            return False
        types = [entry["locationOrLoadError"]["__typename"] for entry in entries if entry["locationOrLoadError"]]
        return types == ["RepositoryLocation"] * locations


def selector(location: str) -> dict[str, str]:
    """The definitions of a code location, as GraphQL names them."""
    return {"repositoryLocationName": location, "repositoryName": "__repository__"}


def status(instance: dg.DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    return status(instance, run_id) in _ENDED


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
