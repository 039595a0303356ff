"""Descriptions and resources from a topic's markdown, and the choice of a topic's file."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.roadmaps.content.files import choose_files, file_slug
from roadmap_assets.roadmaps.content.links import RESOURCE_TYPES, web_url
from roadmap_assets.roadmaps.content.reading import LONGEST_TEXT, Content, read_content
from roadmap_assets.roadmaps.sources.base import content_file
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.warehouse.raw import ContentFile
from roadmap_assets.warehouse.topics import Resource


def text(file: str, markdown: str = "# Text") -> ContentFile:
    return content_file(file, markdown.encode())


# ---- description ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "description"),
    [
        pytest.param(
            "# Soil\n\nIs *alive*, **full** of `worms`.", "Is alive, full of worms.", id="formatting is removed"
        ),
        pytest.param("Soil\n====\n\n## More\n\n### Yet more", "", id="headings are removed"),
        pytest.param("One.\n\nTwo\ngoes  on.\n\n\nThree.", "One.\n\nTwo goes on.\n\nThree.", id="paragraphs are kept"),
        pytest.param(
            "- clay\n- sand\n  - fine\n\n1. dig\n2. sow", "- clay\n- sand\n  - fine\n\n1. dig\n2. sow", id="lists"
        ),
        pytest.param("- dig\n\n  deep\n\n- sow", "- dig\n  deep\n- sow", id="a list item of two paragraphs"),
        pytest.param("```c\n#include <a>\n\nint b;\n```", "#include <a>\n\nint b;", id="code is unchanged"),
        pytest.param("Say:\n\n    a = 1\n", "Say:\n\na = 1", id="indented code"),
        pytest.param("> Sow\n> in May.\n\n---\nDone.", "Sow in May.\n\nDone.", id="quotations, rules"),
        pytest.param("| a | b |\n|---|---|\n| 1 | [c](/c) |", "a | b\n1 | c", id="tables"),
        pytest.param("Put <iostream> and <T> in.", "Put <iostream> and <T> in.", id="what looks like a tag is text"),
        pytest.param("<T>\nfirst", "<T> first", id="also on its own line"),
        pytest.param("a &lt;b&gt; &amp; \\*c\\*", "a <b> & *c*", id="entities and escapes"),
        pytest.param("Seen<!-- unseen --> here.", "Seen here.", id="a comment in a line"),
        pytest.param("A.\n\n<!-- un\n\nseen\n-->\n\nB.", "A.\n\nB.", id="a comment with empty lines"),
        pytest.param("A.\n\n<!-- never\n\nclosed", "A.", id="an unclosed comment"),
        pytest.param("<!-- x --> Seen.", "Seen.", id="text after a comment"),
        pytest.param("`<!-- code -->`", "<!-- code -->", id="a comment as code"),
        pytest.param("![A leaf](leaf.png) is green.", "A leaf is green.", id="an image is its text"),
        pytest.param(
            "Ask [the *guild*](https://guild.example) first.", "Ask the guild first.", id="a link is its text"
        ),
        pytest.param(
            "Ask [@official@the guild](https://guild.example).", "Ask the guild.", id="a link without its type"
        ),
        pytest.param(
            "- Use [peat](https://peat.example) to start", "- Use peat to start", id="an item that is a sentence"
        ),
        pytest.param("x[1] and a@b.example", "x[1] and a@b.example", id="neither link nor type"),
        pytest.param("a\u00a0b\tc", "a b c", id="white space of any kind"),
    ],
)
def test_description(markdown: str, description: str) -> None:
    assert read_content(markdown).description == description


@pytest.mark.parametrize(
    "introduction",
    [
        "Visit the following resources to learn more:",
        "Visit the following resources to learn more",
        "**Visit the following links to learn more about it:**",
        "Learn more from the following resources:",
        "Learn more from the following links:",
        "To learn more, check out the following resources:",
        "To learn more, have a look at the following articles:",
        "For more information, refer to these resources.",
        "Useful resources:",
        "Further reading:",
        "Whatever else leads to a list of links:",
    ],
)
def test_the_introduction_of_links_is_removed_with_them(introduction: str) -> None:
    links = "- [@article@Peat](https://peat.example)\n* [Bark](https://bark.example)\n"
    for join in ("\n\n", "\n", " "):
        content = read_content(f"# Soil\n\nIt lives.{join}{introduction}\n\n{links}")
        assert content.description == "It lives."
        assert [resource.title for resource in content.resources] == ["Peat", "Bark"]


@pytest.mark.parametrize(
    ("markdown", "description"),
    [
        pytest.param(
            "The following resources are limited: water.",
            "The following resources are limited: water.",
            id="a sentence that only resembles one",
        ),
        pytest.param(
            "There are two kinds:\n\n- clay\n- sand", "There are two kinds:\n\n- clay\n- sand", id="a plain list"
        ),
        pytest.param(
            "Sow:\n\n- peas, see [here](https://a.example)\n- beans", "Sow:\n\n- peas, see here\n- beans", id="mixed"
        ),
        pytest.param("Learn these tools early.", "Learn these tools early.", id="no resources named"),
    ],
)
def test_text_that_introduces_no_links_is_kept(markdown: str, description: str) -> None:
    assert read_content(markdown).description == description


def test_links_on_lines_of_their_own_are_not_description() -> None:
    content = read_content(
        "Soil lives.\n\n"
        "[@video@A day](https://day.example)\n\n"
        "-[@video@A night](https://night.example)\n\n"
        "- **[Bold](https://bold.example)**\n"
        "- [@book@Peat](https://peat.example) - by a gardener\n"
        "- <https://auto.example>\n\n"
        "Visit the following resources to learn more:\n\n"
        "- [Bark](https://bark.example) by another\n"
        "- The guild: [home](https://guild.example)\n"
    )
    assert content.description == "Soil lives."
    assert [resource.title for resource in content.resources] == [
        "A day", "A night", "Bold", "Peat", "https://auto.example", "Bark", "home",
    ]  # fmt: skip


# ---- resources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "resource"),
    [
        pytest.param("[@video@A day](https://a.example)", Resource("A day", "https://a.example", "video"), id="typed"),
        pytest.param("[A day](https://a.example)", Resource("A day", "https://a.example", "article"), id="untyped"),
        pytest.param("[@offical@A](https://a.example)", Resource("A", "https://a.example", "official"), id="misspelt"),
        pytest.param("[@articles@A](https://a.example)", Resource("A", "https://a.example", "article"), id="plural"),
        pytest.param("[@Video@A](https://a.example)", Resource("A", "https://a.example", "video"), id="capital"),
        pytest.param(
            "[@open-source@A](https://a.example)", Resource("A", "https://a.example", "opensource"), id="hyphen"
        ),
        pytest.param(
            "[@roadmap.sh@A](https://a.example)", Resource("A", "https://a.example", "roadmap"), id="the site"
        ),
        pytest.param(
            "[@zzz@A](https://a.example)", Resource("A", "https://a.example", "article"), id="resembles nothing"
        ),
        pytest.param(
            "[@scope/pkg@2](https://a.example)",
            Resource("@scope/pkg@2", "https://a.example", "article"),
            id="a package name is no type",
        ),
        pytest.param(
            "[@feed@](https://a.example)", Resource("https://a.example", "https://a.example", "feed"), id="blank"
        ),
        pytest.param(
            "[@book@*A* `b`\n c](https://a.example)", Resource("A b c", "https://a.example", "book"), id="plain"
        ),
        pytest.param(
            "[a](https://a.example/b_(c))", Resource("a", "https://a.example/b_(c)", "article"), id="parentheses"
        ),
        pytest.param(
            "[a](<https://a.example/b (c>)", Resource("a", "https://a.example/b%20(c", "article"), id="pointed"
        ),
        pytest.param(
            "[a](https://a.example/x|y)", Resource("a", "https://a.example/x%7Cy", "article"), id="no bar in a url"
        ),
        pytest.param('[a](https://a.example "hint")', Resource("a", "https://a.example", "article"), id="with a hint"),
        pytest.param("[a]\n\n[a]: https://a.example", Resource("a", "https://a.example", "article"), id="by reference"),
        pytest.param(
            "[![a](i.png)](https://a.example)", Resource("a", "https://a.example", "article"), id="image as link"
        ),
        pytest.param("# [a](https://a.example)", Resource("a", "https://a.example", "article"), id="in a heading"),
    ],
)
def test_resource(link: str, resource: Resource) -> None:
    assert read_content(link).resources == (resource,)


def test_each_url_is_one_resource_in_order() -> None:
    content = read_content("[b](https://b.example) [a](https://a.example) [c](https://b.example) [d](ttps://a.example)")
    assert [resource.title for resource in content.resources] == ["b", "a"]
    assert content.repaired_links == 1
    assert content.untyped_links == 4


@pytest.mark.parametrize(
    ("written", "url"),
    [
        pytest.param("https://a.example/b", "https://a.example/b", id="good"),
        pytest.param("http://a.example:8080/?q#f", "http://a.example:8080/?q#f", id="good without s"),
        pytest.param("ttps://a.example", "https://a.example", id="first letter lost"),
        pytest.param("hhttps://a.example", "https://a.example", id="first letter doubled"),
        pytest.param("htps://a.example", "https://a.example", id="a letter lost"),
        pytest.param("ttp://a.example", "http://a.example", id="first letter lost, without s"),
        pytest.param("https:/a.example", "https://a.example", id="a slash lost"),
        pytest.param("https:///a.example", "https://a.example", id="a slash too many"),
        pytest.param("HTTPS://a.example", "https://a.example", id="capitals"),
        pytest.param("#top", None, id="an anchor"),
        pytest.param("/golang", None, id="root-relative"),
        pytest.param("golang", None, id="relative"),
        pytest.param("//a.example", None, id="without scheme"),
        pytest.param("mailto:a@b.example", None, id="mail"),
        pytest.param("ftp://a.example", None, id="another scheme"),
        pytest.param("javascript:alert(1)", None, id="a script"),
        pytest.param("https://", None, id="no host"),
        pytest.param("http://[", None, id="a broken host"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_web_url(written: str, url: str | None) -> None:
    assert web_url(written) == url
    content = read_content(f"[a](<{written}>)")
    assert [resource.url for resource in content.resources] == ([url] if url else [])
    assert content.dropped_links == (url is None)
    assert content.repaired_links == (url is not None and written.lower() != url)


def test_a_link_in_a_comment_or_in_code_is_not_a_resource() -> None:
    assert read_content("<!-- [a](https://a.example) --> `[b](https://b.example)`").resources == ()


@pytest.mark.parametrize(
    ("markdown", "blank"),
    [
        pytest.param("", True, id="empty"),
        pytest.param("\n", True, id="a line end"),
        pytest.param("# Soil\n", True, id="heading alone"),
        pytest.param("# Soil\n\n<!-- later -->", True, id="heading and comment"),
        pytest.param("# Soil\n\nLives.", False, id="text"),
        pytest.param("# Soil\n\n- [a](https://a.example)", False, id="a link"),
    ],
)
def test_blank(markdown: str, blank: bool) -> None:
    assert read_content(markdown).is_blank == blank


# ---- any input -----------------------------------------------------------------------------------------------------

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


# ---- size ---------------------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_reading_takes_time_in_proportion_to_the_length(pattern: str) -> None:
    """Measured in calls of functions, which do not depend on the machine."""
    short, long = (calls_to_read((pattern * length)[:length]) for length in (2_000, 8_000))
    assert long < 4.4 * short


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


# ---- which file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        pytest.param([text("old@1.md")], "old@1.md", id="by id, whatever the name"),
        pytest.param(
            [text("old@1.md", "much longer"), text("soil--peat@1.md")], "soil--peat@1.md", id="the label's slug"
        ),
        pytest.param(
            [text("soil-peat@1.md"), text("old@1.md", "much longer")], "soil-peat@1.md", id="hyphens do not count"
        ),
        pytest.param([text("older@1.md", "much longer"), text("old@1.md")], "older@1.md", id="else the longer"),
        pytest.param([text("a@1.md"), text("b@1.md")], "b@1.md", id="else always the same"),
    ],
)
def test_which_file_of_a_topic_is_taken(files: list[ContentFile], chosen: str) -> None:
    for order in (files, files[::-1]):
        assert choose_files({"1": "Soil & Peat!"}, order).files["1"].file == chosen


def test_files_and_topics_are_counted() -> None:
    chosen = choose_files(
        {"1": "Soil", "2": "Peat", "3": "Bark"},
        [text("soil@1.md"), text("soils@1.md"), text("peat@2.md"), text("a@8.md"), text("b@8.md"), text("readme.md")],
    )
    assert {topic_id: content.file for topic_id, content in chosen.files.items()} == {
        "1": "soil@1.md",
        "2": "peat@2.md",
    }
    assert chosen.topics_without_file == 1
    assert chosen.topics_with_several_files == 1
    assert chosen.files_of_no_topic == 2
    assert chosen.files_without_id == 1


# ---- real data -----------------------------------------------------------------------------------------------------


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


def test_real_file_names_are_the_slugs_of_labels(real_roadmaps: Path) -> None:
    from roadmap_assets.roadmaps.document import parse_document

    snapshot = DirectorySource(real_roadmaps).fetch("engineering-manager")
    document = parse_document(snapshot.document, roadmap=snapshot.roadmap, origin=snapshot.origin)
    labels = {node.id: node.label for node in document.topics}
    for content in snapshot.contents:
        assert file_slug(content.file.rpartition("@")[0]) == file_slug(labels[content.topic_id])


@pytest.mark.parametrize(
    ("markdown", "urls", "why"),
    [
        ("Open [a.example](https://a.example) and look.", [], "a link in running prose"),
        ("Open [@article@A](https://a.example) and look.", ["https://a.example"], "its title says of which type it is"),
        ("- [A](https://a.example) - about it", ["https://a.example"], "a list item that begins with it"),
        ("- Open [A](https://a.example) and look", [], "a list item that only mentions it"),
        (
            "Visit the following resources:\n\n- Read [A](https://a.example) and more",
            ["https://a.example"],
            "in a list that is introduced as one of resources",
        ),
        (
            "See [A](https://a.example).\n\n- [A, again](https://a.example)",
            ["https://a.example"],
            "mentioned in prose, and in the list",
        ),
        ("> Ask [A](https://a.example) about it", [], "prose in a quotation"),
        ("| Book | Where |\n|---|---|\n| A | [here](https://a.example) |", ["https://a.example"], "a table of links"),
    ],
)
def test_a_link_in_running_prose_is_not_a_resource(markdown: str, urls: list[str], why: str) -> None:
    content = read_content(markdown)
    assert [resource.url for resource in content.resources] == urls, why
    assert content.untyped_links == (0 if "@" in markdown else len(urls))
