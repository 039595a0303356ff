"""Names of roadmaps, the directory source, and the choice among sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.errors import DocumentError, InvalidSetting, InvalidSlug, SourceUnavailable, UnknownRoadmap
from roadmap_assets.roadmaps.sources.base import blob_sha, check_slug, topic_id_of
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.sources.registry import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    content = tmp_path / "herbs" / "content"
    content.mkdir(parents=True)
    (tmp_path / "herbs" / "herbs.json").write_text('{"nodes": []}')
    (content / "thyme@t1.md").write_bytes(b"# Thyme\n")
    (content / "basil@b1.md").write_bytes(b"# Basil\n")
    return tmp_path


def test_that_a_path_that_is_no_utf8_reaches_no_database(folder: Path) -> None:
    odd = folder.rename(folder.with_name(os.fsdecode(b"odd \xff")))
    source = DirectorySource(odd)
    snapshot = source.fetch("herbs")
    assert "odd ?" in snapshot.origin
    assert "odd ?" in source.name
    assert "thyme@t1.md" in {content.file for content in snapshot.contents}


@pytest.mark.parametrize("slug", ["frontend", "engineering-manager", "c", "web3", "2d-games", "a" * 100])
def test_slugs(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a/b", id="a path"),
        pytest.param("..", id="the folder above"),
        pytest.param("../frontend", id="a path upwards"),
        pytest.param("a\\b", id="a path on Windows"),
        pytest.param("a,b", id="a comma breaks partition selections"),
        pytest.param("a...b", id="so do dots"),
        pytest.param("two words", id="a space"),
        pytest.param("Frontend", id="a capital"),
        pytest.param("frontend\n", id="a line end"),
        pytest.param("a--b", id="two hyphens"),
        pytest.param("-a", id="a hyphen first, as of an option"),
        pytest.param("a-", id="a hyphen last"),
        pytest.param("é", id="a letter beyond a to z"),
        pytest.param("१", id="a digit beyond 0 to 9"),
        pytest.param("a" * 101, id="too long"),
        pytest.param("a\0", id="NUL"),
    ],
)
def test_what_is_no_slug(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSlug, match="lower-case letters and digits") as raised:
        check_slug(text)
    assert len(str(raised.value)) < 300
    with pytest.raises(InvalidSlug):
        DirectorySource(tmp_path).fetch(text)


@given(st.text(max_size=20))
def test_a_slug_is_one_plain_name_of_a_file(text: str) -> None:
    try:
        check_slug(text)
    except InvalidSlug:
        return
    assert Path(text).name == text
    assert text.isascii()


def test_a_roadmap_is_read_whole(folder: Path) -> None:
    snapshot = DirectorySource(folder).fetch("herbs")
    assert snapshot.document == '{"nodes": []}'
    assert snapshot.origin == str(folder / "herbs" / "herbs.json")
    assert snapshot.source == str(folder)
    assert [(c.file, c.topic_id, c.markdown) for c in snapshot.contents] == [
        ("basil@b1.md", "b1", "# Basil\n"),
        ("thyme@t1.md", "t1", "# Thyme\n"),
    ]


def test_shas_are_gits(folder: Path) -> None:
    file = folder / "herbs" / "content" / "thyme@t1.md"
    by_git = subprocess.run(["git", "hash-object", str(file)], capture_output=True, text=True, check=True)
    assert blob_sha(file.read_bytes()) == by_git.stdout.strip()


@pytest.mark.parametrize(
    ("file", "topic_id"),
    [
        pytest.param("react@tG5v3O4l.md", "tG5v3O4l", id="as it should be"),
        pytest.param("package@version@-_x.md", "-_x", id="the last @ counts"),
        pytest.param("readme.md", "", id="no id"),
        pytest.param("react@.md", "", id="an empty one"),
    ],
)
def test_the_id_of_a_text(file: str, topic_id: str) -> None:
    assert topic_id_of(file) == topic_id


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"\xef\xbb\xbf# Mint", "# Mint", id="byte order mark"),
        pytest.param(b"caf\xe9", "caf\ufffd", id="Latin-1"),
        pytest.param(b"", "", id="empty"),
        pytest.param("π".encode(), "π", id="UTF-8"),
    ],
)
def test_bytes_of_any_kind_become_text(folder: Path, data: bytes, text: str) -> None:
    (folder / "herbs" / "content" / "mint@m1.md").write_bytes(data)
    assert DirectorySource(folder).fetch("herbs").contents[1].markdown == text


def test_what_is_no_text_is_left_out(folder: Path) -> None:
    (folder / "herbs" / "content" / "picture.png").write_bytes(b"\x89PNG")
    (folder / "herbs" / "content" / "folder.md").mkdir()
    assert len(DirectorySource(folder).fetch("herbs").contents) == 2


def test_a_roadmap_without_texts(folder: Path) -> None:
    (folder / "bare").mkdir()
    (folder / "bare" / "bare.json").write_text("{}")
    assert DirectorySource(folder).fetch("bare").contents == ()


def test_the_listing_shows_what_changed(folder: Path) -> None:
    for name in ("spices", "no-document", "Not A Slug"):
        (folder / name).mkdir()
    (folder / "spices" / "spices.json").write_text("{}")
    source = DirectorySource(folder)
    before = source.listing()
    assert list(before) == ["herbs", "spices"]
    assert source.listing() == before
    assert source.version_of(source.fetch("herbs")) == before["herbs"]

    changes: dict[str, Callable[[], object]] = {
        "a text": lambda: (folder / "herbs" / "content" / "basil@b1.md").write_text("# Basil, sweet"),
        "the document": lambda: (folder / "herbs" / "herbs.json").write_text('{"nodes": [1]}'),
        "a new text": lambda: (folder / "herbs" / "content" / "mint@m1.md").write_text("# Mint"),
        "a text gone": lambda: (folder / "herbs" / "content" / "mint@m1.md").unlink(),
    }
    for change, make in changes.items():
        make()
        after = source.listing()
        assert after["herbs"] != before["herbs"], change
        assert after["spices"] == before["spices"], change
        before = after


def test_an_edit_that_keeps_size_and_time_is_seen(folder: Path) -> None:
    source, text = DirectorySource(folder), folder / "herbs" / "content" / "basil@b1.md"
    before, times = source.listing(), (text.stat().st_atime_ns, text.stat().st_mtime_ns)
    text.write_text("# Bazil\n")
    os.utime(text, ns=times)
    assert source.listing() != before


def test_links_out_of_the_source_are_skipped_and_counted(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.md"
    secret.write_text("a key")
    texts = folder / "herbs" / "content"
    (texts / "secret@s1.md").symlink_to(secret)
    (texts / "indirect@s2.md").symlink_to(texts / "secret@s1.md")
    (texts / "again@b1.md").symlink_to(texts / "basil@b1.md")
    notices: list[str] = []
    snapshot = DirectorySource(folder, on_notice=notices.append).fetch("herbs")
    assert [content.file for content in snapshot.contents] == ["again@b1.md", "basil@b1.md", "thyme@t1.md"]
    assert notices == [f"links out of the source folder skipped: 2 in {texts}"]


def test_folders_and_documents_that_are_links_out_of_the_source_are_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(folder / "herbs", elsewhere / "herbs")
    (folder / "spices").mkdir()
    (folder / "spices" / "spices.json").symlink_to(elsewhere / "herbs" / "herbs.json")
    (folder / "trees").mkdir()
    (folder / "trees" / "trees.json").write_text("{}")
    (folder / "trees" / "content").symlink_to(elsewhere / "herbs" / "content")
    notices: list[str] = []
    source = DirectorySource(folder, on_notice=notices.append)
    assert list(source.catalogue()) == ["herbs", "trees"]
    with pytest.raises(DocumentError, match="is a link out of the source folder"):
        source.fetch("spices")
    assert source.fetch("trees").contents == ()
    assert notices == [f"links out of the source folder skipped: 2 in {folder / 'trees' / 'content'}"]


def test_a_source_folder_may_itself_be_a_link(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "source"
    link.symlink_to(folder)
    assert len(DirectorySource(link).fetch("herbs").contents) == 2


def test_what_is_no_regular_file_is_left_out(folder: Path) -> None:
    os.mkfifo(folder / "herbs" / "content" / "pipe@p1.md")
    (folder / "herbs" / "content" / "device@d1.md").symlink_to("/dev/zero")
    (folder / "pipes").mkdir()
    os.mkfifo(folder / "pipes" / "pipes.json")
    source = DirectorySource(folder)
    assert len(source.fetch("herbs").contents) == 2
    assert list(source.catalogue()) == ["herbs"]
    with pytest.raises(DocumentError):
        source.fetch("pipes")


def test_a_very_large_text_is_read(folder: Path) -> None:
    (folder / "herbs" / "content" / "large@l1.md").write_bytes(b"word " * (10 << 20))
    assert len(DirectorySource(folder).fetch("herbs").contents[1].markdown) == 50 << 20


def test_what_cannot_be_fetched(folder: Path) -> None:
    (folder / "no-document" / "content").mkdir(parents=True)
    source = DirectorySource(folder)
    with pytest.raises(UnknownRoadmap, match="did you mean herbs"):
        source.fetch("herb")
    with pytest.raises(DocumentError, match=r"no-document has no document: there is no .*no-document\.json"):
        source.fetch("no-document")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        DirectorySource(folder / "nowhere").listing()


def test_the_sources_there_are(folder: Path) -> None:
    assert open_source("sample").listing()
    assert open_source(str(folder)).name == str(folder)
    live = open_source("live")
    assert live.name == "live"
    live.close()
    for spec in ("", "gitlab", str(folder / "nowhere"), str(folder / "herbs" / "herbs.json")):
        with pytest.raises(InvalidSetting, match="neither live nor sample, nor a directory"):
            open_source(spec)


def test_a_directory_is_read_without_loading_the_live_source() -> None:
    code = (
        "import sys; from roadmap_assets.roadmaps.sources.registry import open_source; open_source('sample').listing();"
        "print([m for m in ('httpx2', 'markdown_it', 'concurrent.futures', 'roadmap_assets.roadmaps.sources.live') "
        "if m in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_real_roadmaps(real_roadmaps: Path) -> None:
    source = DirectorySource(real_roadmaps)
    listing = source.listing()
    assert len(listing) == 25
    assert "devops-beginner" not in listing, "it has texts, and no document"
    assert sum(len(source.fetch(slug).contents) for slug in listing) == 754
    with pytest.raises(DocumentError):
        source.fetch("devops-beginner")
