"""The Files API: resumable uploads, listing, download, deletion (https://ai.google.dev/api/files).

An upload begins with a request that names its length; the reply has an address for it. The content is sent to that
address in one or more pieces, the last with the command ``finalize``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from roadmap_assets.simulator import wire

KEPT_FOR = timedelta(hours=48)


@dataclass(slots=True)
class StoredFile:
    """A file and its metadata."""

    name: str
    mime_type: str
    display_name: str = ""
    content: bytearray = field(default_factory=bytearray)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    source: str = "UPLOADED"

    def document(self, *, base_url: str) -> dict[str, Any]:
        """The ``File`` resource."""
        return {
            "name": self.name,
            "displayName": self.display_name,
            "mimeType": self.mime_type,
            "sizeBytes": str(len(self.content)),
            "createTime": wire.timestamp(self.created_at),
            "updateTime": wire.timestamp(self.created_at),
            "expirationTime": wire.timestamp(self.created_at + KEPT_FOR),
            "state": "ACTIVE",
            "source": self.source,
            "uri": f"{base_url}/v1beta/{self.name}",
        }


class Files:
    """The files of a simulator, in memory; those that ``keeps`` cannot be deleted by request."""

    def __init__(self, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self._files: dict[str, StoredFile] = {}
        self._uploads: dict[str, StoredFile] = {}

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("/upload/{version}/files", self._start_upload, methods=["POST"]),
            Route("/upload/simulator/{upload}", self._receive_upload, methods=["POST", "PUT"]),
            Route("/download/{version}/files/{file}:download", self._download),
            Route("/{version}/files/{file}:download", self._download),
            Route("/{version}/files", self._list),
            Route("/{version}/files/{file}", self._get, methods=["GET"]),
            Route("/{version}/files/{file}", self._delete, methods=["DELETE"]),
        ]

    def add(self, content: bytes, *, mime_type: str) -> str:
        """Keep a file that the server generates, and return its name."""
        name = f"files/batch-{uuid4().hex[:12]}"
        self._files[name] = StoredFile(name, mime_type, content=bytearray(content), source="GENERATED")
        return name

    def read(self, name: str) -> bytes:
        """The content of a file; raises BadRequest when there is none."""
        if name not in self._files:
            raise wire.BadRequest(f"File {name} does not exist.")
        return bytes(self._files[name].content)

    def reset(self) -> None:
        """Forget every file."""
        self._files.clear()
        self._uploads.clear()

    async def _start_upload(self, request: Request) -> Response:
        if request.headers.get("x-goog-upload-command") != "start":
            return _error(400, "An upload begins with the command start.")
        try:
            described = wire.read_json_object(await request.body() or b"{}").get("file", {})
        except wire.BadRequest as error:
            return _error(400, str(error))
        described = described if isinstance(described, dict) else {}
        mime_type = described.get("mimeType") or described.get("mime_type")
        file = StoredFile(
            name=str(described.get("name") or f"files/{uuid4().hex[:12]}"),
            mime_type=str(mime_type or request.headers.get("x-goog-upload-header-content-type", "")),
            display_name=str(described.get("displayName") or described.get("display_name") or ""),
        )
        upload = uuid4().hex
        self._uploads[upload] = file
        address = f"{_base_url(request)}/upload/simulator/{upload}"
        return _json({}, headers={"x-goog-upload-url": address, "x-goog-upload-status": "active"})

    async def _receive_upload(self, request: Request) -> Response:
        file = self._uploads.get(request.path_params["upload"])
        if file is None:
            return _error(404, "There is no such upload.")
        if request.headers.get("x-goog-upload-offset") != str(len(file.content)):
            return _error(400, f"The upload continues at byte {len(file.content)}.")
        file.content += await request.body()
        if "finalize" not in request.headers.get("x-goog-upload-command", ""):
            return _json({}, headers={"x-goog-upload-status": "active"})
        del self._uploads[request.path_params["upload"]]
        self._files[file.name] = file
        return _json({"file": file.document(base_url=_base_url(request))}, headers={"x-goog-upload-status": "final"})

    async def _list(self, request: Request) -> Response:
        files = [file.document(base_url=_base_url(request)) for file in self._files.values()][::-1]
        start, size = (int(request.query_params.get(name) or 0) for name in ("pageToken", "pageSize"))
        end = start + (size or 10)
        page: dict[str, Any] = {"files": files[start:end]} if files[start:end] else {}
        return _json({**page, "nextPageToken": str(end)} if end < len(files) else page)

    async def _get(self, request: Request) -> Response:
        file = self._files.get(f"files/{request.path_params['file']}")
        return _json(file.document(base_url=_base_url(request))) if file else _error(404, "There is no such file.")

    async def _download(self, request: Request) -> Response:
        file = self._files.get(f"files/{request.path_params['file']}")
        if file is None:
            return _error(404, "There is no such file.")
        return Response(bytes(file.content), media_type=file.mime_type)

    async def _delete(self, request: Request) -> Response:
        if self._keeps:
            return _error(403, "The caller does not have permission to delete the file.")
        found = self._files.pop(f"files/{request.path_params['file']}", None)
        return _json({}) if found else _error(404, "There is no such file.")


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _json(document: dict[str, Any], *, headers: dict[str, str] | None = None) -> Response:
    return Response(wire.json_bytes(document), headers=headers, media_type="application/json; charset=UTF-8")


def _error(code: int, message: str) -> Response:
    return Response(wire.error_body(code, message), code, media_type="application/json; charset=UTF-8")
