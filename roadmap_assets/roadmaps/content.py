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
from typing import TypeAlias
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.token import Token

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
    """Description and resources of a topic's markdown; any text has a result.

    A link in running prose is no resource, unless its title says of which type it is.
    """
    tokens = _PARSER.parse(markdown)
    resources: dict[str, Resource] = {}
    mended = dropped = untyped = 0
    description = "\n\n".join(_texts(tokens)).strip()  # first, as it finds out which lines are prose
    for link in _listed_links(tokens):
        url = web_url(link.url)
        if url is None:
            dropped += 1
            continue
        mended += link.url.lower() != url.lower()
        untyped += link.type is None
        resources.setdefault(url, Resource(title=link.title or url, url=url, type=link.type or "article"))
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
        host = urlsplit(url).hostname
        return url if host and "%" not in host else None
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


# ---- blocks -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """A block with the tokens inside it, the inline token of a paragraph among them."""

    type: str
    text: str
    inside: Sequence[Token]


def _blocks(tokens: Sequence[Token]) -> list[_Block]:
    """The outermost blocks of a run of tokens."""
    blocks: list[_Block] = []
    start = depth = 0
    for position, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            first = tokens[start]
            blocks.append(_Block(first.type.removesuffix("_open"), first.content, tokens[start + 1 : position]))
            start = position + 1
    return blocks


def _texts(tokens: Sequence[Token], *, introduced: bool = False, in_list: bool = False) -> list[str]:
    """The texts of blocks, less headings, comments, links that stand alone, and what introduces those.

    ``introduced`` says that a line such as "Visit the following resources" came before: then every line with a link
    is one of the resources, whatever else is in it.
    """
    texts: list[str] = []
    blocks = _blocks(tokens)
    for number, block in enumerate(blocks):
        match block.type:
            case "heading" | "hr":
                text = ""
            case "paragraph":
                text = _paragraph(block, introduced=introduced, in_list=in_list)
                *_, last = _SENTENCE_END.split(text)
                if _INTRODUCTION.match(last) or (
                    last.endswith(":") and any(map(_lists_links, blocks[number + 1 :][:1]))
                ):
                    text, introduced = text.removesuffix(last).rstrip(), True
            case "bullet_list" | "ordered_list":
                text, introduced = _list(block, introduced=introduced), False
            case "fence" | "code_block":
                text = block.text.rstrip()
            case "html_block":  # a comment, and the text after it
                text = _one_line(_COMMENT.sub("", block.text))
            case "table":
                rows = (row for part in _blocks(block.inside) for row in _blocks(part.inside))
                text = "\n".join(" | ".join(_cell(cell) for cell in _blocks(row.inside)) for row in rows)
            case _:  # a quotation
                text = "\n\n".join(_texts(block.inside))
        if text:
            texts.append(text)
    return texts


def _list(block: _Block, *, introduced: bool = False) -> str:
    items: list[str] = []
    for item in _blocks(block.inside):
        text = "\n".join(_texts(item.inside, introduced=introduced, in_list=True))
        if text:
            marker = f"{len(items) + 1}. " if block.type == "ordered_list" else "- "
            items.append(marker + text.replace("\n", "\n" + " " * len(marker)))
    return "\n".join(items)


def _lists_links(block: _Block) -> bool:
    """Whether this is a list of links and nothing else."""
    links = (line for token in block.inside for line in _lines(token) if _has_link(line))
    return block.type in ("bullet_list", "ordered_list") and any(links) and not _list(block)


def _paragraph(block: _Block, *, introduced: bool, in_list: bool) -> str:
    """The lines that are there for their words; those of them that are prose are noted at their token."""
    kept = []
    for token in block.inside:
        prose = token.meta[_PROSE] = set[int]()
        for number, line in enumerate(_lines(token)):
            if not _is_resource(line, introduced=introduced):
                kept.append(line)
                if not (in_list and isinstance(line[0], _Link)):
                    prose.add(number)
    return _one_line(" ".join(map(_plain, kept)))


def _listed_links(tokens: Sequence[Token]) -> Iterator[_Link]:
    """The links that are not just mentioned in prose."""
    for token in tokens:
        prose = token.meta.get(_PROSE, ())
        for number, line in enumerate(_lines(token)):
            for piece in line:
                if isinstance(piece, _Link) and (piece.type is not None or number not in prose):
                    yield piece


def _cell(block: _Block) -> str:
    return _one_line(" ".join(_plain(line) for token in block.inside for line in _lines(token)))


# ---- lines --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Link:
    title: str
    url: str
    type: str | None


_Line: TypeAlias = Sequence[str | _Link]


def _lines(token: Token) -> list[_Line]:
    """The lines of an inline token, cut where the author broke them; none for any other token."""
    lines: list[list[str | _Link]] = [[]]
    title: list[str] = []
    url: str | None = None  # of the link that we are in
    for part in token.children or ():
        match part.type:
            case "link_open":
                url = str(part.attrs["href"])
            case "link_close":
                assert url is not None
                lines[-1].append(_link(_one_line("".join(title)), url))
                title, url = [], None
            case "softbreak" | "hardbreak" if url is None:
                lines.append([])
            case _:
                (lines[-1] if url is None else title).append(_text(part))
    return [line for line in lines if line]


def _text(part: Token) -> str:
    if part.type == "html_inline":
        return _COMMENT.sub("", part.content)
    return part.content or (" " if part.type.endswith("break") else "")


def _link(text: str, url: str) -> _Link:
    """A link whose text may begin with its type: ``@video@Git in a day``."""
    mark = _TYPE_MARK.match(text)
    return _Link(text[mark.end() :], url, _resource_type(mark["type"])) if mark else _Link(text, url, None)


def _is_resource(line: _Line, *, introduced: bool) -> bool:
    """Whether a line is there for its link alone: a typed link first, or nothing around the link."""
    if not _has_link(line):
        return False
    leads = isinstance(line[0], _Link) and line[0].type is not None
    return introduced or leads or not re.search(r"\w", "".join(piece for piece in line if isinstance(piece, str)))


def _has_link(line: _Line) -> bool:
    return any(isinstance(piece, _Link) for piece in line)


def _plain(line: _Line) -> str:
    return "".join(piece.title if isinstance(piece, _Link) else piece for piece in line)


def _one_line(text: str) -> str:
    return " ".join(text.split())


@cache
def _resource_type(written: str) -> str:
    """The nearest of the types we know: ``offical`` is official, ``articles`` article; article when none is near."""
    return (*difflib.get_close_matches(written.lower(), RESOURCE_TYPES, n=1, cutoff=0.7), "article")[0]


# ---- the parser ---------------------------------------------------------------------------------------------------

_PROSE = "prose"  # at a token: the numbers of its lines that are running text
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_TYPE_MARK = re.compile(r"@\s*(?P<type>[A-Za-z][A-Za-z._-]*)\s*@\s*")
_WEB_SCHEME = re.compile(r"h*t+p+(?P<secure>s*):/+", re.IGNORECASE)
_NOUN = r"(?:resource|link|article|video|tutorial|material|reference|guide)s?"
_INTRODUCTION = re.compile(
    r"(?=.{,160}$)(?:"
    r"(?:to (?:learn|know|read)|for (?:more|further)|learn|visit|check|(?:have|take) a look|look at|explore|refer to"
    rf"|see|read|watch)\b.*\b(?:following|these|below)\b.*\b{_NOUN}\b"
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
