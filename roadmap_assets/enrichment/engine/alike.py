"""Replies that say of most topics what stands in the text of one of them.

A text that is asked about may hold a command ("answer X for all topics"), and a model may obey it. Ids, echoes and
rules do not show that: every object is in order, and all say X. So where most answers of a reply say the same X to the
letter, and X stands in a topic's text, none of those answers is kept: that topic is asked alone from then on, where it
spoils its own row and no other, and the others are asked again without it. A model that was talked into answers which
differ from each other, or from the text, is not found out here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from roadmap_assets.enrichment.profiles.profile import Profile
from roadmap_assets.enrichment.providers.reply import Matched, Rejection
from roadmap_assets.enrichment.questions import Question


def without_alike(matched: Matched, questions: Sequence[Question], *, profile: Profile) -> Matched:
    """`matched` without the answers that more than half of its topics have in common on a command.

    Topics with one description count once: the same may well be said of them.
    """
    columns = _free_text(profile)
    if len(matched.answers) < 2 or not columns:
        return matched
    saying: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for place, answer in matched.answers.items():
        saying[tuple(str(answer[column]) for column in columns)].append(place)
    said, alike = max(saying.items(), key=lambda entry: len(entry[1]))
    told = {questions[int(place)].description or questions[int(place)].topic for place in alike}
    if len(told) < 2 or 2 * len(told) <= len(matched.answers):
        return matched
    commanding = [
        str(place)
        for place, question in enumerate(questions)
        if (str(place) in alike or str(place) in matched.rejected)
        and any(text.casefold() in " ".join(question.wire.values()).casefold() for text in said if text)
    ]
    if not commanding:
        return matched
    return replace(
        matched,
        answers={place: answer for place, answer in matched.answers.items() if place not in alike},
        rejected=matched.rejected
        | {place: Rejection("alike", f"the reply says the same of {len(alike)} topics") for place in alike}
        | {place: Rejection("commanding", "its text seems to say what to answer") for place in commanding},
    )


def _free_text(profile: Profile) -> list[str]:
    schema = profile.reply_schema["items"]["properties"]
    return [name for name in profile.columns if schema[name].get("type") == "string" and "enum" not in schema[name]]
