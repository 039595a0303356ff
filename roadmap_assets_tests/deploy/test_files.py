"""The container files: what must hold of them however they change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster_docker import DockerRunLauncher

from roadmap_assets_tests.conftest import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
OURS = ("migrate", "code", "webserver", "daemon")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_only_the_proxy_is_reached_from_outside_and_from_this_machine_alone(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy": ["${BIND_ADDRESS:-127.0.0.1}:443:443"]}
    assert compose["networks"]["inside"]["internal"] is True
    assert compose["services"]["webserver"]["networks"] == ["inside"]


def test_the_proxy_asks_for_a_password_before_anything(compose: dict[str, Any]) -> None:
    caddyfile = (DEPLOY / "Caddyfile").read_text()
    first, *_ = (line.strip() for line in caddyfile.splitlines()[1:])
    assert first == "basic_auth {"
    assert "{$UI_USER} {$UI_PASSWORD_HASH}" in caddyfile
    assert "UI_PASSWORD_HASH" in compose["services"]["proxy"]["environment"]


def test_no_file_holds_a_secret(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|TOKEN|ROADMAP_DB", name):
                assert re.search(r"\$\{\w+:[?-]", str(value)), f"{name} is not taken from the environment"
    for line in (DEPLOY / "env.example").read_text().splitlines():
        if re.match(r"\w*(PASSWORD|KEY|TOKEN)\w*=", line):
            assert line.endswith("="), line


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    images = [service["image"] for service in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert images
    assert all(re.search(r":\d+\.\d+", image) for image in images), images
    requirements = [line for line in (DEPLOY / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    assert all(re.fullmatch(r"[\w.\-\[\]]+==[\w.]+( ;.*)?", line) for line in requirements)


def test_our_containers_run_without_rights(compose: dict[str, Any]) -> None:
    assert re.findall(r"^USER (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE) == ["10001"]
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_workers_do_not_have_the_owner_s_password(compose: dict[str, Any]) -> None:
    for name in ("code", "webserver", "daemon"):
        assert "roadmap_worker" in compose["services"][name]["environment"]["ROADMAP_DB"]
        assert not [key for key in compose["services"][name]["environment"] if "OWNER" in key]
    assert "roadmap_owner" in compose["services"]["migrate"]["environment"]["ROADMAP_DB"]


def test_dagster_takes_its_configuration_and_runs_get_what_they_need(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_HOST", "postgres")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "any")
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    dagster_instance_config(str(tmp_path))
    launcher = InstanceRef.from_dir(str(tmp_path)).run_launcher
    assert isinstance(launcher, DockerRunLauncher)
    assert launcher.image == compose["services"]["code"]["image"]
    assert launcher.networks == [network["name"] for network in compose["networks"].values()]
    environment = compose["services"]["daemon"]["environment"]
    not_for_runs = {"DAGSTER_CODE_HOST", "DAGSTER_CODE_PORT", "DOCKER_HOST"}
    assert set(launcher.env_vars) == set(environment) - not_for_runs
    assert set(launcher.container_kwargs["tmpfs"]) == set(compose["services"]["code"]["tmpfs"])
    assert launcher.container_kwargs["volumes"] == [f"{compose['volumes']['files']['name']}:/files"]


def test_the_chart_s_values_need_a_login_and_keep_secrets_out() -> None:
    text = (DEPLOY / "helm-values.yaml").read_text()
    values = yaml.safe_load(text)
    assert values["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert any(name.endswith("/auth-url") for name in values["ingress"]["annotations"])
    [code] = values["dagster-user-deployments"]["deployments"]
    assert code["podSecurityContext"]["runAsNonRoot"] is True
    assert [secret["name"] for secret in code["envSecrets"]] == ["roadmap-assets"]
    assert values["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
    assert not re.search(r"password: *\w|key: *\w", text, re.IGNORECASE)
