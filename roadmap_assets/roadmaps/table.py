"""A roadmap as fetched -> its table of topics."""

from __future__ import annotations

from msgspec import Struct

from roadmap_assets.roadmaps.content.files import choose_files
from roadmap_assets.roadmaps.content.reading import Content, read_content
from roadmap_assets.roadmaps.document import parse_document
from roadmap_assets.roadmaps.place import place_topics
from roadmap_assets.roadmaps.tree import parse_tree
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets.warehouse.topics import Topic


class TopicTable(Struct, frozen=True):
    """The topics of a roadmap in reading order, its title, and counts of irregularities of the source, by name."""

    title: str
    topics: tuple[Topic, ...]
    counts: dict[str, int]


def build_topics(snapshot: Snapshot) -> TopicTable:
    """Every topic with its place, description and resources.

    Raises DocumentError if the document is not JSON, has the old shape, or contains no topic.
    """
    document = parse_document(snapshot.document, roadmap=snapshot.roadmap, origin=snapshot.origin)
    tree = parse_tree(snapshot.tree)
    places = place_topics(document, tree)
    labels = {node.id: " ".join(node.label.split()) for node in document.topics}
    chosen = choose_files(labels, snapshot.contents)
    contents = {topic_id: read_content(file.markdown) for topic_id, file in chosen.files.items()}
    topics = []
    for position, (topic_id, place) in enumerate(places.items()):
        content = contents.get(topic_id, Content(""))
        topics.append(
            Topic(
                roadmap=snapshot.roadmap,
                topic_id=topic_id,
                position=position,
                topic=labels[topic_id],
                category=place.category,
                subcategory=place.subcategory,
                parent=place.parent,
                parent_topic=place.parent_topic,
                path=place.path,
                description=content.description,
                resources=content.resources,
                placed_by=place.placed_by,
                optional=topic_id in tree.entries and tree.entries[topic_id].optional,
            )
        )
    blank = [topic_id for topic_id, content in contents.items() if content.is_blank]
    empty = sum(not chosen.files[topic_id].markdown.strip() for topic_id in blank)
    counts = {
        "unusable_nodes": document.unusable_nodes,
        "unusable_edges": document.unusable_edges,
        "unusable_tree_entries": tree.unusable,
        "tree_entries_of_no_topic": len(tree.entries.keys() - labels.keys()),
        "disputed_places": sum(place.disputed for place in places.values()),
        "topics_without_file": chosen.topics_without_file,
        "topics_with_several_files": chosen.topics_with_several_files,
        "files_of_no_topic": chosen.files_of_no_topic,
        "files_without_id": chosen.files_without_id,
        "texts_with_heading_only": len(blank) - empty,
        "texts_empty": empty,
        "texts_cut": sum(content.is_cut for content in contents.values()),
        "links_mended": sum(content.repaired_links for content in contents.values()),
        "links_dropped": sum(content.dropped_links for content in contents.values()),
        "links_without_type": sum(content.untyped_links for content in contents.values()),
    }
    return TopicTable(title=document.title, topics=tuple(topics), counts=counts)
