"""Files are written whole or not at all, and it is known beforehand whether they can be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadmap_assets.errors import OutputNotWritable
from roadmap_assets.exports.whole_file import check_writable, written_whole


def write(path: Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b" / "file", "text")
    assert (tmp_path / "a" / "b" / "file").read_text() == "text"
    assert names(tmp_path / "a" / "b") == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_stood_there_stays_when_writing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    write(tmp_path / "file", "old")

    def write_half() -> None:
        with written_whole(tmp_path / "file") as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match="No space left"), written_whole(tmp_path / "file"):
        Path("/dev/full").write_text("text")
    assert names(tmp_path) == []


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with written_whole(tmp_path / "file") as one, written_whole(tmp_path / "file") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "file").read_text() == "one"  # who ends last


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("folder", "it is a folder"),
        ("file/below", "Not a directory"),
        ("file/far/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("/proc/none/file", "cannot write /proc/none/file"),
    ],
)
def test_what_cannot_be_written_is_known_before(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for attempt in (check_writable, lambda path: write(path, "text")):
        with pytest.raises(OutputNotWritable, match=reason):
            attempt(tmp_path / path)
    assert names(tmp_path) == ["file", "folder"]


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "file")
    assert names(tmp_path) == []
