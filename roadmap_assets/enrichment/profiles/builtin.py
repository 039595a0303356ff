"""The two profiles that come with the package.

Their instructions and JSON schemas are part of the key of every answer: any change to a docstring, an example, a field
or a description here makes users pay for all their answers again. A test guards the fingerprints. What is sent is in
``prepared.json``, which `just reference` writes from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from roadmap_assets.enrichment.profiles.examples import Examples
from roadmap_assets.enrichment.profiles.rules import Level, MaxWords, NotCopied, Words

_FORMS: Final = {"tldr": "Collect and validate user input in a page", "challenge": "practice"}
_EVENTS: Final = {"tldr": "Rebuild state from an append-only log of events", "challenge": "expert"}


class Summary(BaseModel):
    """Tell a learner who looks over a roadmap what each topic is for, and how it is mastered. Write plain English.

    tldr: what one can do or understand with this topic, in one phrase of at most 12 words; aim for 5 to 9.
    - Start with a verb in the imperative ("Cache responses close to users") or a noun ("Rules for safe migrations").
    - Never start with "Learn", "Understand", "Introduction to", "This topic" or the topic's own name.
    - Be concrete: say what it does or what it is good for, so that the phrase would fit no other topic.
    - No closing punctuation, no quotation marks, no markdown, no line break.

    challenge: exactly one of "practice" and "expert".
    - practice: fundamentals, everyday tools, syntax and techniques, learned by doing exercises and small projects.
    - expert: advanced or architectural matters that need experience: internals, scaling, distributed systems,
      hardening, performance at the limit, trade-offs between designs, decisions that bind a whole team or system.
    - Judge the topic itself, not the roadmap that it stands in. In doubt, choose practice.
    """

    model_config = ConfigDict(defer_build=True)  # most processes use one profile, or none
    examples: ClassVar[Examples] = {
        "HTML Forms": _FORMS,
        "Git Branches": {"tldr": "Work on changes apart from the main line", "challenge": "practice"},
        "Event Sourcing": _EVENTS,
        "Organizational Design": {"tldr": "Team structures that match the architecture", "challenge": "expert"},
    }

    tldr: Annotated[Words, NotCopied("Cache responses close to users", "Rules for safe migrations")] = Field(
        title="TLDR", description="What the topic is for, in one concrete phrase"
    )
    challenge: Level = Field(description="practice: a fundamental, learned by doing; expert: needs experience")


class HowTo(BaseModel):
    """How to go about learning the topic"""

    model_config = ConfigDict(defer_build=True)

    steps: list[Annotated[str, MaxWords(20)]] = Field(
        min_length=2, max_length=5, description="What to do, in order, each an imperative"
    )
    guardrails: list[Annotated[str, MaxWords(20)]] = Field(
        min_length=1, max_length=3, description="What to avoid, or to keep to, while doing it"
    )
    signals_of_done: list[Annotated[str, MaxWords(20)]] = Field(
        min_length=1, max_length=3, description="What one can show or do once the topic is mastered"
    )


class Study(Summary):
    """Write a study note on each topic for a learner who is about to begin with it. Write plain English.

    tldr: what one can do or understand with this topic, in one phrase of at most 12 words; aim for 5 to 9.
    - Start with a verb in the imperative ("Cache responses close to users") or a noun ("Rules for safe migrations").
    - Never start with "Learn", "Understand", "Introduction to", "This topic" or the topic's own name.
    - Be concrete: say what it does or what it is good for, so that the phrase would fit no other topic.

    challenge: exactly one of "practice" and "expert".
    - practice: fundamentals, everyday tools, syntax and techniques, learned by doing exercises and small projects.
    - expert: advanced or architectural matters that need experience: internals, scaling, distributed systems,
      hardening, performance at the limit, trade-offs between designs, decisions that bind a whole team or system.
    - Judge the topic itself, not the roadmap that it stands in. In doubt, choose practice.

    obstacle: the mistake or misconception that most often holds learners of this very topic back, in at most 12 words,
    such as "Mutating state directly and expecting the page to update".

    how_to: how to go about it; each entry is one line of at most 20 words.
    - steps: 2 to 5 things to do, in order, each starting with a verb, small enough for one sitting.
    - guardrails: 1 to 3 things to avoid or to keep to, so that the steps do not go wrong.
    - signals_of_done: 1 to 3 observable signs that the topic is mastered, such as "Explains when not to use it".

    In every text: no closing punctuation, no quotation marks, no markdown, no line break, no numbering.
    """

    examples: ClassVar[Examples] = {"HTML Forms": _FORMS, "Event Sourcing": _EVENTS}

    obstacle: Annotated[Words, NotCopied("Mutating state directly and expecting the page to update")] = Field(
        description="What most often holds learners of this topic back"
    )
    how_to: HowTo


MODELS: Final[Mapping[str, type[BaseModel]]] = {"summary": Summary, "study": Study}
