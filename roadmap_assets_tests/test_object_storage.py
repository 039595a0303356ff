"""ROADMAP_OUTPUT and ROADMAP_SITE in an object store: a real S3 server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer
from upath import UPath

from roadmap_assets.errors import InvalidSetting, OutputNotWritable
from roadmap_assets.exports.history import keep_copy
from roadmap_assets.exports.whole_file import check_writable, written_whole
from roadmap_assets.places import place_of
from roadmap_assets.settings import load_settings
from roadmap_assets_tests.cli.command_line import CommandLine

BUCKET = "lessons"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The server with an empty bucket; the environment names the server and has credentials for it."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "s3cret-of-somebody",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield client
    for key in objects(client):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)


def objects(s3: Any) -> dict[str, datetime]:
    """Each object's key, and when it was put."""
    return {found["Key"]: found["LastModified"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def content(s3: Any, key: str) -> bytes:
    found: bytes = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return found


def write(path: UPath | Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text)


def test_csv_files_and_pages_are_objects(s3: Any, command_line: CommandLine) -> None:
    settings = {
        "ROADMAP_OUTPUT": f"s3://{BUCKET}/tables",
        "ROADMAP_SITE": f"s3://{BUCKET}/site",
        "ROADMAP_HISTORY": "1",
    }
    scrape = ("scrape", "--roadmap", "data-orchestration", "--source", "sample", "--enrich", "--offline")
    result = command_line.run(*scrape, **settings)
    assert result.exit_code == 0, result.stderr
    key = "tables/roadmap_data-orchestration.simulated.csv"
    assert f"Written: s3://{BUCKET}/{key} (53 rows)" in result.stdout
    assert content(s3, key).startswith(b'"Category","Subcategory","Topic"')
    assert content(s3, key).count(b"\r\n") == 54

    result = command_line.run("page", "data-orchestration", **settings)
    assert result.exit_code == 0, result.stderr
    assert b"data-orchestration.html" in content(s3, "site/index.html")
    assert {"site/index.html", "site/data-orchestration.html"} <= objects(s3).keys()
    assert not (Path(command_line.folder) / "output").exists()

    before = objects(s3)
    assert command_line.run(*scrape, **settings).exit_code == 0
    assert objects(s3) == before, "what has not changed is neither put again nor copied to the history"
    assert sum(name.startswith("tables/history/") for name in before) == 1


def test_an_option_may_name_an_object(s3: Any, command_line: CommandLine) -> None:
    scrape = ("scrape", "--roadmap", "data-orchestration", "--source", "sample", "--output")
    assert command_line.run(*scrape, f"s3://{BUCKET}/one.parquet").exit_code == 0
    assert content(s3, "one.parquet").startswith(b"PAR1")
    result = command_line.run(*scrape, "shelf://bucket/one.csv")
    assert result.exit_code == 2
    assert "no kind of object store 'shelf'" in result.stderr


def test_a_block_that_raises_leaves_the_object_as_it_was(s3: Any) -> None:
    path = place_of(f"s3://{BUCKET}/file")
    write(path, "old")

    def write_half() -> None:
        with written_whole(path) as unfinished:
            unfinished.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert content(s3, "file") == b"old"


def test_a_copy_is_kept_of_each_content(s3: Any) -> None:
    path = place_of(f"s3://{BUCKET}/folder/file.csv")
    for day, text in enumerate(["one", "two", "two"], start=1):
        write(path, text)
        keep_copy(path, now=datetime(2026, 11, day, tzinfo=UTC))
    copies = [key for key in objects(s3) if key.startswith("folder/history/")]
    assert [content(s3, key) for key in sorted(copies)] == [b"one", b"two"]


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_known_before_anything_is_asked(command_line: CommandLine) -> None:
    arguments = ("scrape", "--roadmap", "data-orchestration", "--source", "sample", "--enrich", "--offline")
    result = command_line.run(*arguments, ROADMAP_OUTPUT="s3://elsewhere/tables")
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "cannot write" in line]
    assert "s3://elsewhere/tables" in line
    assert "ROADMAP_OUTPUT" in line
    assert "--output" not in line
    assert not command_line.database.exists()


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("option", [["--output", "s3://elsewhere/one.csv"], ["--output=s3://elsewhere/one.csv"]])
def test_a_place_that_an_option_names_is_changed_by_the_option(command_line: CommandLine, option: list[str]) -> None:
    result = command_line.run("scrape", "--roadmap", "data-orchestration", "--source", "sample", *option)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if "cannot write" in line]
    assert line.endswith("; check its credentials; name another place with --output")
    assert "ROADMAP_OUTPUT" not in line


@pytest.mark.usefixtures("s3")
def test_without_credentials_it_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(OutputNotWritable, match=r"^cannot write s3://other/file: .*; check its credentials"):
        check_writable(place_of("s3://other/file"))


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://key:secret@bucket/folder", "must not hold a key or a password"),
        ("shelf://bucket/folder", "no kind of object store 'shelf'"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_its_secret(
    address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADMAP_OUTPUT", address)
    with pytest.raises(InvalidSetting, match=reason) as refused:
        load_settings()
    assert "secret" not in str(refused.value)
