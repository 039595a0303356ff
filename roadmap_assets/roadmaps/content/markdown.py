"""Markdown as markdown-it reads it, in blocks and lines.

HTML is text here, with comments as the only exception: ``<iostream>`` in a sentence is a header file, not a tag.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, html_block
from markdown_it.token import Token
from msgspec import Struct

from roadmap_assets.roadmaps.content.links import Link, typed_link

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Block(Struct, frozen=True):
    """A block with the tokens inside it, the inline token of a paragraph among them."""

    type: str
    text: str
    inside: Sequence[Token]


def blocks_of(tokens: Sequence[Token]) -> list[Block]:
    """The outermost blocks of a run of tokens."""
    blocks: list[Block] = []
    start = depth = 0
    for position, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            first = tokens[start]
            blocks.append(Block(first.type.removesuffix("_open"), first.content, tokens[start + 1 : position]))
            start = position + 1
    return blocks


Line: TypeAlias = Sequence[str | Link]
"""Text and links in the order in which they are written."""


def lines_of(token: Token) -> list[Line]:
    """The lines of an inline token, cut where the author broke them; none for any other token."""
    lines: list[list[str | Link]] = [[]]
    title: list[str] = []
    url: str | None = None  # of the link around `part`
    for part in token.children or ():
        match part.type:
            case "link_open":
                url = str(part.attrs["href"])
            case "link_close":
                assert url is not None
                lines[-1].append(typed_link(one_line("".join(title)), url))
                title, url = [], None
            case "softbreak" | "hardbreak" if url is None:
                lines.append([])
            case _:
                (lines[-1] if url is None else title).append(_text(part))
    return [line for line in lines if line]


def _text(part: Token) -> str:
    if part.type == "html_inline":
        return COMMENT.sub("", part.content)
    return part.content or (" " if part.type.endswith("break") else "")


def has_link(line: Line) -> bool:
    """Whether a part of the line is a link."""
    return any(isinstance(piece, Link) for piece in line)


def plain(line: Line) -> str:
    """The line as text, each link as its title."""
    return "".join(piece.title if isinstance(piece, Link) else piece for piece in line)


def one_line(text: str) -> str:
    """`text` with a single space for white space of any kind."""
    return " ".join(text.split())


def parse(markdown: str) -> list[Token]:
    """The tokens of `markdown`; any text has some result."""
    return _PARSER.parse(markdown)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - markdown-it's names
        """Accept every link; `web_url` decides which of them lead to the web."""
        return True


def _comment_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Block rule for comments, which may contain empty lines; all other HTML is read as text."""
    start = state.bMarks[start_line] + state.tShift[start_line]
    return state.src.startswith("<!--", start) and html_block(state, start_line, end_line, silent)


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark").enable("table")
    parser.block.ruler.at("html_block", _comment_block, {"alt": ["paragraph", "reference", "blockquote"]})
    return parser


_PARSER = _parser()
