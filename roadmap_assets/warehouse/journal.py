"""Answers that the database could not take, kept in files elsewhere until it can.

They are paid for, and the disk of the database may be full, or another program may hold the database. So they go to
folders of this user, first on another file system than the database. The next transaction, of any run, takes them in.

A file is written whole under a name of its own, and removed once its records are committed; records that are taken in
twice are stored once. So neither needs a lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec.structs import asdict
from platformdirs import user_state_path

from roadmap_assets.warehouse.base import Connection
from roadmap_assets.warehouse.enrichments import Answer, store_answers
from roadmap_assets.warehouse.evaluations import AskedRow, store_asked_rows
from roadmap_assets.warehouse.ledger import Call, known_calls, record_calls


class Journal:
    """The journal of the database at a path or address; `folders` are tried in turn, those on another file system than
    the database's first.
    """

    def __init__(self, database: Path | str, *, folders: Callable[[], Sequence[Path]] | None = None) -> None:
        self._database = database
        self._prefix = f"journal-{hashlib.sha256(str(database).encode(errors='surrogateescape')).hexdigest()[:16]}-"
        self._folders = folders or _folders

    def write(self, calls: Sequence[Call], answers: Sequence[Answer], asked: Sequence[AskedRow] = ()) -> Path:
        """Keep the records, on disk when this returns; the path of their file. Raises OSError when no folder can."""
        lines = [{"call": asdict(call)} for call in calls] + [{"answer": answer._asdict()} for answer in answers]
        lines += [{"asked": asdict(row)} for row in asked]
        text = "".join(json.dumps(line, default=datetime.isoformat) + "\n" for line in lines)
        failed = OSError("there is no folder for it")
        for folder in sorted(self._folders(), key=self._is_beside_the_database):
            path = folder / f"{self._prefix}{uuid.uuid4().hex}.jsonl"
            try:
                _write_whole(path, text)
            except OSError as error:
                failed = error
                continue
            return path
        raise failed

    def files(self) -> list[Path]:
        """The files that wait; none that another user has put there."""
        return [
            path
            for folder in self._folders()
            for path in sorted(folder.glob(f"{self._prefix}*.jsonl"))
            if _is_own_file(path)
        ]

    def take_in(self, connection: Connection) -> None:
        """Store the records of all files, and remove these once the transaction is committed."""
        for path in self.files():
            with suppress(FileNotFoundError):  # another run has just taken it in
                try:
                    calls, answers, asked = _read(path)
                except (ValueError, TypeError, KeyError):
                    path.replace(path.with_suffix(".damaged"))  # left for a person to look at
                    continue
                known = known_calls(connection, [call.call_id for call in calls])
                record_calls(connection, [call for call in calls if call.call_id not in known])
                store_answers(connection, answers)
                store_asked_rows(connection, [row for row in asked if row.call_id not in known])
                connection.after_commit(partial(path.unlink, missing_ok=True))

    def _is_beside_the_database(self, folder: Path) -> bool:
        return isinstance(self._database, Path) and _device(folder) == _device(self._database.parent)


def _folders() -> Sequence[Path]:
    return user_state_path("roadmap-assets"), Path(tempfile.gettempdir()) / f"roadmap-assets-{os.getuid()}"


def _device(folder: Path) -> int:
    """The file system that a folder is on, or will be."""
    while not folder.exists():
        folder = folder.parent
    return folder.stat().st_dev


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{path.parent} belongs to another user")
    unfinished = path.with_suffix(".new")
    try:
        with unfinished.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _is_own_file(path: Path) -> bool:
    with suppress(FileNotFoundError):
        status = path.lstat()
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return False


def _read(path: Path) -> tuple[list[Call], list[Answer], list[AskedRow]]:
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    calls = [
        Call(**{**record["call"], "started_at": datetime.fromisoformat(record["call"]["started_at"])})
        for record in records
        if "call" in record
    ]
    answers = [Answer(**record["answer"]) for record in records if "answer" in record]
    return calls, answers, [AskedRow(**record["asked"]) for record in records if "asked" in record]
