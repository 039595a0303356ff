"""Matching a reply to the topics that were asked: what is kept, what is refused, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from roadmap_assets.enrichment.profiles.prepare import prepare
from roadmap_assets.enrichment.providers.reply import Matched, match_reply
from roadmap_assets_tests.enrichment.engine.runs import STUDY, SUMMARY

ASKED = {"0": "Kilns", "1": "Glazes", "2": "Wheel Throwing"}
TLDRS = {"0": "Fire clay evenly", "1": "Coat pots with glass", "2": "Shape clay on a wheel"}
GOOD: dict[str, dict[str, JsonValue]] = {
    topic_id: {"tldr": tldr, "challenge": "practice"} for topic_id, tldr in TLDRS.items()
}


def answer(topic_id: str, **changes: object) -> dict[str, Any]:
    return {"id": topic_id, "topic": ASKED[topic_id], **GOOD[topic_id], **changes}


ALL = [answer(topic_id) for topic_id in ASKED]
WHOLE = json.dumps(ALL)
ZERO, ONE, TWO = (json.dumps(item) for item in ALL)


def match(reply: object, *, asked: Mapping[str, str] = ASKED) -> Matched:
    return match_reply(reply if isinstance(reply, str) else json.dumps(reply), asked=asked, profile=SUMMARY)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (ALL, "as asked"),
        (ALL[::-1], "order is not what answers are matched by"),
        ({"topics": ALL}, "the array inside an object, as the request had it"),
        ({"note": "Here you are", "result": {"topics": ALL}}, "inside two"),
        ({item["id"]: item for item in ALL}, "an object by id"),
        ([[item] for item in ALL], "arrays in the array"),
        (f"```json\n{WHOLE}\n```", "a code fence"),
        (f"Sure [as asked]: here {{they}} are:\n{WHOLE}\nAnything else?", "words and brackets around it"),
        ("\n".join([ZERO, ONE, TWO]), "one object a line"),
        ([{**item, "id": int(item["id"])} for item in ALL], "ids as numbers"),
        ([{**item, "id": f" {item['id']} "} for item in ALL], "white space around ids"),
        ([{**item, "topic": item["topic"].upper() + " "} for item in ALL], "an echo in another case"),
        ([{**item, "rank": 3} for item in ALL], "a member that nobody asked for"),
        ([*ALL, ALL[1]], "the same answer twice is one answer"),
        (
            [*ALL, answer("1", tldr=" Coat pots  with glass. ")],
            "the same answer twice, once with slips that are repaired",
        ),
        (WHOLE.replace("Fire clay", "Fire\nclay"), "a bare line break inside a text"),
    ],
)
def test_harmless_shapes_of_a_reply_lose_nothing(reply: object, why: str) -> None:
    matched = match(reply)
    assert matched == Matched(answers=GOOD, rejected={}, unknown=0, damage=None), why


@pytest.mark.parametrize(
    ("reply", "kind", "message", "why"),
    [
        ([ALL[0], ALL[2]], "missing", "no object", "a topic left out"),
        (
            [*ALL, answer("1", tldr="Something else")],
            "doubled",
            "2 different",
            "two answers, and no telling which is right",
        ),
        ([*ALL, answer("1", topic="Kilns")], "doubled", "2 different", "one of the two is for another topic"),
        ([*ALL, answer("1", challenge="hard")], "doubled", "2 different", "one of the two breaks a rule"),
        ([ALL[0], answer("1", topic="Wheel Throwing"), ALL[2]], "swapped", "another topic", "another's echo"),
        ([ALL[0], {"id": "1", **GOOD["1"]}, ALL[2]], "swapped", "not echoed", "no echo, no proof"),
        ([ALL[0], answer("1", topic=["Glazes"]), ALL[2]], "swapped", "not echoed", "an echo that is no text"),
        (
            [ALL[0], answer("1", tldr="a " * 13), ALL[2]],
            "rule",
            "tldr has 13 words, at most 12",
            "a rule of the profile",
        ),
        ([ALL[0], {"id": "1", "topic": "Glazes"}, ALL[2]], "rule", "tldr is missing", "an object without the columns"),
    ],
)
def test_a_doubtful_answer_is_refused_and_its_neighbours_kept(reply: object, kind: str, message: str, why: str) -> None:
    matched = match(reply)
    assert matched.answers == {"0": GOOD["0"], "2": GOOD["2"]}, why
    assert matched.rejected["1"].kind == kind, why
    assert message in matched.rejected["1"].reason
    assert matched.damage is None


def test_two_answers_that_changed_places_are_both_refused() -> None:
    matched = match([{**ALL[0], "id": "1"}, {**ALL[1], "id": "0"}, ALL[2]])
    assert matched.answers == {"2": GOOD["2"]}
    assert {topic_id: rejection.kind for topic_id, rejection in matched.rejected.items()} == {
        "0": "swapped",
        "1": "swapped",
    }


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"id": "9", "topic": "Raku", **GOOD["0"]}, "an id that was not asked"),
        ({"topic": "Kilns", **GOOD["0"]}, "no id"),
        ({"id": None, "topic": "Kilns", **GOOD["0"]}, "an id of another kind"),
        ({"id": True, "topic": "Glazes", **GOOD["0"]}, "true is not 1"),
        ({"id": "00", "topic": "Kilns", **GOOD["0"]}, "00 is not 0"),
    ],
)
def test_unknown_objects_are_counted_and_otherwise_ignored(extra: object, why: str) -> None:
    assert match([extra, *ALL]) == Matched(answers=GOOD, rejected={}, unknown=1, damage=None), why


@pytest.mark.parametrize(
    ("reply", "kept", "damage", "why"),
    [
        ("", "", "empty", "nothing at all"),
        (" \n", "", "empty", "white space"),
        ("I cannot help with that", "", "not JSON", "prose"),
        ("<!DOCTYPE html><html><body>502</body></html>", "", "HTML", "a proxy's page"),
        ('<html><script>var x = {"a": 1}</script></html>', "", "HTML", "a page with JSON in it"),
        ("[", "", "breaks off", "cut at the first character"),
        ("[]", "", "no answers", "an empty array"),
        ("{}", "", "no answers", "an empty object"),
        ('{"error": "overloaded"}', "", "no answers", "JSON about something else"),
        (WHOLE[:-1], "012", "breaks off", "only the closing bracket is gone"),
        (WHOLE[:-2], "01", "breaks off", "the last object is not whole"),
        (WHOLE[: WHOLE.index("Coat") + 6], "0", "breaks off", "cut inside a text"),
        (f'{{"topics": [{ZERO}, {ONE}, {{"id": "2"', "01", "breaks off", "cut inside a wrapping"),
        (f"```json\n[{ZERO}, {ONE}, {{", "01", "breaks off", "cut inside a fence"),
        (f"[{ZERO}, {ONE[:-1]}, }}, {TWO}]", "02", "broken JSON", "one object has a comma too many"),
        (f"[{ZERO} {ONE} {TWO}]", "012", "broken JSON", "commas forgotten between objects"),
        (f'["Here:", {ZERO}, {ONE}, {TWO}]', "012", "something else", "a string in the array"),
        (f"[{ZERO}, null, {TWO}]", "02", "something else", "a null in the array"),
        ("[" * 100_000, "", "nested", "nested without end"),
        (f"[{ZERO}, {ONE}, " + '{"a":' * 100_000, "01", "nested", "nested without end after good objects"),
        (f'[{ZERO}, {{"id": {"1" * 5000}}}, {TWO}]', "02", "broken JSON", "a number that Python refuses to read"),
    ],
)
def test_of_a_damaged_reply_every_complete_object_is_kept(reply: str, kept: str, damage: str, why: str) -> None:
    matched = match(reply)
    assert matched.answers == {topic_id: GOOD[topic_id] for topic_id in kept}, why
    assert {rejection.kind for rejection in matched.rejected.values()} <= {"missing"}
    assert damage in (matched.damage or ""), why


def test_two_objects_run_together_answer_neither_topic() -> None:
    merged = '{"id": "0", "topic": "Kilns", "tldr": "Fire clay", "id": "1", "topic": "Glazes", "challenge": "practice"}'
    matched = match(f"[{merged}, {TWO}]")
    assert matched.answers == {"2": GOOD["2"]}
    assert "twice" in (matched.damage or "")


def test_a_number_that_is_none_is_no_answer() -> None:
    class Rated(BaseModel):
        score: float

    reply = '[{"id": "0", "topic": "Kilns", "score": NaN}, {"id": "1", "topic": "Glazes", "score": 0.5}]'
    matched = match_reply(reply, asked=ASKED, profile=prepare(Rated, name="rated"))
    assert matched.answers == {"1": {"score": 0.5}}
    assert matched.rejected["0"].kind == "rule"


def test_topics_with_one_name_are_told_apart_by_id() -> None:
    asked = {"0": "Testing", "1": "Testing"}
    reply = [{"id": topic_id, "topic": "Testing", **GOOD[topic_id]} for topic_id in asked]
    assert match(reply, asked=asked).answers == {"0": GOOD["0"], "1": GOOD["1"]}


@pytest.mark.parametrize(
    ("asked", "echoed", "same", "why"),
    [
        ("What’s “new” – now", 'What\'s "new" - now', True, "models straighten quotes and dashes"),
        ("ＡＰＩ ﬁrst", "API first", True, "width and ligatures"),
        ("Straße", "STRASSE", True, "full case folding"),
        ("Cafe\u0301", "Café", True, "composed and decomposed"),
        ("soft\u00adware", "software", True, "an invisible hyphen"),
        ("a  b\tc", "a b c", True, "white space"),
        ("", "", True, "a topic without a name"),
        ("C++", "C", False, "signs are part of a name"),
        ("C#", "C++", False, "signs are part of a name"),
        ("HTTP/2", "HTTP/3", False, "one character is another topic"),
        ("Kilns", "", False, "an empty echo proves nothing"),
    ],
)
def test_how_an_echo_is_compared(asked: str, echoed: str, same: bool, why: str) -> None:
    matched = match([{"id": "0", "topic": echoed, **GOOD["0"]}], asked={"0": asked})
    assert ("0" in matched.answers) is same, why


def test_columns_of_a_richer_profile_come_through() -> None:
    how_to = {
        "steps": ["Wedge it", "Centre it"],
        "guardrails": ["Keep it wet"],
        "signals_of_done": ["It stays centred"],
    }
    item = answer("2", obstacle="Pressing too hard", how_to=how_to)
    matched = match_reply(json.dumps([item]), asked={"2": ASKED["2"]}, profile=STUDY)
    assert matched.answers["2"]["how_to"] == how_to


def test_a_nested_object_does_not_answer_a_topic() -> None:
    hidden = answer("1", tldr="Smuggled in")
    matched = match([answer("0", extra=hidden), ALL[2]])
    assert matched.rejected["1"].kind == "missing"


@given(
    st.text()
    | st.text(alphabet='[]{}",:\\ \n019Kid')
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["0", "Kilns", "practice"]),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["id", "topic", "tldr", "challenge", "x"]), inner)
        ),
    ).map(json.dumps)
)
def test_any_text_gives_a_match(text: str) -> None:
    matched = match(text)
    assert matched.answers.keys() | matched.rejected.keys() == ASKED.keys()
    assert not matched.answers.keys() & matched.rejected.keys()


OBJECTS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["0", "1", "2", "3", 0, 1, None]), "topic": st.sampled_from([*ASKED.values(), "Raku"])}
    )
)


@given(items=OBJECTS, cut=st.integers(0, 60), prefix=st.sampled_from(["", "```json\n", '{"topics": ', "Note: "]))
def test_a_topic_never_gets_what_was_written_for_another(items: list[dict[str, Any]], cut: int, prefix: str) -> None:
    """Each object's tldr names the topic that it echoes, so that a tldr at another topic would be seen."""
    written = [{**item, "tldr": f"About {item['topic']}", "challenge": "expert"} for item in items]
    text = prefix + json.dumps(written)
    for topic_id, columns in match(text[: len(text) - cut]).answers.items():
        assert columns["tldr"] == f"About {ASKED[topic_id]}"


def test_every_complete_object_survives_a_cut_anywhere() -> None:
    closings = [WHOLE.index(item) + len(item) for item in (ZERO, ONE, TWO)]
    for length in range(len(WHOLE)):
        matched = match(WHOLE[:length])
        assert list(matched.answers) == [str(place) for place, end in enumerate(closings) if end <= length]
        assert matched.damage is not None


def test_a_long_hostile_reply_is_given_up_before_it_costs_much() -> None:
    """A hundred thousand broken objects are not each tried: the good object after them is not reached."""
    assert match('{"a": 1,} ' * 5 + ZERO).answers == {"0": GOOD["0"]}
    assert match('{"a": 1,} ' * 100_000 + ZERO).answers == {}
