"""What can be wrong with the data: rules that find the offenders, in plain functions over rows.

A rule looks at one roadmap and returns what offends, in words; how many it tolerates is a share of the roadmap's rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Generic, Self, TypeVar, get_args

from roadmap_assets.enrichment.profiles.rules import Level
from roadmap_assets.errors import DocumentError
from roadmap_assets.warehouse.published import EnrichedTopic
from roadmap_assets.warehouse.raw import Snapshot
from roadmap_assets.warehouse.topics import Topic

TLDR_WORDS: Final = 12
MANY_TOPICS: Final = 5
"""So many topics of a roadmap with one TLDR, and it tells nothing."""

MOST_DISPUTED: Final = 0.1
"""Share of a roadmap's topics; beyond it, the tree or our reading of the drawing is probably out of date."""

_NAMED: Final = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found over all roadmaps looked at."""

    passed: bool
    count: int
    description: str

    @classmethod
    def of(cls, offenders: Mapping[str, Sequence[str]], *, tolerated: AbstractSet[str] = frozenset()) -> Self:
        """The finding for `offenders` by roadmap; those of the roadmaps in `tolerated` do not make it fail."""
        count = sum(map(len, offenders.values()))
        words = "; ".join(
            f"{roadmap}: {', '.join(found[:_NAMED])}{f' and {len(found) - _NAMED} more' if len(found) > _NAMED else ''}"
            for roadmap, found in offenders.items()
            if found and roadmap not in tolerated
        )
        return cls(passed=not words, count=count, description=words or ("tolerated" if count else "nothing found"))


@dataclass(frozen=True, slots=True)
class Rule(Generic[_T]):
    """Something that should hold for a roadmap.

    `find` returns the offenders of one, and up to the share `tolerance` of its `rows` is let pass. What breaks an
    `error` rule is wrong; when the rule is `blocking` as well, it is not published.
    """

    name: str
    description: str
    find: Callable[[_T], Sequence[str]]
    rows: Callable[[_T], int] = lambda _: 1
    tolerance: float = 0.0
    error: bool = False
    blocking: bool = False

    def finding(self, roadmaps: Mapping[str, _T]) -> Finding:
        """What the rule finds in these roadmaps."""
        offenders = {roadmap: self.find(data) for roadmap, data in roadmaps.items()}
        tolerated = {
            roadmap
            for roadmap, found in offenders.items()
            if len(found) <= self.tolerance * self.rows(roadmaps[roadmap])
        }
        return Finding.of(offenders, tolerated=tolerated)


@dataclass(frozen=True, slots=True)
class ReadRoadmap:
    """A roadmap's topics, what they were read from, and what was counted while reading them."""

    snapshot: Snapshot
    topics: Sequence[Topic]
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishedRoadmap:
    """The ids of a roadmap's published rows beside those of its topics."""

    published: Sequence[str]
    topics: Sequence[str]


def document_topics(snapshot: Snapshot) -> dict[str, str]:
    """Topic id -> label, as the document has them; nothing when it cannot be read."""
    from roadmap_assets.roadmaps.document import parse_document

    try:
        document = parse_document(snapshot.document, roadmap=snapshot.roadmap, origin=snapshot.origin)
    except DocumentError:
        return {}
    return {node.id: node.label for node in document.topics}


def lost_topics(missing: Mapping[str, str], snapshot: Snapshot | None) -> list[str]:
    """Of the topics (id -> label) that were published and are no more, those that the document still has."""
    upstream = document_topics(snapshot) if snapshot else {}
    return sorted(label for topic_id, label in missing.items() if topic_id in upstream)


def excess_calls(calls: int, least: int, outcomes: Mapping[str, int]) -> int:
    """Calls of a run beyond the least number and what recovering took: a batch that went wrong is asked again, or in
    two halves."""
    recoveries = sum(count for outcome, count in outcomes.items() if outcome != "answered")
    return max(0, calls - least - 2 * recoveries)


def _without_topics(snapshot: Snapshot) -> list[str]:
    return [] if document_topics(snapshot) else ["the document has no topics"]


def _without_texts(snapshot: Snapshot) -> list[str]:
    return [] if snapshot.contents else ["no text files"]


def _repeated_ids(read: ReadRoadmap) -> list[str]:
    counts = Counter(topic.topic_id for topic in read.topics)
    return [topic_id for topic_id, count in counts.items() if count > 1]


def _empty_labels(read: ReadRoadmap) -> list[str]:
    return [topic.topic_id for topic in read.topics if not topic.topic.strip()]


def _not_in_table(read: ReadRoadmap) -> list[str]:
    there = {topic.topic_id for topic in read.topics}
    return [label or topic_id for topic_id, label in document_topics(read.snapshot).items() if topic_id not in there]


def _unplaced(read: ReadRoadmap) -> list[str]:
    return [topic.topic for topic in read.topics if not topic.category]


def _disputed(read: ReadRoadmap) -> list[str]:
    disputed = read.counts.get("disputed_places", 0)
    too_many = disputed > MOST_DISPUTED * len(read.topics)
    return [f"{disputed} of {len(read.topics)} topics have another parent in the drawing"] if too_many else []


def _without_text(read: ReadRoadmap) -> list[str]:
    return [topic.topic for topic in read.topics if not topic.description]


def _unanswered(rows: Sequence[EnrichedTopic]) -> list[str]:
    return [f"{row.topic.topic} ({row.status})" for row in rows if row.status != "enriched"]


def _long_tldrs(rows: Sequence[EnrichedTopic]) -> list[str]:
    return [row.topic.topic for row in rows if len(str(row.columns.get("tldr", "")).split()) > TLDR_WORDS]


def _unknown_levels(rows: Sequence[EnrichedTopic]) -> list[str]:
    return [row.topic.topic for row in rows if row.columns.get("challenge", LEVELS[0]) not in LEVELS]


def _repeated_tldrs(rows: Sequence[EnrichedTopic]) -> list[str]:
    questions: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if tldr := str(row.columns.get("tldr", "")):
            questions[tldr.casefold()].add(row.enrichment_key)
    return [tldr for tldr, keys in questions.items() if len(keys) >= MANY_TOPICS]


def _other_rows(roadmap: PublishedRoadmap) -> list[str]:
    published, topics = Counter(roadmap.published), Counter(roadmap.topics)
    return sorted({*(published - topics), *(topics - published)})


LEVELS: Final[tuple[str, ...]] = get_args(get_args(Level)[0])

RAW_RULES: Final[Sequence[Rule[Snapshot]]] = (
    Rule("document_has_topics", "The document holds topics.", _without_topics),
    Rule("has_texts", "The roadmap has text files.", _without_texts),
)
TOPIC_RULES: Final[Sequence[Rule[ReadRoadmap]]] = (
    Rule("ids_unique", "No topic id stands twice in a roadmap.", _repeated_ids, error=True, blocking=True),
    Rule("labels_not_empty", "Every topic has a name.", _empty_labels, error=True, blocking=True),
    Rule("topics_complete", "Every topic of the document is in the table.", _not_in_table, error=True, blocking=True),
    Rule(
        "topics_in_a_category",
        "At least nine in ten topics have a category.",
        _unplaced,
        rows=lambda read: len(read.topics),
        tolerance=0.1,
    ),
    Rule(
        "tree_and_drawing_agree",
        "For at least nine in ten topics the site's tree and the drawing name the same parent topic.",
        _disputed,
    ),
    Rule(
        "topics_with_a_text",
        "At least four in five topics have a text.",
        _without_text,
        rows=lambda read: len(read.topics),
        tolerance=0.2,
    ),
)
ENRICHMENT_RULES: Final[Sequence[Rule[Sequence[EnrichedTopic]]]] = (
    Rule("topics_answered", "Every topic is answered; the others failed, or wait for a later run.", _unanswered),
    Rule("tldr_short", f"No TLDR is longer than {TLDR_WORDS} words.", _long_tldrs, error=True, blocking=True),
    Rule(
        "challenge_known",
        f"Every challenge level is one of: {', '.join(LEVELS)}.",
        _unknown_levels,
        error=True,
        blocking=True,
    ),
    Rule("tldr_telling", f"No TLDR stands at {MANY_TOPICS} or more topics of a roadmap.", _repeated_tldrs),
)
PUBLICATION_RULES: Final[Sequence[Rule[PublishedRoadmap]]] = (
    Rule("rows_are_the_topics", "The published rows are exactly the roadmap's topics.", _other_rows, error=True),
)
