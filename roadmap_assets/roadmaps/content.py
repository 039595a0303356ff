"""A topic's markdown -> its description and its resources; and which file of a roadmap is which topic's.

The texts come from many hands: links are typed by a mark in their title (``[@article@Title](url)``), the type may be
missing or misspelt, the list of links has several introductions, and ``<iostream>`` in a sentence is a header file, not
a tag. So HTML is text here, with comments as the only exception.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.tree import SyntaxTreeNode

from roadmap_assets.warehouse.raw import ContentFile
from roadmap_assets.warehouse.topics import Resource

RESOURCE_TYPES = (
    "article",
    "book",
    "course",
    "feed",
    "guide",
    "official",
    "opensource",
    "podcast",
    "roadmap",
    "video",
)


@dataclass(frozen=True, slots=True)
class Content:
    """What one markdown file says.

    ``description`` is plain text: paragraphs apart by an empty line, list items each on a line, code as it stands.
    ``resources`` are the links in order, each url once. The counts are of links: whose scheme was mended, that were
    dropped because they do not lead to the web, and that had no type of their own and count as articles.
    """

    description: str
    resources: tuple[Resource, ...] = ()
    mended_links: int = 0
    dropped_links: int = 0
    untyped_links: int = 0

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to read, at most a heading."""
        return not (self.description or self.resources or self.dropped_links)


def read_content(markdown: str) -> Content:
    """Description and resources of a topic's markdown; any text has a result."""
    tree = SyntaxTreeNode(_PARSER.parse(markdown))
    resources: dict[str, Resource] = {}
    mended = dropped = untyped = 0
    for link in (node for node in tree.walk() if node.type == "link"):
        written = str(link.attrs.get("href", ""))
        url = web_url(written)
        if url is None:
            dropped += 1
            continue
        kind, title = _kind_and_title(link)
        mended += not written.lower().startswith(("http://", "https://"))
        untyped += kind is None
        resources.setdefault(url, Resource(title=title or url, url=url, type=kind or "article"))
    description = "\n\n".join(_blocks(tree.children)).strip()
    return Content(description, tuple(resources.values()), mended, dropped, untyped)


def web_url(written: str) -> str | None:
    """``written`` as an http or https address, with a slip in its scheme mended; None when it leads nowhere on the web.

    >>> web_url("ttps://example.org/a"), web_url("/golang"), web_url("#top")
    ('https://example.org/a', None, None)
    """
    scheme = _WEB_SCHEME.match(written)
    if scheme is None:
        return None
    url = f"http{'s' if scheme['secure'] else ''}://{written[scheme.end() :]}"
    try:
        return url if urlsplit(url).hostname else None
    except ValueError:  # such as "http://[": no address
        return None


# ---- which file is whose ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """The one file of each topic that has any, by topic id, and how the files and topics of the roadmap matched."""

    files: dict[str, ContentFile]
    topics_without_file: int
    topics_with_several_files: int
    files_of_no_topic: int
    files_without_id: int


def choose_files(labels: Mapping[str, str], contents: Sequence[ContentFile]) -> Chosen:
    """Match files to topics by id; ``labels`` maps the id of each topic to its label.

    A topic that was renamed has two files, an old one and a new one: the file that is named after the label wins, then
    the longer one.
    """
    candidates: dict[str, list[ContentFile]] = {}
    for content in contents:
        candidates.setdefault(content.topic_id, []).append(content)
    without_id = len(candidates.pop("", ()))
    of_topics = {topic_id: files for topic_id, files in candidates.items() if topic_id in labels}

    def fitness(content: ContentFile) -> tuple[bool, int, str]:
        name = content.file.removesuffix(".md").rpartition("@")[0]
        return file_slug(name) == file_slug(labels[content.topic_id]), len(content.markdown), content.file

    return Chosen(
        files={topic_id: max(files, key=fitness) for topic_id, files in of_topics.items()},
        topics_without_file=len(labels) - len(of_topics),
        topics_with_several_files=sum(len(files) > 1 for files in of_topics.values()),
        files_of_no_topic=sum(len(files) for topic_id, files in candidates.items() if topic_id not in labels),
        files_without_id=without_id,
    )


def file_slug(text: str) -> str:
    """A label as the upstream's file names have it, but for repeated hyphens: "CI/CD & Tests" -> "cicd-tests"."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", text.lower())).strip("-")


# ---- plain text ---------------------------------------------------------------------------------------------------


def _blocks(nodes: Sequence[SyntaxTreeNode], *, introduced: bool = False) -> list[str]:
    """The texts of block nodes, less headings, comments, links that stand alone, and what introduces those.

    ``introduced`` says that a line such as "Visit the following resources" came before: then every line with a link
    is one of the resources, whatever else is in it.
    """
    texts: list[str] = []
    for node, following in zip(nodes, [*nodes[1:], None], strict=True):
        match node.type:
            case "heading" | "hr":
                text = ""
            case "paragraph":
                text = _paragraph(node, introduced=introduced)
                *_, last = _SENTENCE_END.split(text)
                if _INTRODUCTION.match(last) or (last.endswith(":") and following and _lists_links(following)):
                    text, introduced = text.removesuffix(last).rstrip(), True
            case "bullet_list" | "ordered_list":
                text, introduced = _list(node, introduced=introduced), False
            case "fence" | "code_block":
                text = node.content.rstrip()
            case "html_block":  # a comment, and the text after it
                text = _one_line(_COMMENT.sub("", node.content))
            case "table":
                rows = (row for part in node.children for row in part.children)
                text = "\n".join(" | ".join(_one_line(_plain(cell.children)) for cell in row.children) for row in rows)
            case _:  # a quotation
                text = "\n\n".join(_blocks(node.children))
        if text:
            texts.append(text)
    return texts


def _list(node: SyntaxTreeNode, *, introduced: bool) -> str:
    items: list[str] = []
    for item in node.children:
        text = "\n".join(_blocks(item.children, introduced=introduced))
        if text:
            marker = f"{len(items) + 1}. " if node.type == "ordered_list" else "- "
            items.append(marker + text.replace("\n", "\n" + " " * len(marker)))
    return "\n".join(items)


def _lists_links(node: SyntaxTreeNode) -> bool:
    """Whether this is a list of links and nothing else."""
    return node.type in ("bullet_list", "ordered_list") and _has_link([node]) and not _list(node, introduced=False)


def _paragraph(node: SyntaxTreeNode, *, introduced: bool) -> str:
    lines: list[list[SyntaxTreeNode]] = [[]]
    for part in node.children[0].children:
        if part.type in ("softbreak", "hardbreak"):
            lines.append([])
        else:
            lines[-1].append(part)
    return _one_line(" ".join(_plain(line) for line in lines if not _is_resource(line, introduced=introduced)))


def _is_resource(line: Sequence[SyntaxTreeNode], *, introduced: bool) -> bool:
    """Whether a line of text is there for its link alone: nothing around it, or a typed link first."""
    if not _has_link(line):
        return False
    leads = line[0].type == "link" and _kind_and_title(line[0])[0] is not None
    return introduced or leads or not re.search(r"\w", _plain(line, with_links=False))


def _has_link(nodes: Sequence[SyntaxTreeNode]) -> bool:
    return any(part.type == "link" for node in nodes for part in node.walk())


def _plain(nodes: Sequence[SyntaxTreeNode], *, with_links: bool = True) -> str:
    return "".join(_pieces(nodes, with_links=with_links))


def _pieces(nodes: Sequence[SyntaxTreeNode], *, with_links: bool) -> Iterator[str]:
    for node in nodes:
        match node.type:
            case "text" | "code_inline":
                yield node.content
            case "html_inline":
                yield _COMMENT.sub("", node.content)
            case "softbreak" | "hardbreak":
                yield " "
            case "link":
                if with_links:
                    yield _kind_and_title(node)[1]
            case _:  # emphasis, the text of an image
                yield from _pieces(node.children, with_links=with_links)


def _kind_and_title(link: SyntaxTreeNode) -> tuple[str | None, str]:
    """The type in a link's text and the rest of it: ``@video@Git in a day`` is ("video", "Git in a day")."""
    text = _one_line(_plain(link.children))
    mark = _TYPE_MARK.match(text)
    return (_resource_type(mark["type"]), text[mark.end() :]) if mark else (None, text)


@cache
def _resource_type(written: str) -> str:
    """The nearest of the types we know: ``offical`` is official, ``articles`` article; article when none is near."""
    return (*difflib.get_close_matches(written.lower(), RESOURCE_TYPES, n=1, cutoff=0.7), "article")[0]


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ---- the parser ---------------------------------------------------------------------------------------------------

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_TYPE_MARK = re.compile(r"@\s*(?P<type>[A-Za-z][A-Za-z._-]*)\s*@\s*")
_WEB_SCHEME = re.compile(r"h*t+p+(?P<secure>s*):/+", re.IGNORECASE)
_NOUN = r"(?:resource|link|article|video|tutorial|material|reference|guide)s?"
_INTRODUCTION = re.compile(
    r"(?=.{,160}$)(?:"
    r"(?:to (?:learn|know|read)|for (?:more|further)|learn|visit|check|(?:have|take) a look|look at|explore|refer to|see|read"
    rf"|watch)\b.*\b(?:following|these|below)\b.*\b{_NOUN}\b"
    rf"|(?:(?:useful|helpful|additional|further|more|other|related|recommended|external) )?(?:{_NOUN}|reading):$)",
    re.IGNORECASE,
)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - markdown-it's names
        """Every link is read as one: which lead to the web is told, and counted, by `web_url`."""
        return True


def _comment_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Block rule that takes comments, over empty lines too, and leaves all other HTML to be read as text."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    return state.src.startswith("<!--", start) and html_block(state, start_line, end_line, silent)


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark").enable("table")
    parser.block.ruler.at("html_block", _comment_block, {"alt": ["paragraph", "reference", "blockquote"]})
    return parser


_PARSER = _parser()
