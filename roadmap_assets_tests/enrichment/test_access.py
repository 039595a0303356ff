"""Who answers, at which address and under which quota: found out before anything is looked up or paid for."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from roadmap_assets.database_url import PostgresUrl
from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.providers.base import Provider
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.settings import load_settings
from roadmap_assets.simulator.faults import FaultPlan, Rule, Status
from roadmap_assets.simulator.server import Simulator, SimulatorOptions
from roadmap_assets.warehouse.registry import open_warehouse
from roadmap_assets_tests.enrichment.providers.raw_server import answering, http
from roadmap_assets_tests.postgres import as_set

REAL = "gemini-3.5-flash-lite"


def access(folder: Path, *, offline: bool = False, **settings: Any) -> Access:
    given = {"db": folder / "cache.duckdb", "gemini_api_key": "any", "model": REAL, **settings}
    return Access(load_settings(**given), offline=offline)


def http_question(access: Access) -> Question:
    return access.question(topic="HTTP", description="", context="")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (SimulatorOptions(), "it says so"),
        (SimulatorOptions(key="another key"), "the request carries no key, and needs none"),
        (SimulatorOptions(rpm=1), "the request costs no quota"),
        (SimulatorOptions(faults=FaultPlan((Rule(Status(503), first=1),))), "nor does it meet a fault"),
    ],
)
def test_a_simulator_at_the_configured_address_is_identified(
    tmp_path: Path, options: SimulatorOptions, why: str
) -> None:
    with Simulator(options) as simulator:
        there = access(tmp_path, gemini_base_url=simulator.url)
        assert (there.simulated, there.model) == (True, "simulator"), why
        assert http_question(there).key != http_question(access(tmp_path)).key


def test_what_is_no_simulator_is_taken_for_the_model_that_is_configured(tmp_path: Path) -> None:
    assert access(tmp_path).model == REAL
    with Simulator() as simulator:
        simulator.refuse()
        assert access(tmp_path, gemini_base_url=simulator.url).model == REAL, "nobody answers"
    with answering(http(b"{}")) as url:
        assert access(tmp_path, gemini_base_url=url).model == REAL
    with answering(b"not HTTP") as url:
        assert access(tmp_path, gemini_base_url=url).model == REAL


def test_answers_of_a_simulator_are_kept_as_its_own_with_the_address(
    tmp_path: Path, database: Path | PostgresUrl
) -> None:
    with Simulator() as simulator:
        there = access(tmp_path, db=as_set(database), gemini_base_url=f"{simulator.url}/")
        warehouse = open_warehouse(there.settings.db)
        report = asyncio.run(there.engine(warehouse).run([http_question(there)]))
        assert report.base_url == simulator.url
        assert [request.model for request in simulator.requests] == [REAL]
        with warehouse.transaction() as connection:
            kept = connection.execute("SELECT model, model_version, base_url FROM enrichments").fetchall()
        assert kept == [("simulator", "simulator", simulator.url)]
    real = access(tmp_path, db=as_set(database))
    assert real.engine(warehouse).plan([http_question(real)]).hits == 0


def test_a_password_in_the_address_is_not_kept(tmp_path: Path) -> None:
    with Simulator() as simulator:
        there = access(tmp_path, gemini_base_url=simulator.url.replace("//", "//me:hush-hush@"))
        assert there.engine(open_warehouse(there.settings.db)).config.base_url == simulator.url
        assert there.simulated


@pytest.mark.parametrize(
    ("given", "limits"),
    [({}, (0, 0, 0)), ({"rpm": 15}, (15, 0, 0)), ({"rpm": 15, "tpm": 9000, "rpd": 40}, (15, 9000, 40))],
)
def test_offline_there_is_no_quota_unless_it_is_asked_for(
    tmp_path: Path, given: dict[str, Any], limits: tuple[int, int, int]
) -> None:
    found = Access(access(tmp_path, **given).settings, offline=True).limits
    assert (found.rpm, found.tpm, found.rpd) == limits
    assert access(tmp_path, **given).limits.rpm == 15


@pytest.mark.parametrize(
    "url",
    [
        "http://host:99999",
        "http://host:port",
        "http://host:0",
        "http://[::1",
        "http://me:hush-hush@host:99999",
        f"http://{'x' * 300}",
    ],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused_before_any_call(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidSetting, match="GOOGLE_GEMINI_BASE_URL") as refused:
        access(tmp_path, gemini_base_url=url).check()
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("model", ["two\nlines", "a model", "../x?y=z", "m\u00f6del"])
def test_a_name_that_no_model_has_is_refused_before_any_call(tmp_path: Path, model: str) -> None:
    with pytest.raises(InvalidSetting, match="ROADMAP_MODEL") as refused:
        access(tmp_path, model=model).check()
    assert "\n" not in str(refused.value)


def test_the_fallback_model_is_checked_as_the_first_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="ROADMAP_FALLBACK_MODEL"):
        access(tmp_path, fallback_model="a model").check()
    with pytest.raises(InvalidSetting, match="price of nobodys-model is unknown"):
        access(tmp_path, fallback_model="nobodys-model", budget_usd=1.0).check()
    access(tmp_path, fallback_model=f"{REAL}-001", budget_usd=1.0).check()


def test_the_fallback_model_is_no_part_of_a_key_and_the_simulator_needs_none(tmp_path: Path) -> None:
    alone, both = access(tmp_path), access(tmp_path, fallback_model="gemini-3.5-flash")
    assert (alone.models, both.models) == ((REAL,), (REAL, "gemini-3.5-flash"))
    assert http_question(alone).key == http_question(both).key
    assert access(tmp_path, fallback_model=REAL).models == (REAL,)
    assert access(tmp_path, fallback_model="gemini-3.5-flash", offline=True).models == ("simulator",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://me:hush-hush@127.0.0.1:9"),
        ("HTTPS_PROXY", "http://me:hush-hush@127.0.0.1:port"),
        ("HTTPS_PROXY", "ftp://me:hush-hush@127.0.0.1"),
        ("SSL_CERT_FILE", "/nowhere/hush-hush.pem"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    there = access(tmp_path)
    with pytest.raises(InvalidSetting, match=variable.partition("_")[2]) as refused:
        asyncio.run(there.engine(open_warehouse(there.settings.db)).run([http_question(there)]))
    assert "hush" not in str(refused.value)


def test_certificates_are_not_read_for_an_address_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    offline = access(tmp_path, offline=True)
    asked = asyncio.run(offline.engine(open_warehouse(offline.settings.db)).run([http_question(offline)]))
    assert asked.rows == {"enriched": 1}


def test_certificates_are_read_for_a_proxy_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    monkeypatch.setenv("HTTP_PROXY", "https://127.0.0.1:9")
    there = access(tmp_path, gemini_base_url="http://gateway.example")
    with pytest.raises(InvalidSetting, match="SSL_CERT_FILE"):
        asyncio.run(there.engine(open_warehouse(there.settings.db)).run([http_question(there)]))


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({}, {}),
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"thinking_level": "low"}, {"thinkingConfig": {"thinkingLevel": "LOW"}}),
    ],
    ids=["nothing that is not set", "temperature", "thinking level"],
)
def test_what_is_set_is_in_a_call_and_in_a_jobs_requests(
    tmp_path: Path, settings: dict[str, Any], sent: dict[str, Any]
) -> None:
    bodies: list[dict[str, Any]] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_error(400)

    async def ask(provider: Provider, question: Question) -> None:
        await provider.ask([question])
        await provider.close()

    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever).start()
        there = access(tmp_path, gemini_base_url=f"http://127.0.0.1:{server.server_port}", **settings)
        warehouse, question = open_warehouse(there.settings.db), http_question(there)
        asyncio.run(ask(there.engine(warehouse).config.open_provider(), question))
        server.shutdown()
    line = json.loads(there.batch_engine(warehouse).options.open_provider().line("1", [question], first_id=0))
    fixed = {"responseMimeType": "application/json", "responseJsonSchema": there.profile.reply_schema}
    assert [body["generationConfig"] for body in (*bodies, line["request"])] == [fixed | sent, fixed | sent]
