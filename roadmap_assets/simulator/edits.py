"""What a fault does to a reply: objects changed, texts garbled, finish reasons set."""

from __future__ import annotations

import json
from collections.abc import Sequence

from roadmap_assets.simulator.answers import MAX_WORDS, Columns, Row
from roadmap_assets.simulator.faults import EVERY, BlockPrompt, Cut, Edit, Fault, Finish, Garble
from roadmap_assets.simulator.wire import Reply


def reply_with(fault: Fault | None, rows: Sequence[Row], columns: Columns) -> Reply:
    """The reply made of these objects, with the fault in it if it is one of the reply's content."""
    match fault:
        case Edit():
            return Reply(text_of(edited(rows, fault, columns)))
        case Cut(keep=keep):
            text = text_of(rows)
            return Reply(text[: int(len(text) * keep)], finish_reason="MAX_TOKENS")
        case Finish(reason=reason, content=content):
            return Reply(text_of(rows) if content else None, finish_reason=reason)
        case BlockPrompt(reason=reason):
            return Reply(None, block_reason=reason)
        case Garble(what="not_json"):
            return Reply("Here are the answers you asked for: " + ", ".join(str(row["topic"]) for row in rows))
        case Garble(what="fenced"):
            return Reply(f"```json\n{text_of(rows)}\n```")
        case Garble(what="empty"):
            return Reply("")
        case Garble(what="no_candidates"):
            return Reply(None, candidates=False)
        case _:
            return Reply(text_of(rows))


def text_of(rows: Sequence[object]) -> str:
    return json.dumps(rows, ensure_ascii=False)


def edited(rows: Sequence[Row], edit: Edit, columns: Columns) -> list[Row | str]:
    """The objects after the edit; none is changed when the edit's topic is not among them."""
    chosen = [
        index
        for index, row in enumerate(rows)
        if edit.topic == EVERY or row["topic"] == edit.topic or (not edit.topic and index == 0)
    ]
    result: list[Row | str] = list(rows)
    match edit.what:
        case "reverse":
            return result[::-1]
        case "omit":
            return [row for index, row in enumerate(rows) if index not in chosen]
        case "unknown":
            return [*rows, {**rows[-1], "id": "unknown", "topic": "A topic that nobody asked for"}]
        case "double":
            return [*rows, *(_with_text(rows[index], columns, "The same topic once more") for index in chosen)]
        case "string":
            return [*rows[:1], "and so on", *rows[1:]]
        case "swap":
            for left in chosen[:1] if len(rows) > 1 else ():
                right = (left + 1) % len(rows)
                result[left] = {**rows[right], "id": rows[left]["id"]}
                result[right] = {**rows[left], "id": rows[right]["id"]}
            return result
    for index in chosen:
        result[index] = _worded(rows[index], edit, columns)
    return result


def _worded(row: Row, edit: Edit, columns: Columns) -> Row:
    """The object with its words changed."""
    text, level = str(row.get(columns.text, "")), str(row.get(columns.level, ""))
    match edit.what:
        case "long_text":
            return _with_text(row, columns, " ".join([text, *["more"] * MAX_WORDS, "words"]))
        case "full_stop":
            return _with_text(row, columns, f"{text}.")
        case "sloppy":
            return _with_text(_with_level(row, columns, f" {level.upper()}"), columns, f"  {text}\n")
        case "bad_level":
            return _with_level(row, columns, "a level that is not in the list")
        case _:
            return row


def _with_text(row: Row, columns: Columns, text: str) -> Row:
    return {**row, columns.text: text} if columns.text else row


def _with_level(row: Row, columns: Columns, level: str) -> Row:
    return {**row, columns.level: level} if columns.level else row
