"""Bodies that hosts send the live source: large, endless, damaged, compressed or nested."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time

import pytest

from roadmap_assets.errors import SourceUnavailable
from roadmap_assets.roadmaps.sources.host import ATTEMPTS, Host
from roadmap_assets.roadmaps.sources.http import Client
from roadmap_assets_tests.roadmaps.sources.conftest import Clock, source
from roadmap_assets_tests.roadmaps.sources.test_http import SMALL, host
from roadmap_assets_tests.roadmaps.sources.upstream import OFFICIAL, Reply, Upstream, bomb


def test_a_body_is_unpacked_no_further_than_its_limit(upstream: Upstream) -> None:
    packed = bomb(512 << 20)
    assert len(packed) < SMALL.size
    upstream.faults["/"] = [Reply(body=packed, headers={"Content-Encoding": "gzip"}), None]
    with host(upstream) as here, pytest.raises(SourceUnavailable, match="is larger than 1 MB"):
        here.get("/a", limit=SMALL)
    assert len(upstream.requests) == 1, "another attempt would not help"


def test_a_body_may_be_as_large_as_its_limit(upstream: Upstream) -> None:
    upstream.faults["/"] = [
        Reply(body=bomb(SMALL.size), headers={"Content-Encoding": "gzip"}),
        Reply(body=b" " * SMALL.size),
        Reply(body=b" " * (SMALL.size + 1)),
    ]
    with host(upstream) as here:
        assert {len(here.get("/a", limit=SMALL).body) for _ in range(2)} == {SMALL.size}
        with pytest.raises(SourceUnavailable, match="is larger than 1 MB"):
            here.get("/a", limit=SMALL)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(body=b"[", drip_s=0.05), id="a byte now and then"),
        pytest.param(Reply(body=b"", drip_s=60), id="nothing at all"),
    ],
)
def test_a_body_that_never_ends_is_given_up_in_time(upstream: Upstream, reply: Reply) -> None:
    upstream.faults["/"] = [reply, None]
    with host(upstream) as here:
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(SourceUnavailable, match="was not answered in full within 1 s"):
                here.get("/a", limit=SMALL)
        assert time.monotonic() - began < 5
    assert len(upstream.requests) == 1, "a host that is this slow is not asked again"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        pytest.param(Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"}), "badly compressed", id="no gzip"),
        pytest.param(
            Reply(body=gzip.compress(b"abc")[:-4], headers={"Content-Encoding": "gzip"}), "was cut off", id="cut gzip"
        ),
        pytest.param(Reply(body=b"short", headers={"Content-Length": "500"}, cut=5), "failed", id="too short"),
    ],
)
def test_a_damaged_body_is_asked_for_again(upstream: Upstream, reply: Reply, says: str) -> None:
    upstream.faults["/"] = [reply, None]
    with host(upstream) as here:
        with pytest.raises(SourceUnavailable, match=says):
            here.get("/a", limit=SMALL)
        assert len(upstream.requests) == ATTEMPTS


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.9\r\n", b"\x00" * 100, b"HTTP/9.9 abc\r\n\r\n", b""])
def test_a_server_that_does_not_speak_http_is_one_clear_line(greeting: bytes) -> None:
    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        clock = Clock()
        client = Client(clock=clock.time, sleep=clock.sleep)
        here = Host(client, f"http://127.0.0.1:{server.getsockname()[1]}", setting="ROADMAP_SH_API")
        with pytest.raises(SourceUnavailable, match=f"failed {ATTEMPTS} times") as raised:
            here.get("/a", limit=SMALL)
        client.close()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate"])
def test_a_compression_that_was_not_asked_for_is_refused(upstream: Upstream, encoding: str) -> None:
    upstream.faults["/"] = [Reply(body=b"x", headers={"Content-Encoding": encoding}), None]
    with host(upstream) as here, pytest.raises(SourceUnavailable, match="which was not asked for"):
        here.get("/a", limit=SMALL)
    assert upstream.requests[0][1]["accept-encoding"] == "gzip"


def test_deep_json_is_one_clear_line(upstream: Upstream) -> None:
    for part, deep in ((OFFICIAL, b"[" * 200_000), ("/github/", b'{"tree":' * 200_000)):
        upstream.faults = {part: [Reply(body=deep), None]}
        with pytest.raises(SourceUnavailable, match=r"nested too deeply|no JSON") as raised:
            source(upstream).listing()
        assert len(str(raised.value)) < 500


def test_json_of_very_many_values_is_not_read(upstream: Upstream) -> None:
    upstream.faults["/github/"] = [Reply(body=b'{"tree": [' + b"[],[]," * 1_000_000 + b"0]}")]
    with pytest.raises(SourceUnavailable, match="more than 1,000,000 values"):
        source(upstream).listing()


def test_a_document_is_not_asked_for_again_when_it_is_too_large(upstream: Upstream) -> None:
    packed = bomb(17 << 20)
    upstream.faults["v1-official-roadmap/herbs"] = [Reply(body=packed, headers={"Content-Encoding": "gzip"}), None]
    live = source(upstream)
    with pytest.raises(SourceUnavailable, match="is larger than 16 MB"):
        live.fetch("herbs")
    assert json.loads(live.fetch("spices").document), "others are fetched all the same"
