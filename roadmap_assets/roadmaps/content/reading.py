"""A topic's markdown -> its description and its resources.

The texts come from many hands: a link may be typed or not, and the list of links has several introductions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from markdown_it.token import Token
from msgspec import Struct

from roadmap_assets.roadmaps.content.links import Link, web_url
from roadmap_assets.roadmaps.content.markdown import (
    COMMENT,
    Block,
    Line,
    blocks_of,
    has_link,
    lines_of,
    one_line,
    parse,
    plain,
)
from roadmap_assets.warehouse.topics import Resource

LONGEST_TEXT: Final = 250_000
"""Characters of a text that are read. Parsing takes up to 600 bytes for each; the longest real text has 1700."""

_PROSE = "prose"  # key in a token's `meta`: the numbers of its lines that are running text
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_NOUN = r"(?:resource|link|article|video|tutorial|material|reference|guide)s?"
_INTRODUCTION = re.compile(
    r"(?=.{,160}$)(?:"
    r"(?:to (?:learn|know|read)|for (?:more|further)|learn|visit|check|(?:have|take) a look|look at|explore|refer to"
    rf"|see|read|watch)\b.*\b(?:following|these|below)\b.*\b{_NOUN}\b"
    rf"|(?:(?:useful|helpful|additional|further|more|other|related|recommended|external) )?(?:{_NOUN}|reading):$)",
    re.IGNORECASE,
)


class Content(Struct, frozen=True):
    """Content of one markdown file.

    ``description`` is plain text: paragraphs separated by an empty line, each list item on a line, code unchanged.
    ``resources`` are the links in order, each url once. The counts are of links: with a repaired scheme, dropped
    because they are no address on the web, and without a type, which count as articles. ``is_cut``: only the lines
    within the first `LONGEST_TEXT` characters were read.
    """

    description: str
    resources: tuple[Resource, ...] = ()
    repaired_links: int = 0
    dropped_links: int = 0
    untyped_links: int = 0
    is_cut: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to read, or a heading at most."""
        return not (self.description or self.resources or self.dropped_links)


def read_content(markdown: str) -> Content:
    """Description and resources of a topic's markdown; never fails, whatever the text.

    A link in running prose is not a resource, unless its title names a type.
    """
    is_cut = len(markdown) > LONGEST_TEXT
    if is_cut:
        start = markdown[:LONGEST_TEXT]
        markdown = start.rpartition("\n")[0] or start
    tokens = parse(markdown)
    resources: dict[str, Resource] = {}
    repaired = dropped = untyped = 0
    description = "\n\n".join(_texts(tokens)).strip()  # first: it marks the lines that are prose
    for link in _listed_links(tokens):
        url = web_url(link.url)
        if url is None:
            dropped += 1
            continue
        repaired += link.url.lower() != url.lower()
        untyped += link.type is None
        resources.setdefault(url, Resource(title=link.title or url, url=url, type=link.type or "article"))
    return Content(description, tuple(resources.values()), repaired, dropped, untyped, is_cut)


def _texts(tokens: Sequence[Token], *, introduced: bool = False, in_list: bool = False) -> list[str]:
    """The texts of blocks, without headings, comments, links on lines of their own, and the introductions of those.

    ``introduced``: a line such as "Visit the following resources" came before, so every line with a link is a
    resource, whatever else it contains.
    """
    texts: list[str] = []
    blocks = blocks_of(tokens)
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
                text = one_line(COMMENT.sub("", block.text))
            case "table":
                rows = (row for part in blocks_of(block.inside) for row in blocks_of(part.inside))
                text = "\n".join(" | ".join(_cell(cell) for cell in blocks_of(row.inside)) for row in rows)
            case _:  # a quotation
                text = "\n\n".join(_texts(block.inside))
        if text:
            texts.append(text)
    return texts


def _list(block: Block, *, introduced: bool = False) -> str:
    items: list[str] = []
    for item in blocks_of(block.inside):
        text = "\n".join(_texts(item.inside, introduced=introduced, in_list=True))
        if text:
            marker = f"{len(items) + 1}. " if block.type == "ordered_list" else "- "
            items.append(marker + text.replace("\n", "\n" + " " * len(marker)))
    return "\n".join(items)


def _lists_links(block: Block) -> bool:
    """Whether the block is a list of nothing but links."""
    links = (line for token in block.inside for line in lines_of(token) if has_link(line))
    return block.type in ("bullet_list", "ordered_list") and any(links) and not _list(block)


def _paragraph(block: Block, *, introduced: bool, in_list: bool) -> str:
    """The text of the lines that are not resources; those that are prose are marked at their token."""
    kept = []
    for token in block.inside:
        prose = token.meta[_PROSE] = set[int]()
        for number, line in enumerate(lines_of(token)):
            if not _is_resource(line, introduced=introduced):
                kept.append(line)
                if not (in_list and isinstance(line[0], Link)):
                    prose.add(number)
    return one_line(" ".join(map(plain, kept)))


def _listed_links(tokens: Sequence[Token]) -> Iterator[Link]:
    """The links, except untyped ones in prose."""
    for token in tokens:
        prose = token.meta.get(_PROSE, ())
        for number, line in enumerate(lines_of(token)):
            for piece in line:
                if isinstance(piece, Link) and (piece.type is not None or number not in prose):
                    yield piece


def _cell(block: Block) -> str:
    return one_line(" ".join(plain(line) for token in block.inside for line in lines_of(token)))


def _is_resource(line: Line, *, introduced: bool) -> bool:
    """Whether a line lists a link: it begins with a typed link, or has no words beside the link."""
    if not has_link(line):
        return False
    leads = isinstance(line[0], Link) and line[0].type is not None
    return introduced or leads or not re.search(r"\w", "".join(piece for piece in line if isinstance(piece, str)))
