"""A local server that stands in for the three hosts of the live source: GitHub's API, its raw files, roadmap.sh."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_assets.roadmaps.sources.base import blob_sha

TREE = "/github/repos/kamranahmedse/developer-roadmap/git/trees/master:src%2Fdata%2Froadmaps?recursive=1"
RAW = "/raw/kamranahmedse/developer-roadmap/master/src/data/roadmaps/"
DOCUMENTS = "/roadmap-sh/v1-official-roadmap/"


@dataclass(frozen=True)
class Reply:
    """What is sent; `cut` says after how many bytes of it the connection is dropped (0: before the status line)."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None


DROPPED = Reply(cut=0)


class Upstream:
    """Serves `files` (by path below the roadmaps' folder) and `documents` (by slug, as roadmap.sh's API has them).

    `faults` holds replies to send instead, by a part of the request's path: each list is used up from its front, its
    last one for good when `None` follows it. Every request is kept in `requests`, as (path, headers).
    """

    def __init__(self, files: Mapping[str, bytes], documents: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(files)
        self.documents = dict(documents or {})
        self.faults: dict[str, list[Reply | None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._lock = Lock()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                reply = upstream._reply(self.path, {name.lower(): value for name, value in self.headers.items()})
                if reply.cut == 0:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body[: reply.cut])
                self.close_connection = reply.cut is not None

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @classmethod
    def of_folder(cls, folder: Path, *slugs: str) -> Upstream:
        """Serves roadmaps as they are on disk; roadmap.sh has every document that is there."""
        names = slugs or tuple(sorted(path.name for path in folder.iterdir()))
        paths = [path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, {name: files[f"{name}/{name}.json"] for name in names if f"{name}/{name}.json" in files})

    @property
    def urls(self) -> dict[str, str]:
        """What the live source is constructed with."""
        return {
            "api_url": f"{self.url}/github",
            "raw_url": f"{self.url}/raw",
            "roadmap_sh_url": f"{self.url}/roadmap-sh",
        }

    def counted(self) -> dict[str, int]:
        """Requests by host since this was last asked."""
        counts: dict[str, int] = defaultdict(int)
        for path, _ in self.requests:
            counts[path.split("/")[1]] += 1
        self.requests.clear()
        return dict(counts)

    def _reply(self, path: str, headers: dict[str, str]) -> Reply:
        with self._lock:
            self.requests.append((path, headers))
            for part, replies in self.faults.items():
                if part in path and replies:
                    reply = replies[0]
                    if len(replies) < 2 or replies[1] is not None:
                        replies.pop(0)
                    if reply is not None:
                        return reply
        if path == TREE:
            return self._tree(headers)
        if path.startswith(RAW) and (body := self.files.get(unquote(urlsplit(path).path[len(RAW) :]))) is not None:
            return Reply(body=body)
        if path.startswith(DOCUMENTS) and (body := self.documents.get(path[len(DOCUMENTS) :])) is not None:
            return Reply(body=body)
        return Reply(404, b"not found")

    def _tree(self, headers: dict[str, str]) -> Reply:
        tree = [
            {"path": path, "mode": "100644", "type": "blob", "sha": blob_sha(body), "size": len(body)}
            for path, body in self.files.items()
        ]
        body = json.dumps({"sha": "0", "tree": tree, "truncated": False}).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if headers.get("if-none-match") == etag:
            return Reply(304, headers={"ETag": etag})
        return Reply(body=body, headers={"ETag": etag})

    def __enter__(self) -> Upstream:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
