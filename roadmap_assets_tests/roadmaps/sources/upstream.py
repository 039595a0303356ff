"""A local server in place of the live source's hosts: roadmap.sh's API, GitHub's API and GitHub's raw files."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from roadmap_assets.roadmaps.sources.base import Addresses, blob_sha

REPOSITORY = "nilbuild/developer-roadmap"
FORMER_REPOSITORY = "kamranahmedse/developer-roadmap"
TREE = f"/github/repos/{REPOSITORY}/git/trees/master:roadmaps?recursive=1"
RAW = f"/raw/{REPOSITORY}/master/roadmaps/"
OFFICIAL = "/site/v1-list-official-roadmaps"
BEGINNER = "/site/v1-list-official-beginner-roadmaps"
UPDATED = "2026-08-01T09:00:00.000Z"

_LINK = re.compile(r"^- \[@(?P<type>[^@\]]*)@(?P<title>.*)\]\((?P<url>\S+)\)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """What is sent; `cut` says after how many bytes of it the connection is dropped (0: before the status line).

    With `drip_s`, the reply never ends: a byte more is sent at this interval.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip_s: float | None = None


DROPPED = Reply(cut=0)


class Upstream:
    """Serves `files` (`<slug>/content/<name>@<id>.md`), and `documents` and `trees` by slug.

    `updated` holds the `updatedAt` of documents that were edited, and `entries` list entries to send as they are.
    `faults` holds replies to send instead, by a part of the request's path: each list is used up from its front, its
    last one for good when `None` follows it. `every` replaces the reply to every n-th request, by n. Every request is
    kept in `requests`, as (path, headers).
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        documents: Mapping[str, bytes] | None = None,
        trees: Mapping[str, bytes] | None = None,
    ) -> None:
        self.files = dict(files)
        self.documents = dict(documents or {})
        self.trees = dict(trees or {})
        self.updated: dict[str, str] = {}
        self.entries: dict[str, Any] = {}
        self.faults: dict[str, list[Reply | None]] = {}
        self.every: dict[int, Reply] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._number = 0
        self._lock = Lock()
        self._stopped = Event()
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
                length = {"Content-Length": str(len(reply.body))} if reply.drip_s is None else {"Connection": "close"}
                for name, value in {**length, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(reply.body[: reply.cut])
                    self.wfile.flush()
                    while reply.drip_s is not None and not upstream._stopped.wait(reply.drip_s):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                except OSError:  # the client has closed the connection
                    self.close_connection = True
                self.close_connection = self.close_connection or reply.cut is not None or reply.drip_s is not None

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Ignore clients that disconnect; tests make them do so."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @classmethod
    def of_folder(cls, folder: Path, *slugs: str, tree: Callable[[Path], str] = lambda _: "") -> Upstream:
        """Serves roadmaps that are on disk; `tree` returns a document's tree, or ''."""
        names = slugs or tuple(sorted(path.name for path in folder.iterdir()))
        paths = [path for name in names for path in sorted((folder / name / "content").glob("*.md"))]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        documents = {name: path.read_bytes() for name in names if (path := folder / name / f"{name}.json").is_file()}
        trees = {name: made.encode() for name in documents if (made := tree(folder / name / f"{name}.json"))}
        return cls(files, documents, trees)

    def edit(self, slug: str, document: bytes) -> None:
        """Replace a document as the site's editors do, which its list shows."""
        self.documents[slug] = document
        self.updated[slug] = f"2026-09-{len(self.updated) + 1:02}T09:00:00.000Z"

    @property
    def addresses(self) -> Addresses:
        return Addresses(
            roadmap_sh_api=f"{self.url}/site", github_api=f"{self.url}/github", github_raw=f"{self.url}/raw"
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the program finds this server."""
        return {
            "ROADMAP_SH_API": f"{self.url}/site",
            "ROADMAP_GITHUB_API": f"{self.url}/github",
            "ROADMAP_GITHUB_RAW": f"{self.url}/raw",
        }

    def counted(self) -> dict[str, int]:
        """Requests by host since this was last asked."""
        counts: dict[str, int] = defaultdict(int)
        for path, _ in self.requests:
            counts[path.split("/")[1]] += 1
        self.requests.clear()
        return dict(counts)

    # ---- replies --------------------------------------------------------------------------------------------------

    def _reply(self, path: str, headers: dict[str, str]) -> Reply:
        with self._lock:
            self.requests.append((path, headers))
            self._number += 1
            for number, reply in self.every.items():
                if self._number % number == 0:
                    return reply
            for part, replies in self.faults.items():
                if part in path and replies:
                    first = replies[0]
                    if len(replies) < 2 or replies[1] is not None:
                        replies.pop(0)
                    if first is not None:
                        return first
        if path.startswith("/site/"):
            return self._site(path)
        if path == "/github/rate_limit":
            core = {"limit": 5000, "remaining": 4990, "reset": 1_900_000_000}
            return Reply(body=json.dumps({"resources": {"core": core}}).encode())
        if path == TREE:
            return self._tree(headers)
        if path == TREE.replace(REPOSITORY, FORMER_REPOSITORY):
            return Reply(301, b'{"message": "Moved Permanently"}', {"Location": self.url + TREE})
        for repository in (REPOSITORY, FORMER_REPOSITORY):  # the raw host follows a rename by itself
            base = RAW.replace(REPOSITORY, repository)
            if (
                path.startswith(base)
                and (body := self.files.get(unquote(urlsplit(path).path[len(base) :]))) is not None
            ):
                return Reply(body=body)
        return Reply(404, b'{"message": "Not Found"}')

    def _site(self, path: str) -> Reply:
        missing = Reply(404, b'{"message": "Not found"}')
        match path.removeprefix("/site/").split("/"):
            case ["v1-list-official-roadmaps"]:
                return self._list(beginner=False)
            case ["v1-list-official-beginner-roadmaps"]:
                return self._list(beginner=True)
            case ["v1-official-roadmap", slug] if slug in self.documents:
                return Reply(body=self.documents[slug])
            case ["v1-roadmap-tree-mapping", slug] if slug in self.trees:
                return Reply(body=self.trees[slug])
            case ["v1-official-roadmap-topic", slug, node]:
                ending = f"@{unquote(node)}.md"
                bodies = [self.files[p] for p in self.files if p.startswith(f"{slug}/") and p.endswith(ending)]
                return Reply(body=_topic(slug, bodies[0].decode())) if bodies else missing
        return missing

    def _list(self, *, beginner: bool) -> Reply:
        entries = [
            self.entries.get(slug) or self._entry(number, slug)
            for number, slug in enumerate({**self.documents, **self.entries})
            if slug.endswith("-beginner") == beginner
        ]
        return Reply(body=json.dumps(entries).encode())

    def _entry(self, number: int, slug: str) -> dict[str, Any]:
        """A list's entry; callers meet it in several shapes."""
        title = slug.replace("-", " ").title()
        return {
            "slug": slug,
            "title": title if number % 2 else {"card": title, "page": f"{title} Developer"},
            "description": "",
            "type": "role",
            "updatedAt": self.updated.get(slug, UPDATED),
            **({"renderer": "editor", "status": "published"} if number % 3 else {}),
        }

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
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


def bomb(size: int) -> bytes:
    """Some kilobytes of gzip that unpack to `size` blanks."""
    pack, block = zlib.compressobj(9, wbits=31), b" " * (1 << 20)
    return b"".join([*(pack.compress(block) for _ in range(size >> 20)), pack.flush()])


def _topic(slug: str, markdown: str) -> bytes:
    """A topic as the site serves it: typed links apart from the text."""
    resources = [match.groupdict() for match in _LINK.finditer(markdown)]
    return json.dumps({"roadmapSlug": slug, "description": _LINK.sub("", markdown), "resources": resources}).encode()
