"""A snapshot -> the table of topics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadmap_assets.errors import DocumentError
from roadmap_assets.roadmaps.sources.base import content_file
from roadmap_assets.roadmaps.sources.directory import DirectorySource
from roadmap_assets.roadmaps.sources.registry import open_source
from roadmap_assets.roadmaps.table import build_topics
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets.warehouse.topics import Resource


def node(node_id: str, label: str, *, kind: str = "topic", x: int = 0, y: int = 0) -> dict[str, Any]:
    size = {"width": 100, "height": 40}
    return {"id": node_id, "type": kind, "position": {"x": x, "y": y}, "measured": size, "data": {"label": label}}


def edge(source: str, target: str, style: str = "dashed") -> dict[str, Any]:
    return {"id": f"{source}-{target}", "source": source, "target": target, "data": {"edgeStyle": style}}


GARDEN: dict[str, Any] = {
    "title": {"page": "The Garden"},
    "nodes": [node("1", " Soil  life "), node("2", "Peat \n moss", kind="subtopic", x=300), node("3", "Tools", y=200)],
    "edges": [edge("1", "2"), edge("1", "gone"), edge("1", "3", "solid")],
}


def snapshot(document: object = GARDEN, files: dict[str, str] | None = None, tree: str = "") -> Snapshot:
    text = document if isinstance(document, str) else json.dumps(document)
    contents = tuple(content_file(name, markdown.encode()) for name, markdown in (files or {}).items())
    return Snapshot("garden", document=text, origin="garden.json", source="test", contents=contents, tree=tree)


def test_a_topic_has_its_place_and_its_text() -> None:
    table = build_topics(
        snapshot(
            files={"peat-moss@2.md": "# Peat\n\nOld.\n\n- [@book@Bog](https://bog.example)", "soil-life@1.md": "# S"}
        )
    )
    assert table.title == "The Garden"
    assert [(t.position, t.topic_id, t.topic, t.category, t.path) for t in table.topics] == [
        (0, "1", "Soil life", "Soil life", ()),
        (1, "2", "Peat moss", "Soil life", ("Soil life",)),
        (2, "3", "Tools", "Tools", ()),
    ]
    peat = table.topics[1]
    assert (peat.roadmap, peat.parent, peat.parent_topic, peat.subcategory) == ("garden", "Soil life", "Soil life", "")
    assert peat.description == "Old."
    assert peat.resources == (Resource("Bog", "https://bog.example", "book"),)


def test_a_topic_has_its_place_in_the_tree_and_its_mark() -> None:
    tree = [
        {"nodeId": "3", "text": "The Garden > Soil life > Tools", "isOptional": True},
        {"nodeId": "2", "text": "The Garden > Soil life > Peat moss", "isOptional": False},
        {"nodeId": "gone", "text": "The Garden > Bees"},
        {"text": "The Garden > Wasps"},
    ]
    table = build_topics(snapshot(tree=json.dumps(tree)))
    assert [(t.topic, t.path, t.placed_by, t.optional) for t in table.topics] == [
        ("Soil life", (), "drawing", False),
        ("Peat moss", ("Soil life",), "tree", False),
        ("Tools", ("Soil life",), "tree", True),
    ]
    counted = ("unusable_tree_entries", "tree_entries_of_no_topic", "disputed_places")
    assert [table.counts[name] for name in counted] == [1, 1, 1]


def test_omissions_and_repairs_are_counted() -> None:
    files = {
        "soil-life@1.md": "# Soil\n",
        "soils@1.md": "# Soil\n\nAn older text of the same topic.\n",
        "peat-moss@2.md": "# Peat\n\n[a](ttps://a.example) [b](/b) [@video@c](https://c.example)",
        "tools@3.md": "\n",
        "gone@9.md": "# Gone",
        "readme.md": "# Read me",
    }
    assert build_topics(snapshot(files=files)).counts == {
        "unusable_nodes": 0,
        "unusable_edges": 1,
        "unusable_tree_entries": 0,
        "tree_entries_of_no_topic": 0,
        "disputed_places": 0,
        "topics_without_file": 0,
        "topics_with_several_files": 1,
        "files_of_no_topic": 1,
        "files_without_id": 1,
        "texts_with_heading_only": 1,
        "texts_empty": 1,
        "texts_cut": 0,
        "links_mended": 1,
        "links_dropped": 1,
        "links_without_type": 1,
    }
    assert build_topics(snapshot()).counts["topics_without_file"] == 3


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("<html>", "not JSON", id="a page"),
        pytest.param({"mockup": {}}, "old shape", id="old shape"),
        pytest.param({"nodes": [], "edges": []}, "no topic", id="no topics"),
    ],
)
def test_a_document_that_yields_no_topics(document: object, reason: str) -> None:
    with pytest.raises(DocumentError, match=rf"garden\.json.*{reason}"):
        build_topics(snapshot(document))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "data", "label", "position", "x", "y", "width", "style", "source", "target"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)
_NODES = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("abcdef") | _JSON, "type": st.sampled_from(["topic", "subtopic", "section", "label"])},
        optional={
            "data": st.fixed_dictionaries({"label": st.text(max_size=8)}) | _JSON,
            "position": _JSON,
            "measured": _JSON,
        },
    ),
    max_size=6,
)
_EDGES = st.lists(
    st.fixed_dictionaries(
        {"source": st.sampled_from("abcdef") | _JSON, "target": st.sampled_from("abcdef"), "data": _JSON}
    )
)


@given(
    document=st.text()
    | _JSON
    | st.fixed_dictionaries({"nodes": _NODES | _JSON, "edges": _EDGES | _JSON, "title": _JSON}),
    markdown=st.text(),
    tree=st.text() | st.lists(st.fixed_dictionaries({"nodeId": st.sampled_from("abc"), "text": _JSON})).map(json.dumps),
)
def test_any_document_is_a_table_or_a_clear_error(document: object, markdown: str, tree: str) -> None:
    given = snapshot(document, {"a@a.md": markdown, "b@b.md": markdown}, tree)
    try:
        table = build_topics(given)
    except DocumentError:
        return
    assert table.topics
    assert len({topic.topic_id for topic in table.topics}) == len(table.topics)


def test_the_sample_has_every_text() -> None:
    source = open_source("sample")
    for slug in source.listing():
        table = build_topics(source.fetch(slug))
        assert 40 <= len(table.topics) <= 60
        assert all(topic.description for topic in table.topics)
        assert table.counts["topics_without_file"] == table.counts["files_of_no_topic"] == 0


def test_the_real_roadmaps(real_roadmaps: Path) -> None:
    """As measured: topics, topics without a file and with several, files of no topic, repaired links."""
    expected = {
        "ai-engineer": (116, 9, 0, 51, 1),
        "engineering-manager": (134, 0, 0, 0, 0),
        "frontend": (115, 0, 9, 43, 0),
        "mlops": (32, 0, 4, 31, 0),
    }
    source = DirectorySource(real_roadmaps)
    for slug, numbers in expected.items():
        table = build_topics(source.fetch(slug))
        counts = table.counts
        assert numbers == (
            len(table.topics),
            counts["topics_without_file"],
            counts["topics_with_several_files"],
            counts["files_of_no_topic"],
            counts["links_mended"],
        ), slug
        assert [topic.position for topic in table.topics] == list(range(len(table.topics)))
        assert all(topic.topic == " ".join(topic.topic.split()) for topic in table.topics)


def test_a_real_topic_with_two_files_has_the_text_of_its_label(real_roadmaps: Path) -> None:
    given = DirectorySource(real_roadmaps).fetch("mlops")
    (topic,) = (topic for topic in build_topics(given).topics if topic.topic == "Version Control Systems")
    files = [content for content in given.contents if content.topic_id == topic.topic_id]
    right, wrong = sorted(files, key=lambda content: not content.file.startswith("version-control"))
    assert len(wrong.markdown) > len(right.markdown), "the name beats the length"
    assert topic.description[:20] in right.markdown
    assert topic.description[:20] not in wrong.markdown
