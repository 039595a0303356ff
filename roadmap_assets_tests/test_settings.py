"""Settings: their sources, their values, and the message for a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import to_builtins

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.settings import SETTINGS, load_settings, variable_of


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in (*map(variable_of, SETTINGS), "GOOGLE_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


def test_an_argument_beats_the_environment_beats_the_dotenv_file_beats_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().rpm == 15
    Path(".env").write_text("ROADMAP_RPM=1\n")
    assert load_settings().rpm == 1
    monkeypatch.setenv("ROADMAP_RPM", "2")
    assert load_settings().rpm == 2
    assert load_settings(rpm=3).rpm == 3
    assert load_settings(rpm=None).rpm == 2  # not given


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), (" true ", True)]
)
def test_true_and_false(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("ROADMAP_OFFLINE", text)
    assert load_settings().offline is value


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADMAP_RPM", "")
    assert load_settings().rpm == 15


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "ROADMAP_BATCH_SIZE",
            "21",
            "ROADMAP_BATCH_SIZE is '21'; allowed: a whole number, at least 1 and at most 20 (topics in one call)",
        ),
        (
            "ROADMAP_RPM",
            "-1",
            "ROADMAP_RPM is '-1'; allowed: a whole number, at least 0 (requests a minute",
        ),
        (
            "ROADMAP_RPM",
            "many",
            "ROADMAP_RPM is 'many'; allowed: a whole number, at least 0",
        ),
        (
            "ROADMAP_RPM",
            "1.5",
            "ROADMAP_RPM is '1.5'; allowed: a whole number",
        ),
        (
            "ROADMAP_TIMEOUT",
            "nan",
            "ROADMAP_TIMEOUT is 'nan'; allowed: a number, more than 0 and at most 3600",
        ),
        (
            "ROADMAP_TIMEOUT",
            "inf",
            "ROADMAP_TIMEOUT is 'inf'; allowed: a number",
        ),
        (
            "ROADMAP_PACING",
            "fast",
            "ROADMAP_PACING is 'fast'; allowed: burst or even (",
        ),
        ("ROADMAP_THINKING_LEVEL", "deep", "allowed: minimal, low, medium or high ("),
        (
            "ROADMAP_OFFLINE",
            "perhaps",
            "ROADMAP_OFFLINE is 'perhaps'; allowed: true or false (",
        ),
        ("GOOGLE_GEMINI_BASE_URL", "localhost:80", "allowed: an address that begins with http:// or https:// ("),
        ("ROADMAP_SH_API", "https://", "allowed: an address that begins with"),
        ("ROADMAP_SH_API", "https://me:secret@a b", "ROADMAP_SH_API is 'https://a b'; allowed: an address"),
    ],
)
def test_a_wrong_value_is_reported_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ROADMAP_BATCH_SIZ", "ROADMAP_BATCH_SIZ is no setting; did you mean ROADMAP_BATCH_SIZE?"),
        ("roadmap_bugdet_usd", "ROADMAP_BUGDET_USD is no setting; did you mean ROADMAP_BUDGET_USD?"),
        ("ROADMAP_XYZZY_PLUGH", "unset it; docs/settings.md lists all settings"),
    ],
)
def test_an_unknown_setting_is_named_with_the_nearest_known_one(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    with monkeypatch.context() as environment:
        environment.setenv(name, "5")
        with pytest.raises(InvalidSetting) as caught:
            load_settings()
        assert hint in str(caught.value)
    Path(".env").write_text(f"{name}=5\n")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert hint in str(caught.value)


def test_variables_of_others_and_of_tests_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADMAP_TEST_DATA", "/data")
    Path(".env").write_text("DAGSTER_HOME=/somewhere\nROADMAP_TEST_MORE=1\nroadmap_rpm=7\n")
    assert load_settings().rpm == 7


def test_a_wrong_argument_is_reported_like_a_variable() -> None:
    with pytest.raises(InvalidSetting, match="ROADMAP_BATCH_SIZE is '0'; allowed"):
        load_settings(batch_size=0)


def test_all_faults_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADMAP_RPM", "x")
    monkeypatch.setenv("ROADMAP_TPM", "y")
    with pytest.raises(InvalidSetting, match=r"ROADMAP_RPM.*; ROADMAP_TPM"):
        load_settings()


def test_a_dotenv_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GEMINI_API_KEY=\xff\xfe\n")
    with pytest.raises(InvalidSetting, match=r"\.env cannot be read"):
        load_settings()


def test_a_pipe_as_dotenv_file_is_refused_instead_of_read() -> None:
    os.mkfifo(".env")
    with pytest.raises(InvalidSetting, match=r"\.env is no regular file"):
        load_settings()


def test_a_huge_dotenv_file_is_refused() -> None:
    with Path(".env").open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(InvalidSetting, match="at most 65536 bytes"):
        load_settings()


def test_a_folder_that_is_called_dotenv_is_ignored() -> None:
    Path(".env").mkdir()
    assert load_settings().rpm == 15


# ---- addresses from .env

ADDRESS = "http://user:secret@elsewhere.example/v1"


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY"),
        ("GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"),
        ("ROADMAP_GITHUB_API", "GITHUB_TOKEN"),
        ("ROADMAP_GITHUB_RAW", "GITHUB_TOKEN"),
    ],
)
def test_a_key_of_the_environment_never_goes_to_an_address_of_the_dotenv_file(
    monkeypatch: pytest.MonkeyPatch, variable: str, key: str
) -> None:
    Path(".env").write_text(f"{variable}={ADDRESS}\n")
    monkeypatch.setenv(key, "very-secret")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert f"{variable} is set in the file .env and {key} in the environment" in str(caught.value)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv(variable, "https://mine.example")
    assert "mine" in str(load_settings()), "the environment's own address wins, and may have the key"


def test_key_and_address_may_both_be_in_the_dotenv_file_and_the_address_is_announced_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = ADDRESS.replace("elsewhere", "announced")  # once a process, so none that another test uses
    Path(".env").write_text(f"GOOGLE_GEMINI_BASE_URL={address}\nGEMINI_API_KEY=a-key\n")
    for _ in range(2):
        assert load_settings().gemini_base_url == address
    assert [record.getMessage() for record in caplog.records] == [
        "Using the address http://announced.example/v1, which the file .env sets as GOOGLE_GEMINI_BASE_URL."
    ]


# ---- PostgreSQL


@pytest.mark.parametrize("variable", ["ROADMAP_DB", "ROADMAP_QUOTA_URL"])
def test_the_password_of_a_database_does_not_show(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "postgresql://worker:very-secret@db.example:5433/roadmaps?sslpassword=very-secret")
    settings = load_settings()
    assert "very-secret" not in f"{settings!r} {settings} {to_builtins(settings, enc_hook=str)}"
    address = settings.db if variable == "ROADMAP_DB" else settings.quota_url
    assert f"{address}" == "postgresql://worker@db.example:5433/roadmaps"
    assert isinstance(address, PostgresUrl)
    assert address.secret.count("very-secret") == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://worker:hidden/secret@db.example/roadmaps",
        "postgresql://worker:12/hidden-secret@db.example/roadmaps",
        "postgresql://worker:hidden#secret@db.example/roadmaps",
        "postgresql://worker:hidden secret@db.example/roadmaps",
        "postgresql://worker:hidden-secret@db.example:port/roadmaps",
        "mysql://worker:hidden-secret@db.example/roadmaps",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ROADMAP_DB", url)
    with pytest.raises(InvalidSetting, match="ROADMAP_DB is") as caught:
        load_settings()
    assert "hidden" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_from_the_dotenv_file_is_announced_and_gets_no_password_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path(".env").write_text("ROADMAP_DB=postgresql://worker:hidden-secret@announced.example/roadmaps\n")
    load_settings()
    assert [record.getMessage() for record in caplog.records] == [
        "Using the address postgresql://announced.example/roadmaps, which the file .env sets as ROADMAP_DB."
    ]
    monkeypatch.setenv("PGPASSWORD", "of-the-environment")
    with pytest.raises(InvalidSetting, match="PGPASSWORD in the environment"):
        load_settings()
    Path(".env").write_text("ROADMAP_DB=a/file.duckdb\n")
    assert load_settings().db == Path("a/file.duckdb")


# ---- keys


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GITHUB_TOKEN"])
def test_a_key_does_not_show(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "very-secret")
    settings = load_settings()
    assert "very-secret" not in f"{settings!r} {settings} {to_builtins(settings, enc_hook=str)}"
    monkeypatch.setenv(variable, "very-secret é")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert "hidden" not in str(caught.value)
    assert "cannot be used; allowed: letters, digits and signs without spaces" in str(caught.value)


def test_a_key_is_taken_without_the_white_space_that_was_copied_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", " a-key\r\n")
    key = load_settings().gemini_api_key
    assert key
    assert key.secret == "a-key"
    monkeypatch.setenv("GEMINI_API_KEY", "  ")
    assert load_settings().gemini_api_key is None


# ---- the table


def test_every_setting_says_what_it_is_for_and_what_it_may_be() -> None:
    for name, setting in SETTINGS.items():
        assert setting.meaning, name
        assert setting.allowed, name
    variables = [variable_of(name) for name in SETTINGS]
    assert len(set(variables)) == len(variables)
    foreign = {"GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GITHUB_TOKEN"}
    assert {variable for variable in variables if not variable.startswith("ROADMAP_")} == foreign


def test_the_quotas_state_is_beside_the_database_unless_set() -> None:
    assert load_settings(db=Path("/a/b.duckdb")).quota_address == "sqlite:////a/b.quota.sqlite"
    assert load_settings(quota_url="redis://host").quota_address == "redis://host"
