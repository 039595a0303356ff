"""Is upstream still as we read it? A handful of requests to roadmap.sh and GitHub; run with `pytest -m live`."""

from __future__ import annotations

import json

import pytest

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.sources.base import Addresses
from roadmap_assets.roadmaps.sources.http import Client
from roadmap_assets.roadmaps.sources.live import LiveSource
from roadmap_assets.roadmaps.sources.repository import Repository
from roadmap_assets.roadmaps.sources.site import Site
from roadmap_assets.roadmaps.table import build_topics
from roadmap_assets.settings import Settings
from roadmap_assets_tests.live.conftest import Listings, open_repository

pytestmark = pytest.mark.live

ROADMAP = "engineering-manager"


def test_the_lists_name_the_roadmaps_we_know(site: Site) -> None:
    catalogue = site.catalogue()
    assert {"backend", "frontend", "devops", ROADMAP} <= catalogue.keys()
    assert all(entry.title and entry.updated_at for entry in catalogue.values())


@pytest.mark.parametrize("roadmap", ["backend", "frontend", ROADMAP])
def test_a_document_holds_topics(site: Site, roadmap: str) -> None:
    text, url = site.document(roadmap)
    document = parse_document(text, roadmap=roadmap, origin=url)
    assert len(document.topics) >= 50
    assert document.edges


def test_a_roadmap_that_does_not_exist_is_an_error(site: Site) -> None:
    with pytest.raises(DocumentError):
        site.document("no-such-roadmap-at-all")


def test_the_official_tree_is_about_the_nodes_of_the_document(site: Site) -> None:
    text, url = site.document("frontend")
    topics = {node.id for node in parse_document(text, roadmap="frontend", origin=url).topics}
    named = {entry["nodeId"] for entry in json.loads(site.tree("frontend") or "[]")}
    assert len(topics & named) >= 0.5 * len(topics)


def test_a_topic_has_a_text(site: Site) -> None:
    text, url = site.document(ROADMAP)
    topics = parse_document(text, roadmap=ROADMAP, origin=url).topics
    assert any((found := site.text(ROADMAP, topic.id)) and len(found) > 100 for topic in topics[:5])


def test_the_repository_has_the_texts_of_most_roadmaps(site: Site, repository: Repository) -> None:
    files = repository.files()
    assert len(files.keys() & site.catalogue().keys()) >= 0.8 * len(site.catalogue())
    assert len(files[ROADMAP]) >= 100


def test_the_listing_is_not_sent_again_while_it_is_unchanged(
    repository: Repository, client: Client, addresses: Addresses, settings: Settings, listings: Listings
) -> None:
    files = repository.files()
    saved = listings.saved
    assert saved, "the listing has no ETag"
    assert open_repository(client, addresses, settings, listings).files() == files
    assert listings.saved == saved


def test_a_raw_text_is_the_version_that_was_listed(repository: Repository) -> None:
    file, sha = next(iter(repository.files()[ROADMAP].items()))
    assert repository.text(ROADMAP, file, sha)  # raises for any other version


def test_a_roadmap_becomes_a_table(source: LiveSource) -> None:
    table = build_topics(source.fetch(ROADMAP))
    assert len(table.topics) >= 100
    assert sum(bool(topic.description) for topic in table.topics) >= 0.9 * len(table.topics)
