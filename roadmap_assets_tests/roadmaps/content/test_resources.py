"""The resources of a topic, from its markdown, and the addresses of links."""

from __future__ import annotations

import pytest

from roadmap_assets.roadmaps.content.links import web_url
from roadmap_assets.roadmaps.content.reading import read_content
from roadmap_assets.warehouse.topics import Resource


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


def test_a_link_in_a_comment_or_in_code_is_not_a_resource() -> None:
    assert read_content("<!-- [a](https://a.example) --> `[b](https://b.example)`").resources == ()


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
