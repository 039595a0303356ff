"""Links of a topic's text: their addresses, and their types by the mark in their title (``[@article@Title](url)``)."""

from __future__ import annotations

import difflib
import re
from functools import cache
from urllib.parse import urlsplit

from msgspec import Struct

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

_TYPE_MARK = re.compile(r"@\s*(?P<type>[A-Za-z][A-Za-z._-]*)\s*@\s*")
_WEB_SCHEME = re.compile(r"h*t+p+(?P<secure>s*):/+", re.IGNORECASE)


class Link(Struct, frozen=True):
    """A link as it is written; `type` is None where its title names none."""

    title: str
    url: str
    type: str | None


def typed_link(text: str, url: str) -> Link:
    """A link whose text may begin with its type: ``@video@Git in a day``."""
    mark = _TYPE_MARK.match(text)
    return Link(text[mark.end() :], url, _resource_type(mark["type"])) if mark else Link(text, url, None)


def web_url(written: str) -> str | None:
    """``written`` as an http or https address, with a misspelt scheme repaired; None if it is no such address.

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


@cache
def _resource_type(written: str) -> str:
    """The nearest known type: ``offical`` is official, ``articles`` is article; article when no type is near."""
    return (*difflib.get_close_matches(written.lower(), RESOURCE_TYPES, n=1, cutoff=0.7), "article")[0]
