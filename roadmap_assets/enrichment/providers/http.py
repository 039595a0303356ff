"""The HTTP client for providers: no body without limits, and problems with its environment found before any call."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final
from urllib.request import getproxies

import httpx2

from roadmap_assets.errors import InvalidSetting

MAX_REPLY_BYTES: Final = 8 * 2**20
"""After decompression; twenty answers take a few thousand bytes."""


class ReplyTooLarge(Exception):
    """A body is larger than `MAX_REPLY_BYTES`, or compressed in a way that was not asked for."""


def open_client(
    *,
    connections: int,
    max_bytes: int | None = MAX_REPLY_BYTES,
    tls: bool = True,
) -> tuple[httpx2.AsyncClient, ssl.SSLContext]:
    """A client, and its certificates, to be shared since they take long to load. It follows no redirects.

    No body may have more than `max_bytes`; None leaves that to the caller, who then reads it piece by piece. Without
    `tls`, for a client that is used with `http://` addresses alone, no certificates are loaded, unless a proxy has TLS.

    Raises:
        InvalidSetting: the certificates or the proxy that the environment names cannot be used. A proxy's address is
            not quoted: it may hold a password.
    """
    to_proxies = any(proxy.lower().startswith("https:") for proxy in getproxies().values())
    certificates = _certificates() if tls or to_proxies else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limiting: list[Callable[..., Any]] = [] if max_bytes is None else [partial(_limit_body, max_bytes)]
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=60)
    try:
        client = httpx2.AsyncClient(
            limits=limits,
            timeout=None,
            verify=certificates,
            headers={"accept-encoding": "gzip"},
            event_hooks={"response": limiting},
        )
    except (ImportError, ValueError, httpx2.InvalidURL):
        raise InvalidSetting(
            "the proxy named by HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: it must be an http:// or https:// "
            "address with a valid port; correct that variable, or unset it"
        ) from None
    return client, certificates


def _certificates() -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise InvalidSetting(
            f"the certificates named by SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({type(error).__name__}); "
            "correct that variable, or unset it"
        ) from None


async def _limit_body(max_bytes: int, response: httpx2.Response) -> None:
    encoding = response.headers.pop("content-encoding", "identity").strip().lower()
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # the client is asynchronous
    response.stream = _LimitedBody(response.stream, encoding, max_bytes)


class _LimitedBody(httpx2.AsyncByteStream):
    """Decompresses piece by piece, so that a small body that expands to a huge one is found out early."""

    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str, max_bytes: int) -> None:
        self._stream = stream
        self._encoding = encoding
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding not in ("identity", "gzip"):
            raise ReplyTooLarge(f"the reply is compressed as {self._encoding!r}, which was not asked for")
        decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS) if self._encoding == "gzip" else None
        left = self._max_bytes
        async for chunk in self._stream:
            while chunk:
                piece = _decompress(decompressor, chunk, left + 1) if decompressor else chunk
                left -= len(piece)
                if left < 0:
                    raise ReplyTooLarge(f"the reply is larger than {self._max_bytes // 2**20} MB")
                yield piece
                chunk = decompressor.unconsumed_tail if decompressor else b""

    async def aclose(self) -> None:
        await self._stream.aclose()


def _decompress(decompressor: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return decompressor.decompress(chunk, most)
    except zlib.error as error:
        raise httpx2.DecodingError(str(error)) from None
