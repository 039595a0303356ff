"""Folders of notes: names that any system takes, links that lead somewhere, texts that stay texts."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt

from roadmap_assets.exports.markdown import escaped, safe_name, write_notes
from roadmap_assets.warehouse.topics import Resource
from roadmap_assets_tests.exports.editions import HEADERS, edition, hostile, published

HOW_TO = {"steps": ["Read #1", "Draw"], "done": ["Explains it"]}


def notes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.md")}


def front_matter(note: str) -> dict[str, object]:
    return dict(yaml.safe_load(note.split("---\n")[1]))


def links_in(note: str) -> list[str]:
    tokens = MarkdownIt().parse(note.split("---\n", 2)[2])
    inside = [child for token in tokens for child in token.children or ()]
    return [str(token.attrs["href"]) for token in inside if token.type == "link_open"]


def test_a_topic_is_a_note_with_its_facts_its_answers_and_its_resources(tmp_path: Path) -> None:
    row = published(
        "Retries",
        answers={"tldr": "Repeat what may pass", "challenge": "practice", "how_to": HOW_TO},
        description="Wait longer:\n\n- at first\n- then more\n\na = 1\nb = `2`",
        resources=(Resource("A [talk]", "https://example.org/a(b)?c=d", "video"),),
        optional=True,
    )
    assert write_notes(tmp_path, edition(row, headers={**HEADERS, "how_to": "How To"})) == 1
    note = notes(tmp_path)["Basics/Retries.md"]
    assert front_matter(note) == {
        "roadmap": "test",
        "topic_id": "retries",
        "chapter": "Basics",
        "path": ["Basics"],
        "tldr": "Repeat what may pass",
        "challenge": "practice",
        "optional": True,
    }
    for part in (
        "# Retries\n\n> Repeat what may pass\n",
        "## How To\n\n- Steps\n  - Read \\#1\n  - Draw\n- Done\n",
        "- at first\n- then more\n",
        "```\na = 1\nb = `2`\n```\n",
        "- video: [A \\[talk\\]](https://example.org/a%28b%29?c=d)\n",
    ):
        assert part in note


def test_every_link_between_notes_leads_to_one(tmp_path: Path) -> None:
    rows = [
        published("Same name", topic_id="a1"),
        published("same NAME", topic_id="b2"),
        published("What? (& why)", category="CI/CD: #1"),
    ]
    write_notes(tmp_path, edition(*rows, title="Roadmap / one"))
    written = notes(tmp_path)
    assert set(written) == {
        "Roadmap one.md",
        "Basics/Same name (a1).md",
        "Basics/same NAME (b2).md",
        "CI CD 1/What (& why).md",
    }
    for name, note in written.items():
        for link in links_in(note):
            if not link.startswith("https://"):
                assert ((tmp_path / name).parent / unquote(link)).resolve().is_file()
    assert len([link for link in links_in(written["Roadmap one.md"]) if link.endswith(".md")]) == 3


def test_a_second_export_replaces_its_notes_and_leaves_others(tmp_path: Path) -> None:
    write_notes(tmp_path, edition(published("One")))
    (tmp_path / "Basics" / "Mine.md").write_text("my own")
    write_notes(tmp_path, edition(published("One", answers={"tldr": "Newer"})))
    assert "> Newer" in notes(tmp_path)["Basics/One.md"]
    assert notes(tmp_path)["Basics/Mine.md"] == "my own"


def test_hostile_texts_are_shown_and_not_rendered(tmp_path: Path) -> None:
    write_notes(tmp_path, hostile()[0])
    for name, note in notes(tmp_path).items():
        assert not re.search(r"[<>:|?*\"#^\[\]]", name)
        assert ".." not in name
        html = MarkdownIt("commonmark", {"html": True}).render(note.split("---\n", 2)[2])
        assert not re.search(r"<(img|script|b)\b", html)
        assert "javascript:" not in " ".join(re.findall(r'href="([^"]*)"', html))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", "etc passwd"),
        ("CON", "CON_"),
        ("com1.txt", "com1.txt_"),
        ("", "untitled"),
        ("...", "untitled"),
        ("é" * 200, "é" * 75),
        ("a\x00b\nc", "a b c"),
    ],
)
def test_a_name_is_one_that_any_system_takes(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_escaped_markdown_shows_the_text_itself() -> None:
    text = r"a *b* _c_ `d` [e](f) <g> # h | i ~ j $k$ &amp; ^l %%m%% \n"
    assert (
        MarkdownIt().render(escaped(text))
        == f"<p>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>\n"
    )
