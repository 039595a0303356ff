"""Texts of any shape and size, and the real ones."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.roadmaps.content.links import RESOURCE_TYPES, web_url
from roadmap_assets.roadmaps.content.reading import LONGEST_TEXT, Content, read_content

_FRAGMENTS = st.sampled_from(
    ["# ", "- ", "1. ", "> ", "\n", "\n\n", "    ", "```", "`", "*", "**", "_", "[", "](", ")", "]: /x", "![", "\\",
     "<", "<T>", "<!--", "-->", "|", "|---|", "&lt;", "](https://a.example)", "ttps://", "@video@", "word ", "é",
     "\u2028", "\0", "Visit the following resources:"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.one_of(_FRAGMENTS, st.text(max_size=3)), max_size=40).map("".join)))
def test_any_markdown_is_read(markdown: str) -> None:
    content = read_content(markdown)
    assert content.description == content.description.strip()
    assert all(resource.title and resource.type in RESOURCE_TYPES for resource in content.resources)
    assert all(web_url(resource.url) == resource.url for resource in content.resources)
    assert len({resource.url for resource in content.resources}) == len(content.resources)


@pytest.mark.parametrize(
    "markdown",
    ["> " * 3000 + "x", "- " * 3000 + "x", "**" * 3000 + "x" + "**" * 3000, "*a " * 3000 + "b*" * 3000,
     "[" * 5000 + "a](https://a.example)" * 5000, "![a" * 3000 + "](x)" * 3000, "<!--" * 5000, "`" * 9999],
)  # fmt: skip
def test_deep_nesting_is_read(markdown: str) -> None:
    read_content(markdown)


PATTERNS = {
    "sentences": "Soil is *alive*, and `full` of worms. ",
    "paragraphs": "Soil is alive.\n\n",
    "lines": "Soil\n",
    "nested lists": "- a\n  - b\n    - c\n",
    "links": "- [@article@A](https://a.example/x)\n",
    "introductions": "Visit:\n\n- [a](https://a.example)\n\n",
    "quotations": "> a\n",
    "code": "```\na\n```\n",
    "tables": "|a|b|\n|-|-|\n",
    "references": "[a]: /b\n",
    "open brackets": "[",
    "open images": "![a",
    "open emphasis": "*a ",
    "open code": "`a",
    "open comments": "<!--",
}


@pytest.mark.long
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_reading_takes_time_in_proportion_to_the_length(pattern: str) -> None:
    """Measured in calls of functions, which do not depend on the machine."""
    short, long = (calls_to_read((pattern * length)[:length]) for length in (2_000, 8_000))
    assert long < 4.4 * short


@pytest.mark.long
def test_a_text_of_50_mb_is_read_in_the_memory_of_its_beginning() -> None:
    """The peak excludes the text itself, which the source has in memory."""
    line = "Soil is alive.\n\n"
    beginning = (line * LONGEST_TEXT)[: LONGEST_TEXT - 1]
    text = line * (50_000_000 // len(line))
    within, peak_within = peak_of_reading(beginning)
    cut, peak = peak_of_reading(text)
    assert not within.is_cut
    assert cut.is_cut
    assert len(cut.description) <= LONGEST_TEXT
    assert peak < 1.2 * peak_within < 200_000_000


@pytest.mark.parametrize(
    ("end", "description"),
    [
        pytest.param("\nSow [peas](https://peas.example) in May.", "Soil", id="a line that reaches beyond is left out"),
        pytest.param(" goes far beyond", "Soil goes far", id="a text of a single line is cut within it"),
    ],
)
def test_a_long_text_is_cut(end: str, description: str) -> None:
    content = read_content("Soil".ljust(LONGEST_TEXT - 10) + end)
    assert (content.description, content.resources, content.is_cut) == (description, (), True)


def calls_to_read(markdown: str) -> int:
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read_content(markdown)
    finally:
        sys.setprofile(before)
    return calls


def peak_of_reading(markdown: str) -> tuple[Content, int]:
    """The content, and the peak of bytes allocated to read it."""
    tracemalloc.start()
    try:
        return read_content(markdown), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_real_texts(real_roadmaps: Path) -> None:
    """Measured on the seven roadmaps that have both a document and texts, or texts alone."""
    markdowns = [path.read_text() for path in real_roadmaps.glob("*/content/*.md")]
    contents = [read_content(markdown) for markdown in markdowns]

    assert len(contents) == 767
    assert sum(content.repaired_links for content in contents) == 3
    assert sum(content.dropped_links for content in contents) == 0
    assert (
        sum(content.untyped_links for content in contents) == 0
    )  # three are mentioned in prose, and are not resources
    assert sum(not content.description for content in contents) == 2, "two hold links alone"
    assert not any(content.is_blank for content in contents)
    types = Counter(resource.type for content in contents for resource in content.resources)
    assert types == {
        "article": 870, "official": 492, "video": 348, "feed": 97, "roadmap": 54, "course": 39, "opensource": 34,
        "book": 5,
    }  # fmt: skip
    for content in contents:
        assert "following resources" not in content.description
        assert "](" not in content.description.replace("[T any](param", "")
