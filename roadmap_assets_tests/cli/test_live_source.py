"""The live source from the command line, against a local server in place of its hosts."""

from __future__ import annotations

import gzip
import signal
import time
from pathlib import Path

import pytest

from roadmap_assets_tests.cli.command_line import CommandLine, line
from roadmap_assets_tests.roadmaps.sources.upstream import DROPPED, Reply, Upstream, bomb


def test_the_list_takes_two_requests(live: CommandLine, upstream: Upstream) -> None:
    assert live.run("scrape", "--list").stdout == "alpha\nbeta\ngamma\n"
    assert upstream.counted() == {"site": 2}
    assert live.run("scrape", "--list", "-v").stdout.splitlines()[0] == "alpha  (Alpha Developer, role)"


def test_the_second_run_asks_whether_anything_changed_and_no_more(live: CommandLine, upstream: Upstream) -> None:
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert upstream.counted() == {"github": 1, "site": 4, "raw": 3}
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert upstream.counted() == {"github": 1, "site": 2}
    assert live.csv()[0]["Description"] == "About alpha 0."


def test_the_menu_is_of_the_live_roadmaps(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--interactive", typed="beta\n")
    assert result.exit_code == 0
    assert "topics_beta.csv" in line(result, "Written:")


def test_all_topics_take_one_listing(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("topics", "--output", "topics.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert upstream.counted() == {"github": 1, "site": 2 + 3 * 2, "raw": 9}


def test_the_origin_of_the_document_is_shown(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--roadmap", "alpha", "-v")
    assert line(result, "Fetched alpha from").startswith(f"{upstream.url}/site/v1-official-roadmap/alpha")


def test_an_unknown_roadmap_is_named_with_the_nearest(live: CommandLine) -> None:
    result = live.run("scrape", "--roadmap", "alpah")
    assert result.exit_code == 1
    assert result.stderr == "Error: the source live has no roadmap 'alpah'; did you mean alpha?\n"


def test_a_roadmap_without_any_document_is_left_out_of_all(live: CommandLine, upstream: Upstream) -> None:
    upstream.faults["v1-official-roadmap/gamma"] = [Reply(200, b'{"error": "not found"}')]
    result = live.run("topics", "--output", "topics.jsonl")
    assert result.exit_code == 3
    assert "no document of gamma" in line(result, "Left out:")
    assert "(6 rows)" in line(result, "Written:")


def test_a_vanished_roadmap_keeps_its_last_state_and_the_run_says_so(live: CommandLine, upstream: Upstream) -> None:
    live.run("scrape", "--roadmap", "alpha")
    del upstream.documents["alpha"]
    result = live.run("scrape", "--roadmap", "alpha")
    assert (result.exit_code, result.stderr) == (
        0,
        "Note: alpha is no longer in the source live; its last state is used.\n",
    )
    assert len(live.csv()) == 3


def test_an_upstream_that_is_not_there_is_one_line(live: CommandLine) -> None:
    result = live.run("scrape", "--roadmap", "alpha", ROADMAP_SH_API="http://127.0.0.1:9")
    assert result.exit_code == 1
    [error] = result.stderr.splitlines()
    assert "127.0.0.1:9" in error
    assert "try again later" in error
    assert result.stdout == ""


def test_a_long_rate_limit_is_reported_with_its_end(live: CommandLine, upstream: Upstream) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}
    upstream.faults |= {"trees": [Reply(403, b"rate limit", headers), None], "/site/": [Reply(503), None]}
    result = live.run("scrape", "--list")
    assert result.exit_code == 1
    assert "2100-01-01" in result.stderr or "2099-12-31" in result.stderr
    assert "GITHUB_TOKEN" in result.stderr


def test_a_download_that_stops_leaves_the_last_good_state(live: CommandLine, upstream: Upstream) -> None:
    live.run("scrape", "--roadmap", "alpha")
    before = live.sql("SELECT file, sha FROM raw_contents ORDER BY ALL")
    for path in [path for path in upstream.files if path.startswith("alpha/content/")]:
        upstream.files[path] += b"More.\n"
    upstream.faults |= {"topic-2": [DROPPED, None], "roadmap-topic/": [DROPPED, None]}
    result = live.run("scrape", "--roadmap", "alpha")
    assert result.exit_code == 1
    assert "topic-2" in result.stderr
    assert live.sql("SELECT file, sha FROM raw_contents ORDER BY ALL") == before
    upstream.faults.clear()
    assert live.run("scrape", "--roadmap", "alpha").exit_code == 0
    assert live.sql("SELECT count(*) FROM raw_contents WHERE markdown LIKE '%More.%'") == [(3,)]


def test_the_token_goes_to_github_and_nowhere_else(live: CommandLine, upstream: Upstream) -> None:
    result = live.run("scrape", "--roadmap", "alpha", "-v", GITHUB_TOKEN="secret-token")
    sent = {path.split("/")[1] for path, headers in upstream.requests if "secret-token" in str(headers)}
    assert sent == {"github"}
    assert "secret-token" not in result.output
    assert b"secret-token" not in b"".join(p.read_bytes() for p in Path(".cache").iterdir() if p.is_file())


# ---- an interrupt, and memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "reply"),
    [
        pytest.param("/raw/", Reply(429, headers={"Retry-After": "50"}), id="downloads that wait"),
        pytest.param("/raw/", Reply(body=b"#", drip_s=0.5), id="downloads that never end"),
        pytest.param("/site/v1-list", Reply(body=b"[", drip_s=30), id="a list that never ends"),
    ],
)
def test_ctrl_c_ends_without_waiting_for_the_network(
    live: CommandLine, upstream: Upstream, part: str, reply: Reply
) -> None:
    upstream.faults[part] = [reply, None]
    with live.start("scrape", "--roadmap", "alpha") as process:
        deadline = time.monotonic() + 60
        while not any(part in path for path, _ in list(upstream.requests)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130


@pytest.mark.long
def test_memory_stays_bounded_whatever_is_sent(live: CommandLine, upstream: Upstream) -> None:
    entry = b'{"path":"alpha/content/x@y.md","sha":"' + b"0" * 40 + b'"},'
    listing = b'{"tree":[' + entry * 1_000_000 + b"0]}"
    upstream.faults = {
        "/github/": [Reply(body=gzip.compress(listing, 1), headers={"Content-Encoding": "gzip"}), None],
        "roadmap-topic/": [Reply(body=bomb(1 << 30), headers={"Content-Encoding": "gzip"}), None],
    }
    program = (
        "import re, sys; from pathlib import Path; from roadmap_assets.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1], file=sys.stderr)"
    )
    process = live.start("scrape", "--roadmap", "alpha", program=program)
    _, errors = process.communicate(timeout=120)
    *_, error, peak_kb = errors.splitlines()
    assert "alpha cannot be fetched" in error
    assert "is larger than" in error
    assert int(peak_kb) < 400_000


# ---- real data -----------------------------------------------------------------------------------------------------


def test_a_real_roadmap_from_the_live_source(live: CommandLine, command_line: CommandLine, real_roadmaps: Path) -> None:
    """In as many requests as there are things to fetch, and with the same rows as from disk."""
    slug = "engineering-manager"
    with Upstream.of_folder(real_roadmaps) as upstream:
        live = CommandLine(command_line.folder, **upstream.environment)

        def rows(*options: str) -> bytes:
            result = live.run("scrape", "--roadmap", slug, "--output", "live.csv", *options)
            assert (result.exit_code, result.stderr) == (0, "")
            return Path("live.csv").read_bytes()

        assert live.run("scrape", "--list").stdout.splitlines() == sorted(upstream.documents)
        assert upstream.counted() == {"site": 2}

        first = rows()
        assert upstream.counted() == {"site": 4, "github": 1, "raw": 134}
        assert rows() == first
        assert upstream.counted() == {"site": 2, "github": 1}

        path = next(path for path in upstream.files if path.startswith(f"{slug}/"))
        text, upstream.files[path] = upstream.files[path], b"# New\n\nAn edited text.\n"
        assert b"An edited text." in rows()
        assert upstream.counted() == {"site": 2, "github": 1, "raw": 1}

        upstream.files[path] = text
        drawing = upstream.documents[slug]
        upstream.edit(slug, drawing.replace(b'"What is Engineering Management?"', b'"An edited label"', 1))
        edited = rows()
        assert upstream.counted() == {"site": 4, "github": 1, "raw": 1}
        assert b"An edited label" in edited

        upstream.edit(slug, drawing)
        live.database.unlink()
        upstream.every[5] = Reply(503)
        assert rows() == first
        live.database.unlink()
        upstream.every[5] = DROPPED
        assert rows() == first

        upstream.every.clear()
        live.database.unlink()
        upstream.faults["/github/"] = [Reply(503), None]
        result = live.run("scrape", "--roadmap", slug, "--output", "live.csv")
        assert result.exit_code == 0
        assert Path("live.csv").read_bytes() == first, "the site's texts say the same"

    command_line.run("scrape", "--source", real_roadmaps, "--roadmap", slug, "--output", "disk.csv")
    assert Path("disk.csv").read_bytes() == first
