"""The choice of a topic's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadmap_assets.roadmaps.content.files import choose_files, file_slug
from roadmap_assets.roadmaps.sources.base import content_file
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.warehouse.raw import ContentFile


def text(file: str, markdown: str = "# Text") -> ContentFile:
    return content_file(file, markdown.encode())


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        pytest.param([text("old@1.md")], "old@1.md", id="by id, whatever the name"),
        pytest.param(
            [text("old@1.md", "much longer"), text("soil--peat@1.md")], "soil--peat@1.md", id="the label's slug"
        ),
        pytest.param(
            [text("soil-peat@1.md"), text("old@1.md", "much longer")], "soil-peat@1.md", id="hyphens do not count"
        ),
        pytest.param([text("older@1.md", "much longer"), text("old@1.md")], "older@1.md", id="else the longer"),
        pytest.param([text("a@1.md"), text("b@1.md")], "b@1.md", id="else always the same"),
    ],
)
def test_which_file_of_a_topic_is_taken(files: list[ContentFile], chosen: str) -> None:
    for order in (files, files[::-1]):
        assert choose_files({"1": "Soil & Peat!"}, order).files["1"].file == chosen


def test_files_and_topics_are_counted() -> None:
    chosen = choose_files(
        {"1": "Soil", "2": "Peat", "3": "Bark"},
        [text("soil@1.md"), text("soils@1.md"), text("peat@2.md"), text("a@8.md"), text("b@8.md"), text("readme.md")],
    )
    assert {topic_id: content.file for topic_id, content in chosen.files.items()} == {
        "1": "soil@1.md",
        "2": "peat@2.md",
    }
    assert chosen.topics_without_file == 1
    assert chosen.topics_with_several_files == 1
    assert chosen.files_of_no_topic == 2
    assert chosen.files_without_id == 1


def test_real_file_names_are_the_slugs_of_labels(real_roadmaps: Path) -> None:
    from roadmap_assets.roadmaps.document import parse_document

    snapshot = DirectorySource(real_roadmaps).fetch("engineering-manager")
    document = parse_document(snapshot.document, roadmap=snapshot.roadmap, origin=snapshot.origin)
    labels = {node.id: node.label for node in document.topics}
    for content in snapshot.contents:
        assert file_slug(content.file.rpartition("@")[0]) == file_slug(labels[content.topic_id])
