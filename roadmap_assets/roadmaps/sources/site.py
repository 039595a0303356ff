"""roadmap.sh's API: the catalogue, documents, official trees, and texts of single topics.

The API is not documented; its paths and shapes are those that the site's own pages use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from roadmap_assets.errors import DocumentError, SourceUnavailable
from roadmap_assets.roadmaps.sources.base import Entry, decode, is_slug
from roadmap_assets.roadmaps.sources.host import Host
from roadmap_assets.roadmaps.sources.http import DOCUMENT, LISTING, TEXT, Answer, Limit, not_understood, read_json

SETTING: Final = "ROADMAP_SH_API"
MAX_ROADMAPS: Final = 1000  # roadmap.sh has about 91
_LISTS: Final = ("/v1-list-official-roadmaps", "/v1-list-official-beginner-roadmaps")
_RENDERERS: Final = ("", "editor", "infinite-canvas")  # any other is of the time before documents had nodes


class Site:
    """roadmap.sh, at the first of `hosts` that answers with JSON."""

    def __init__(self, hosts: Sequence[Host], *, on_notice: Callable[[str], None] = lambda _: None) -> None:
        self._hosts = hosts
        self._on_notice = on_notice
        self._catalogue: Mapping[str, Entry] | SourceUnavailable | None = None

    def catalogue(self) -> Mapping[str, Entry]:
        """The published roadmaps by slug, of both lists, asked for once. Raises SourceUnavailable."""
        if self._catalogue is None:
            try:
                self._catalogue = self._read_lists()
            except SourceUnavailable as silence:
                self._catalogue = silence
        if isinstance(self._catalogue, SourceUnavailable):
            raise SourceUnavailable(str(self._catalogue))
        return self._catalogue

    def document(self, slug: str) -> tuple[str, str]:
        """The roadmap's JSON text and its address. Raises DocumentError when there is none, and SourceUnavailable."""
        answer, raw = self._ask(f"/v1-official-roadmap/{slug}", DOCUMENT, expected="a roadmap with nodes and edges")
        if answer.status == 404 or (isinstance(raw, dict) and "error" in raw and "nodes" not in raw):
            reason = f" ({_line(raw.get('error') or raw.get('message'))})" if isinstance(raw, dict) else ""
            raise DocumentError(f"roadmap.sh has no document of {slug}: {answer.url} answered {answer.status}{reason}")
        return decode(answer.body), answer.url

    def tree(self, slug: str) -> str:
        """The JSON text of the roadmap's official tree; '' when it has none. Raises SourceUnavailable."""
        expected = "an array of {nodeId, text}"
        answer, raw = self._ask(f"/v1-roadmap-tree-mapping/{slug}", DOCUMENT, expected=expected)
        if isinstance(raw, list):
            return decode(answer.body)
        if answer.status == 404 or raw is None or (isinstance(raw, dict) and "error" in raw):
            return ""
        raise not_understood(answer, found="JSON of another shape", expected=expected, setting=SETTING)

    def text(self, slug: str, node_id: str) -> str | None:
        """One topic's text as markdown with its links, as the repository has it; None when there is none.

        Raises SourceUnavailable.
        """
        path = f"/v1-official-roadmap-topic/{slug}/{quote(node_id, safe='')}"
        expected = "{description, resources}"
        answer, raw = self._ask(path, TEXT, expected=expected)
        if answer.status == 404 or raw is None or (isinstance(raw, dict) and "error" in raw):
            return None
        if not isinstance(raw, dict) or not isinstance(raw.get("description") or "", str):
            raise not_understood(answer, found="JSON of another shape", expected=expected, setting=SETTING)
        return _markdown(raw)

    # ---- requests -------------------------------------------------------------------------------------------------

    def _read_lists(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        skipped: list[str] = []
        for path in _LISTS:
            answer, raw = self._ask(path, LISTING, expected="an array of roadmaps")  # with nodes or without
            fault = (
                f"status {answer.status}" if answer.status != 200
                else "JSON of another shape" if not isinstance(raw, list)
                else "an empty list" if not raw and path == _LISTS[0]
                else f"a list of {len(raw)}" if len(raw) > MAX_ROADMAPS
                else ""
            )  # fmt: skip
            if fault:
                raise not_understood(
                    answer, found=fault, expected=f"an array of 1 to {MAX_ROADMAPS} roadmaps", setting=SETTING
                )
            for item in raw:
                slug, entry, reason = _entry(item)
                if entry:
                    entries.setdefault(slug, entry)
                else:
                    skipped.append(f"{slug or 'an entry'} ({reason})")
        if skipped:
            more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
            self._on_notice(f"{len(skipped)} of roadmap.sh's entries skipped: {', '.join(skipped[:3])}{more}")
        if not entries:
            raise not_understood(answer, found="no usable entry", expected="published roadmaps", setting=SETTING)
        return dict(sorted(entries.items()))

    def _ask(self, path: str, limit: Limit, *, expected: str) -> tuple[Answer, Any]:
        """The answer of 200 or 404 with its JSON, from the first host that has one (a 404 need not have any)."""
        reasons = []
        for host in self._hosts:
            try:
                answer = host.get(path, limit=limit)
                if answer.status == 404:
                    return answer, _json_or_none(answer)
                return answer, read_json(answer, expected=expected, setting=SETTING)
            except SourceUnavailable as reason:
                reasons.append(str(reason))
        raise SourceUnavailable("; and ".join(reasons))


def _entry(item: Any) -> tuple[str, Entry | None, str]:
    """(slug, entry, '') of a list's item, or (name, None, why it is skipped)."""
    if not isinstance(item, dict) or not isinstance(slug := item.get("slug"), str):
        return "", None, "no slug"
    if not is_slug(slug):
        return _line(slug), None, "not a roadmap's name"
    if (renderer := item.get("renderer") or "") not in _RENDERERS:
        return slug, None, f"legacy renderer {_line(renderer)}"
    if (status := item.get("status") or "published") != "published":
        return slug, None, _line(status)
    title = item.get("title")
    if isinstance(title, dict):
        title = title.get("page") or title.get("card")
    return slug, Entry(title=_line(title), type=_line(item.get("type")), updated_at=_line(item.get("updatedAt"))), ""


def _line(value: Any) -> str:
    """A foreign text on one short line of printable characters; '' for what is no text."""
    if not isinstance(value, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in value[:400]).split())
    return line if len(line) <= 80 else f"{line[:80]}…"


def _json_or_none(answer: Answer) -> Any:
    try:
        return json.loads(answer.body[:10_000])
    except (ValueError, RecursionError):
        return None


def _markdown(topic: Mapping[str, Any]) -> str:
    """Description and resources as the repository's files write them."""
    description = topic.get("description") or ""
    resources = topic.get("resources")
    links = [
        f"- [@{link.get('type') or 'article'}@{_escaped(link.get('title') or url)}](<{_escaped(url)}>)"
        for link in (resources if isinstance(resources, list) else [])
        if isinstance(link, dict) and isinstance(url := link.get("url"), str) and url not in description
    ]
    if links:
        description += "\n\nVisit the following resources to learn more:\n\n" + "\n".join(links) + "\n"
    return description


def _escaped(text: Any) -> str:
    """A text on one line without effect on the markdown around it."""
    return re.sub(r"([\\\[\]<>])", r"\\\1", " ".join(str(text).split()))
