"""The sample roadmap in the package: whole, well-formed, and drawn so that its tree can be read."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from roadmap_assets.roadmaps.content.files import choose_files
from roadmap_assets.roadmaps.content.reading import Content, read_content
from roadmap_assets.roadmaps.document import Document, parse_document
from roadmap_assets.roadmaps.hierarchy import STAGES
from roadmap_assets.roadmaps.place import place_topics
from roadmap_assets.roadmaps.sources.registry import SAMPLE, open_source
from roadmap_assets.warehouse.raw import Snapshot

SLUG = "data-orchestration"
NANOID = re.compile(r"[A-Za-z0-9_-]{21}")

Tree: TypeAlias = "dict[str, Tree]"

HEADINGS: Final = {
    *("Modelling Work", "Moving Data", "Running in Production"),
    *("Ways to Slice", "Detecting Change", "Safe Writes", "Shared Limits"),
}
INTENDED: Final[Tree] = {
    "Why Orchestrate?": {"Cron and Its Limits": {}, "Workflow Engines": {}, "Batch and Streaming": {}},
    "Modelling Work": {
        "Graphs and Assets": {"Directed Acyclic Graphs": {}, "Data Assets": {}, "Fan-Out and Fan-In": {}},
        "Partitions": {
            "Backfills": {},
            "Late Data": {},
            "Ways to Slice": {"Time Windows": {}, "Static Keys": {}, "Dynamic Keys": {}},
        },
        "Triggers": {"Schedules": {"Time Zones": {}}, "Sensors": {}},
    },
    "Moving Data": {
        "Incremental Loads": {
            "Detecting Change": {"High-Water Marks": {}, "Change Data Capture": {}, "Content Hashes": {}},
            "Safe Writes": {"Upserts": {}, "Partition Overwrite": {}, "Atomic Publishing": {}},
        },
        "Storage": {
            "File Layout": {"Compaction": {}, "Compression": {}},
            "Storage Formats": {"CSV and JSON": {}, "Parquet": {}, "Table Formats": {}},
        },
    },
    "Running in Production": {
        "Reliability": {
            "Idempotency": {},
            "Retries": {"Dead Letters": {}},
            "Timeouts": {},
            "Shared Limits": {"Rate Limits": {}, "Concurrency Limits": {}},
        },
        "Data Quality": {"Asset Checks": {}, "Freshness": {}, "Data Contracts": {}},
        "Observability": {"Lineage": {}, "Logs and Metrics": {}, "Tracing": {}, "Alerts": {}},
        "Delivery": {"Testing Pipelines": {}, "Deployment": {}, "Cost": {}},
    },
}

LOST_WITHOUT: Final = {  # a stage of the hierarchy -> a topic that needs it, and why
    "measured": ("Rate Limits", "its frame is larger than the size requested"),
    "frames": ("Parquet", "it belongs to the box on top of its frame"),
    "frame headings": ("Table Formats", "a topic lies on the upper border of its frame"),
    "stacks": ("Cron and Its Limits", "the edge ends at the box below it in its stack"),
    "dashed": ("Dead Letters", "it is far away, at the end of a dashed edge"),
    "solid": ("Graphs and Assets", "the solid path places it under its chapter"),
    "lines": ("Observability", "a drawn line continues the solid path"),
    "paragraphs": ("Content Hashes", "a paragraph heads its stack"),
    "labels": ("Time Windows", "a label heads its stack"),
    "flush topics": ("Compaction", "a topic lies flush above its stack"),
    "remainder": ("Deployment", "only proximity shows its parent"),
}


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return open_source("sample").fetch(SLUG)


@pytest.fixture(scope="module")
def document(snapshot: Snapshot) -> Document:
    return parse_document(snapshot.document, roadmap=SLUG, origin=snapshot.origin)


@pytest.fixture(scope="module")
def labels(document: Document) -> dict[str, str]:
    return {topic.id: topic.label for topic in document.topics}


@pytest.fixture(scope="module")
def texts(snapshot: Snapshot) -> dict[str, Content]:
    return {content.topic_id: read_content(content.markdown) for content in snapshot.contents}


def test_it_is_the_only_sample() -> None:
    assert list(open_source("sample").listing()) == [SLUG]


def test_everything_in_the_document_is_usable(document: Document) -> None:
    assert document.title == "Data Orchestration"
    assert (document.unusable_nodes, document.unusable_edges) == (0, 0)
    assert 48 <= len(document.topics) <= 54
    assert all(node.box is not None for node in document.nodes)


def test_every_kind_of_node_is_drawn(document: Document) -> None:
    kinds = "title topic subtopic paragraph label section vertical horizontal button linksgroup"
    assert {node.type for node in document.nodes} == set(kinds.split())


def test_ids_are_nanoids_and_unique(snapshot: Snapshot) -> None:
    raw = json.loads(snapshot.document)
    ids = [item["id"] for item in (*raw["nodes"], *raw["edges"])]
    assert [one for one, count in Counter(ids).items() if count > 1] == []
    assert [one for one in ids if not NANOID.fullmatch(one)] == []


def test_labels_are_unique(labels: dict[str, str]) -> None:
    assert [label for label, count in Counter(labels.values()).items() if count > 1] == []


def test_each_topic_has_exactly_one_file_named_after_it(labels: dict[str, str], snapshot: Snapshot) -> None:
    chosen = choose_files(labels, snapshot.contents)
    assert chosen.files.keys() == labels.keys()
    assert len(snapshot.contents) == len(labels)
    wanted = {f"{_slug(label)}@{topic_id}.md" for topic_id, label in labels.items()}
    assert {content.file for content in snapshot.contents} == wanted


def test_texts_open_with_the_label_and_are_of_readable_length(
    labels: dict[str, str], snapshot: Snapshot, texts: dict[str, Content]
) -> None:
    for content in snapshot.contents:
        assert content.markdown.startswith(f"# {labels[content.topic_id]}\n\n"), content.file
        assert 30 <= len(texts[content.topic_id].description.split()) <= 100, content.file  # code counts too


def test_links_are_typed_and_secure_except_the_specimens(labels: dict[str, str], texts: dict[str, Content]) -> None:
    """One topic has no link and one link has no type, as happens in real roadmaps."""
    assert [labels[topic] for topic, text in texts.items() if not text.resources] == ["Delivery"]
    assert [labels[topic] for topic, text in texts.items() if text.untyped_links] == ["Cron and Its Limits"]
    assert sum(text.repaired_links + text.dropped_links for text in texts.values()) == 0
    assert all(len(text.resources) <= 3 for text in texts.values())
    assert all(link.url.startswith("https://") for text in texts.values() for link in text.resources)


@pytest.mark.parametrize(
    ("label", "specimen"),
    [
        pytest.param("Upserts", "```sql\n", id="a code fence"),
        pytest.param("Workflow Engines", "\n- an executor", id="a list inside the description"),
        pytest.param("Timeouts", "(https://en.wikipedia.org/wiki/Timeout_(computing))", id="parentheses in an address"),
    ],
)
def test_the_texts_have_the_constructs_of_real_ones(label: str, specimen: str, snapshot: Snapshot) -> None:
    markdown = next(content.markdown for content in snapshot.contents if content.file.startswith(_slug(label) + "@"))
    assert specimen in markdown


def test_boxes_do_not_overlap(document: Document) -> None:
    """Frames contain boxes and lines touch them; other boxes have space around them."""
    frames = {node.id for node in document.nodes if node.type == "section" or node.label == "Safe Writes"}
    boxes = [
        (node.label, node.box)
        for node in document.nodes
        if node.id not in frames and node.type not in ("vertical", "horizontal") and node.box is not None
    ]
    overlapping = [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.gap(other) <= 0]
    assert overlapping == []


def test_the_tree_is_read_as_intended(document: Document, labels: dict[str, str]) -> None:
    read = {labels[topic]: place.path for topic, place in place_topics(document).items()}
    assert read == {label: path for label, path in _paths(INTENDED) if label not in HEADINGS}


@pytest.mark.parametrize(
    ("stage", "label"), [pytest.param(stage, label, id=stage) for stage, (label, _) in LOST_WITHOUT.items()]
)
def test_every_stage_of_the_hierarchy_has_something_to_read(
    stage: str, label: str, document: Document, labels: dict[str, str]
) -> None:
    without = {labels[topic]: place.path for topic, place in place_topics(document, without=frozenset({stage})).items()}
    assert without[label] != dict(_paths(INTENDED))[label]


def test_every_stage_has_an_example() -> None:
    assert LOST_WITHOUT.keys() == set(STAGES)


def test_the_files_are_small() -> None:
    """They are part of every installation."""
    assert sum(path.stat().st_size for path in _files()) < 64 * 1024


def _paths(tree: Tree, above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    for label, below in tree.items():
        yield label, above
        yield from _paths(below, (*above, label))


def _files() -> list[Path]:
    return [path for path in SAMPLE.rglob("*") if path.is_file()]


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", label.lower().replace(" ", "-"))
