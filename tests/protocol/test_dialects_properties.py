"""What holds for every event: nothing is lost on the way there and back, and no garbage breaks a translator."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.protocol import CLIENT_EVENT_TYPES, SERVER_EVENT_TYPES, decode_client_event
from antiphon.protocol.dialects import (
    AzureCaller,
    BetaCaller,
    BetaUpstream,
    Dropped,
    Event,
    Translator,
    Unchanged,
    frame_from_ga,
    frame_to_ga,
    param_to_beta,
    param_to_ga,
)
from strict_parsers import assert_stock_clients_accept
from wire_samples import CLIENT_FRAMES, SERVER_FRAMES, frame_name

TRANSLATORS: list[type[Translator]] = [BetaCaller, BetaUpstream, AzureCaller, Unchanged]
FROM_THE_SERVER = {"id", "object", "expires_at"}


def there_and_back(frame: Event) -> list[Event]:
    """A GA server's event, told to a beta client, and read again as if a beta server had said it."""
    caller, upstream = BetaCaller(), BetaUpstream()
    return [back for told in caller.from_ga(frame).events for back in upstream.to_ga(told).events]


def meaning(event: Event) -> Event:
    """The event without its id (one of two events made from one has an id of its own)."""
    event = {name: value for name, value in event.items() if name != "event_id"}
    item = event.get("item")
    if event["type"].startswith("conversation.item.") and isinstance(item, dict) and item.get("role") == "user":
        # The beta tells of a caller's item once, so it is complete then.
        event["item"] = {**item, "status": "completed"}
    return event


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=frame_name)
def test_a_server_event_keeps_its_meaning_there_and_back(frame: Event) -> None:
    before = copy.deepcopy(frame)
    back = there_and_back(frame)
    assert frame == before, "the translator changed what it was given"
    for event in back:
        assert_stock_clients_accept(json.dumps(event))
    expected = meaning(frame)
    if frame["type"] == "conversation.item.created":
        # The GA union still has the beta's name for an item that began; GA says `added`.
        expected["type"] = "conversation.item.added"
    elif frame["type"] == "error" and frame["error"].get("param") == "session.voice":
        # GA's word about a beta field can only be about the field that the beta's client meant.
        expected["error"] = {
            **frame["error"],
            "param": "session.audio.output.voice",
            "message": "Unknown parameter: 'session.audio.output.voice'.",
        }
    elif frame["type"] == "conversation.item.done" and frame["item"].get("role") == "assistant":
        # Only an item that is not being generated any more is done.
        expected["type"] = f"conversation.item.{'added' if frame['item']['status'] == 'in_progress' else 'done'}"
    assert expected in [meaning(event) for event in back]


@pytest.mark.parametrize("frame", CLIENT_FRAMES, ids=frame_name)
def test_a_client_event_keeps_its_meaning_there_and_back_but_for_what_is_reported(frame: Event) -> None:
    before = copy.deepcopy(frame)
    told = BetaUpstream().from_ga(frame)
    back = BetaCaller().to_ga(told.events[0])
    assert frame == before, "the translator changed what it was given"
    assert len(told.events) == len(back.events) == 1
    expected = without_dropped(frame, told.dropped)
    if frame["type"] == "session.update":
        expected["session"] = {name: v for name, v in expected["session"].items() if name not in FROM_THE_SERVER}
        if expected["session"].get("truncation") == "auto":
            del expected["session"]["truncation"]
    assert pruned(back.events[0]) == pruned(expected)
    decode_client_event(json.dumps(back.events[0]))


def test_nothing_is_reported_as_dropped_that_says_nothing() -> None:
    session = {"type": "realtime", "truncation": "auto", "prompt": None, "reasoning": None}
    assert BetaUpstream().from_ga({"type": "session.update", "session": session}).dropped == ()


def without_dropped(frame: Event, dropped: tuple[Dropped, ...]) -> Event:
    frame = copy.deepcopy(frame)
    # From the last to the first, so that positions in lists stay right.
    for entry in reversed(dropped):
        *way, last = re.findall(r"[^.\[\]]+", param_to_ga(entry.param))
        place: Any = frame
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        del place[int(last) if isinstance(place, list) else last]
    return frame


def pruned(value: Any) -> Any:
    """Without empty objects: a partial update with an empty object asks for nothing."""
    if isinstance(value, dict):
        members = {name: pruned(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member != {} or name in ("properties",)}
    return [pruned(element) for element in value] if isinstance(value, list) else value


@pytest.mark.parametrize("translator", TRANSLATORS)
def test_events_and_fields_that_nobody_knows_are_passed_on(translator: type[Translator]) -> None:
    event = {"type": "response.dance", "steps": [1, {"session": {"voice": "x"}}]}
    assert translator().to_ga(event).events[0] is event
    assert translator().from_ga(event).events[0] is event
    update = {"type": "session.update", "session": {"type": "realtime", "mood": "blue", "audio": {"smell": 1}}, "x": 2}
    for translate in (translator().to_ga, translator().from_ga):
        told = translate(update).events[0]
        assert (told["session"]["mood"], told["session"]["audio"], told["x"]) == ("blue", {"smell": 1}, 2)


WORDS = st.sampled_from(
    sorted(
        {*CLIENT_EVENT_TYPES, *SERVER_EVENT_TYPES, "transcription_session.update", "message", "function_call"}
        | {"transcription", "realtime", "none", "audio", "text", "user", "assistant", "in_progress", "item_1"}
    )
)
NAMES = st.sampled_from(
    [
        "type",
        "session",
        "item",
        "response",
        "audio",
        "input",
        "output",
        "voice",
        "format",
        "turn_detection",
        "modalities",
        "content",
        "error",
        "param",
        "message",
        "tools",
        "tool_choice",
        "function",
        "strict",
        "client_secret",
        "temperature",
        "id",
        "role",
        "status",
        "name",
        "item_id",
        "part",
        "usage",
        "vad",
        "audio_start_ms",
        "audio_end_ms",
        "output_modalities",
        "previous_item_id",
        "transcript",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.builds(lambda kind, rest: {**rest, "type": kind}, WORDS | VALUES, st.dictionaries(NAMES, VALUES))


@settings(max_examples=60)
@given(st.lists(EVENTS, max_size=4))
def test_no_garbage_breaks_a_translator(events: list[Event]) -> None:
    for make in TRANSLATORS:
        translator = make()
        for event in events:
            before = copy.deepcopy(event)
            for translation in (translator.to_ga(event), translator.from_ga(event)):
                assert all(isinstance(told, dict) for told in translation.events)
            assert repr(event) == repr(before), "the translator changed what it was given"


@given(st.binary(max_size=40) | st.text(max_size=40) | VALUES.map(json.dumps))
def test_what_is_no_event_is_passed_on(frame: str | bytes) -> None:
    for make in TRANSLATORS:
        assert frame_to_ga(make(), frame).frames[0] is frame
        assert frame_from_ga(make(), frame).frames[0] is frame


def test_a_frame_that_needs_no_translation_is_the_same_frame() -> None:
    append = '{ "type":"input_audio_buffer.append", "audio" : "AAAA" }'
    assert frame_to_ga(BetaCaller(), append).frames[0] is append


@pytest.mark.parametrize("odd", [10**30, "\ud83c"])
def test_a_translated_frame_keeps_what_only_json_can_say(odd: object) -> None:
    frame = json.dumps({"type": "response.output_text.delta", "event_id": "e", "delta": odd})
    (told,) = frame_from_ga(BetaCaller(), frame).frames
    assert json.loads(told)["delta"] in (odd, float(odd) if isinstance(odd, int) else "\ufffd")


@pytest.mark.parametrize(
    ("ga", "beta"),
    [
        ("session.audio.output.voice", "session.voice"),
        ("session.audio.output.speed", "session.speed"),
        ("session.audio.input.turn_detection.threshold", "session.turn_detection.threshold"),
        ("session.audio.input.transcription.model", "session.input_audio_transcription.model"),
        ("session.audio.input.noise_reduction", "session.input_audio_noise_reduction"),
        ("session.audio.output.format", "session.output_audio_format"),
        ("session.output_modalities[0]", "session.modalities[0]"),
        ("session.max_output_tokens", "session.max_response_output_tokens"),
        ("session.tools[0].name", "session.tools[0].name"),
        ("response.audio.output.voice", "response.voice"),
        ("response.output_modalities", "response.modalities"),
        ("response.max_output_tokens", "response.max_output_tokens"),
        ("session.voices", "session.voices"),
        ("item.content[0].text", "item.content[0].text"),
        ("", ""),
    ],
)
def test_the_field_at_fault_is_named_in_each_dialects_words(ga: str, beta: str) -> None:
    assert (param_to_beta(ga), param_to_ga(beta)) == (beta, ga)
