"""The real hosts, at the addresses in the settings; a test is skipped where its host cannot be reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from msgspec.structs import fields

from roadmap_assets.roadmaps.sources.base import Addresses
from roadmap_assets.roadmaps.sources.host import Host
from roadmap_assets.roadmaps.sources.http import Client
from roadmap_assets.roadmaps.sources.live import LiveSource
from roadmap_assets.roadmaps.sources.repository import Repository
from roadmap_assets.roadmaps.sources.site import SETTING, Site
from roadmap_assets.settings import Settings, load_settings


def reach(address: str) -> None:
    """Skip the test unless the address accepts connections."""
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), timeout=5).close()
    except OSError as error:
        pytest.skip(f"{parts.hostname} cannot be reached ({error})")


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def addresses(settings: Settings) -> Addresses:
    return Addresses(**{field.name: getattr(settings, field.name) for field in fields(Addresses)})


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    with closing(Client()) as client:
        yield client


@pytest.fixture(scope="session")
def site(client: Client, addresses: Addresses) -> Site:
    first = addresses.roadmap_sh_api.split(",")[0]
    reach(first)
    return Site([Host(client, first, setting=SETTING, refuses=False)])


class Listings:
    """Keeps a listing in memory, and says how often one was saved."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, str]] = {}
        self.saved = 0

    def load(self, source: str) -> tuple[str, str] | None:
        return self.kept.get(source)

    def save(self, source: str, etag: str, body: str) -> None:
        self.kept[source] = (etag, body)
        self.saved += 1


def open_repository(client: Client, addresses: Addresses, settings: Settings, listings: Listings) -> Repository:
    reach(addresses.github_api)
    token = settings.github_token
    return Repository(
        api=Host(client, addresses.github_api, setting="ROADMAP_GITHUB_API"),
        raw=Host(client, addresses.github_raw, setting="ROADMAP_GITHUB_RAW"),
        repository=addresses.github_repository,
        branch=addresses.github_branch,
        folder=addresses.github_folder,
        token=token.secret if token else None,
        listings=listings,
    )


@pytest.fixture(scope="session")
def listings() -> Listings:
    return Listings()


@pytest.fixture(scope="session")
def repository(client: Client, addresses: Addresses, settings: Settings, listings: Listings) -> Repository:
    return open_repository(client, addresses, settings, listings)


@pytest.fixture
def source(addresses: Addresses, settings: Settings) -> Iterator[LiveSource]:
    reach(addresses.roadmap_sh_api.split(",")[0])
    reach(addresses.github_raw)
    token = settings.github_token
    with closing(LiveSource(addresses, token=token.secret if token else None)) as source:
        yield source
