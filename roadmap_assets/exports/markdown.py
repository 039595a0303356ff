"""A roadmap as a folder of Markdown notes, for Obsidian and other programs: one a topic, and a map of contents.

All texts are escaped: nothing in them becomes a heading, a tag, a link or HTML. Links between notes are relative
paths, which every program follows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from roadmap_assets.exports.edition import CHALLENGE, TLDR, Edition, is_simulated, is_stale
from roadmap_assets.exports.whole_file import written_whole
from roadmap_assets.places import Place
from roadmap_assets.warehouse.published import EnrichedTopic

_FORBIDDEN: Final = re.compile(r'[\\/:*?"<>|#^\[\]%\x00-\x1f\x7f]+')  # in names on Windows, or in Obsidian's links
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|~$=^&%])")
_LIST_ITEM: Final = re.compile(r"- |\d+\. ")
_LONGEST_NAME: Final = 150  # bytes


def write_notes(folder: Place, edition: Edition) -> int:
    """Write the notes of a roadmap into `folder` and return how many there are.

    Notes of an earlier export are replaced; other files of the folder are left alone.

    Raises:
        OutputNotWritable: naming the file; those before it are written.
    """
    files = _files(edition)
    ordered = list(edition.rows)
    for row, before, after in zip(ordered, [None, *ordered], [*ordered[1:], None], strict=False):
        path = files[row.topic.topic_id]
        neighbours = {
            label: (_link(f"../{files[one.topic.topic_id]}", one.topic.topic))
            for label, one in (("Previous", before), ("Next", after))
            if one
        }
        _write(folder / path, _note(edition, row, neighbours))
    _write(folder / _map_name(edition), _map(edition, files))
    return len(ordered)


def safe_name(text: str) -> str:
    """A text as the name of a file or folder on any system.

    >>> safe_name("CI/CD: why?"), safe_name("aux")
    ('CI CD why', 'aux_')
    """
    name = " ".join(_FORBIDDEN.sub(" ", text).split()).encode(errors="replace")[:_LONGEST_NAME].decode(errors="ignore")
    name = name.strip(". ") or "untitled"
    return f"{name}_" if _RESERVED.fullmatch(name) else name


def escaped(text: str) -> str:
    """A text as Markdown that shows it as it is."""
    return _MARKUP.sub(r"\\\1", text)


def _files(edition: Edition) -> Mapping[str, str]:
    """Each topic's file by its id: chapter and name, with the id where two of a chapter have one name."""
    wanted = {
        row.topic.topic_id: (safe_name(edition.chapter_of(row)), safe_name(row.topic.topic)) for row in edition.rows
    }
    uses = Counter((chapter.casefold(), name.casefold()) for chapter, name in wanted.values())
    return {
        topic_id: f"{chapter}/{name}.md"
        if uses[chapter.casefold(), name.casefold()] == 1
        else f"{chapter}/{name} ({safe_name(topic_id)}).md"
        for topic_id, (chapter, name) in wanted.items()
    }


def _map_name(edition: Edition) -> str:
    return f"{safe_name(edition.title)}.md"


def _map(edition: Edition, files: Mapping[str, str]) -> str:
    lines = [
        *_front_matter({"roadmap": edition.roadmap, "topics": len(edition.rows)}),
        f"# {escaped(edition.title)}",
        "",
    ]
    for chapter, rows in edition.chapters.items():
        lines += [f"## {escaped(chapter)}", ""]
        for row in rows:
            tldr = row.columns.get(TLDR)
            said = f": {escaped(str(tldr))}" if tldr else ""
            lines.append(f"- [ ] {_link(files[row.topic.topic_id], row.topic.topic)}{said}")
        lines.append("")
    lines.append(
        f"From [roadmap.sh/{edition.roadmap}](https://roadmap.sh/{edition.roadmap}). Its content belongs to roadmap.sh "
        "and may not be republished."
    )
    return "\n".join(lines) + "\n"


def _note(edition: Edition, row: EnrichedTopic, neighbours: Mapping[str, str]) -> str:
    topic = row.topic
    facts = {
        "roadmap": topic.roadmap,
        "topic_id": topic.topic_id,
        "chapter": edition.chapter_of(row),
        "path": list(topic.path),
        "tldr": row.columns.get(TLDR),
        "challenge": row.columns.get(CHALLENGE),
        "optional": topic.optional or None,
        "simulated": is_simulated(row) or None,
        "stale": is_stale(row) or None,
    }
    lines = [*_front_matter(facts), f"# {escaped(topic.topic)}", ""]
    if row.columns.get(TLDR):
        lines += [f"> {escaped(str(row.columns[TLDR]))}", ""]
    for header, value in edition.answers_of(row):
        if value != row.columns.get(TLDR):
            lines += [f"## {escaped(header)}", "", *_answer(value), ""]
    lines += [line for block in topic.description.split("\n\n") if block for line in (*_block(block), "")]
    if topic.resources:
        lines += ["## Resources", ""]
        lines += [f"- {escaped(one.type)}: {_link(one.url, one.title, web=True)}" for one in topic.resources]
        lines.append("")
    up = _link(f"../{_map_name(edition)}", edition.title)
    lines.append(" · ".join([f"Up: {up}", *(f"{label}: {link}" for label, link in neighbours.items())]))
    return "\n".join(lines) + "\n"


def _front_matter(facts: Mapping[str, Any]) -> Iterator[str]:
    """YAML, whose values are written as JSON, which is part of it."""
    yield "---"
    for name, value in facts.items():
        if value not in (None, []):
            yield f"{name}: {json.dumps(value, ensure_ascii=False)}"
    yield "---"


def _block(block: str) -> Sequence[str]:
    """A paragraph or a list, escaped; several lines that are no list are code or a table."""
    lines = block.split("\n")
    if len(lines) == 1 or _LIST_ITEM.match(block):
        return [escaped(line) for line in lines]
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", block) or [""]))
    return [fence, *lines, fence]


def _answer(value: Any, *, indent: str = "") -> Iterator[str]:
    """An answer of any shape as nested lists."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield f"{indent}- {escaped(str(name).replace('_', ' ').capitalize())}"
            yield from _answer(one, indent=f"{indent}  ")
    elif isinstance(value, list):
        for one in value:
            yield from _answer(one, indent=indent)
    else:
        yield f"{indent}- {escaped(str(value))}" if indent else escaped(str(value))


def _link(target: str, text: str, *, web: bool = False) -> str:
    # An address is percent-encoded already; in either, nothing may be left that could end the link.
    return f"[{escaped(text)}]({quote(target, safe='/:?#@!$&*+,;=%~-._' if web else '/.')})"


def _write(path: Place, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_bytes(text.encode(errors="replace"))
