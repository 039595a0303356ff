"""The description of a topic, from its markdown."""

from __future__ import annotations

import pytest

from roadmap_assets.roadmaps.content.reading import read_content


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
    "kind",
    ["useful", "helpful", "additional", "further", "more", "other", "related", "recommended", "external"],
)
def test_lines_with_words_beside_their_links_are_resources_after_an_introduction(kind: str) -> None:
    content = read_content(f"It lives.\n\n{kind.title()} resources:\n\n- [Peat](https://peat.example), a short book\n")
    assert content.description == "It lives."
    assert [resource.title for resource in content.resources] == ["Peat"]


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
