"""The same turns in GA and in the beta, line by line: each golden file of one dialect is the translation of the other.

The GA files are what a session of the engine really sent and was sent (audio shortened); the beta files say the same
as a beta server and its client would.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types.beta.realtime import RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import Annotated  # noqa: UP035 - the same Annotated that openai's types use

from antiphon.protocol import decode_client_event
from antiphon.protocol.dialects import BetaCaller, BetaUpstream, Event, Translation, Translator
from strict_parsers import assert_stock_clients_accept
from wire_samples import REALTIME_SESSION, SERVER_FRAMES, frame_name

GOLDEN = Path(__file__).parent / "golden"
TURNS = ("voice", "tool", "text", "barge-in", "error")

_NEWER_THAN_THE_BETA = {
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.timeout_triggered",
    "input_audio_buffer.dtmf_event_received",
}

# What the service showed in a beta session, and the SDK's types left out.
_UNTYPED_IN_SESSION = {"object", "expires_at", "client_secret", "include"}
# Newer than the beta, and passed on.
_UNTYPED_IN_USAGE = {"image_tokens", "cached_tokens_details"}
# In the service's events, though not in the SDK's types: clients run the function that it names.
_UNTYPED_IN_ARGUMENTS = {"name"}


def read(turn: str, dialect: str) -> list[tuple[str, Event]]:
    lines = (GOLDEN / f"{turn}.{dialect}.jsonl").read_text().splitlines()
    return [(line["from"], line["event"]) for line in map(json.loads, lines)]


def sent(lines: list[tuple[str, Event]], side: str) -> list[Event]:
    return [event for who, event in lines if who == side]


def without(event: Event, *names: str) -> Event:
    """The event without some members of its session."""
    if "session" not in event:
        return event
    return {**event, "session": {name: value for name, value in event["session"].items() if name not in names}}


def translate_talk(translator: Translator, lines: list[tuple[str, Event]], *, sent_by_peer: str) -> list[Event]:
    """Run a whole talk, both sides in order, through one translator. Returns what became of the server's side."""
    heard: list[Event] = []
    for who, event in lines:
        translation: Translation = translator.to_ga(event) if who == sent_by_peer else translator.from_ga(event)
        if who == "server":
            heard.extend(translation.events)
    return heard


@pytest.mark.parametrize("turn", TURNS)
def test_a_beta_client_says_the_same_as_a_ga_client(turn: str) -> None:
    caller = BetaCaller()
    translated = [caller.to_ga(event) for event in sent(read(turn, "beta"), "client")]
    assert [event for one in translated for event in one.events] == sent(read(turn, "ga"), "client")
    temperatures = [dropped.param for one in translated for dropped in one.dropped]
    assert temperatures == (["session.temperature"] if turn in ("voice", "tool") else [])


@pytest.mark.parametrize("turn", TURNS)
def test_a_beta_client_is_told_the_same_as_a_ga_client(turn: str) -> None:
    # The client's half comes from the beta file, for the temperature that it asks for is shown to it.
    beta, server = iter(sent(read(turn, "beta"), "client")), read(turn, "ga")
    talk = [(who, event if who == "server" else next(beta)) for who, event in server]
    assert translate_talk(BetaCaller(), talk, sent_by_peer="client") == sent(read(turn, "beta"), "server")


@pytest.mark.parametrize("turn", TURNS)
def test_a_beta_upstream_is_told_what_a_ga_client_says(turn: str) -> None:
    upstream = BetaUpstream()
    told = [event for said in sent(read(turn, "ga"), "client") for event in upstream.from_ga(said).events]
    expected = [without(event, "temperature") for event in sent(read(turn, "beta"), "client")]
    if turn == "error":
        # What is no format stays what it was, to be refused.
        expected[1]["session"]["input_audio_format"] = {"type": "pcm24"}
    assert told == expected


@pytest.mark.parametrize("turn", TURNS)
def test_a_ga_client_hears_the_same_from_a_beta_upstream(turn: str) -> None:
    ga = sent(read(turn, "ga"), "server")
    if turn == "error":
        for event in ga:
            # In the beta a format is a word, with nothing inside that could be at fault; its message is the server's.
            event.get("error", {}).pop("message", None)
            if event.get("error", {}).get("param") == "session.audio.input.format.type":
                event["error"]["param"] = "session.audio.input.format"
    heard = translate_talk(BetaUpstream(), read(turn, "beta"), sent_by_peer="server")
    for event in heard:
        assert_stock_clients_accept(json.dumps(event))
        if turn == "error":
            event.get("error", {}).pop("message", None)
        if event["type"] == "conversation.item.done":
            # This event has no counterpart in the beta, so its id is made from the event that it came with.
            event.pop("event_id")
    for event in ga:
        if event["type"] == "conversation.item.done":
            event.pop("event_id")
    assert heard == ga


@pytest.mark.parametrize("turn", TURNS)
def test_the_golden_ga_lines_are_what_stock_clients_and_servers_accept(turn: str) -> None:
    for event in sent(read(turn, "ga"), "server"):
        assert_stock_clients_accept(json.dumps(event))
    if turn != "error":
        for event in sent(read(turn, "ga"), "client"):
            decode_client_event(json.dumps(event))


@pytest.mark.parametrize("turn", TURNS)
def test_the_beta_types_of_the_sdk_parse_what_a_beta_client_is_told(turn: str) -> None:
    for event in sent(read(turn, "beta"), "server"):
        if "session" in event:
            # The types list the hosted models; a server of one's own has others.
            event["session"]["model"] = "gpt-realtime"
        parsed = beta_types().validate_json(json.dumps(event), strict=True)
        assert not list(_extras(parsed, event["type"])), event


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=frame_name)
def test_whatever_the_beta_had_is_told_so_that_the_sdks_beta_types_parse_it(frame: Event) -> None:
    for event in map(copy.deepcopy, BetaCaller().from_ga(frame).events):
        if event["type"] in _NEWER_THAN_THE_BETA or _holds_newer_things(event):
            continue
        if event["type"] == "transcription_session.updated":
            # The types want the key that only a made session has; over a connection the service showed none.
            assert event["session"]["client_secret"] is None
            event["session"]["client_secret"] = {"value": "ek_1", "expires_at": 0}
        elif "session" in event:
            event["session"]["model"] = "gpt-realtime"
        beta_types().validate_json(json.dumps(event), strict=True)


def _holds_newer_things(event: Event) -> bool:
    """MCP and pictures came with GA; they are passed on to beta clients as they are."""
    text = json.dumps(event)
    return "mcp_" in text or '"mcp"' in text or '"input_image"' in text


def test_the_beta_types_refuse_ga() -> None:
    """Otherwise their approval means nothing."""
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    for event in (
        {"type": "response.output_text.delta", "event_id": "e", "delta": "x"},
        {"type": "conversation.item.created", "event_id": "e", "previous_item_id": None, "item": item},
        {"type": "session.created", "event_id": "e", "session": {"input_audio_format": {"type": "audio/pcm"}}},
    ):
        with pytest.raises(ValueError, match="validation error"):
            beta_types().validate_json(json.dumps(event), strict=True)


def test_a_session_is_shown_as_the_beta_service_showed_it() -> None:
    told = BetaCaller().from_ga({"type": "session.created", "event_id": "event_1", "session": REALTIME_SESSION})
    assert told.events == (
        {
            "type": "session.created",
            "event_id": "event_1",
            "session": {
                "object": "realtime.session",
                "id": "sess_1",
                "model": "local-1",
                "expires_at": 1790000000,
                "modalities": ["audio", "text"],
                "instructions": "Be brief.",
                "voice": "alloy",
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                    "create_response": True,
                    "interrupt_response": True,
                },
                "input_audio_format": "pcm16",
                "output_audio_format": "pcm16",
                "input_audio_transcription": None,
                "input_audio_noise_reduction": None,
                "tool_choice": "auto",
                "temperature": 0.8,
                "max_response_output_tokens": "inf",
                "tools": [],
                "client_secret": None,
                "include": None,
            },
        },
    )


@functools.cache
def beta_types() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])


def _extras(value: Any, path: str) -> Iterator[str]:
    """Where the event has a member that the beta's types do not know."""
    if isinstance(value, BaseModel):
        known = {
            "Session": _UNTYPED_IN_SESSION,
            "InputTokenDetails": _UNTYPED_IN_USAGE,
            "ResponseFunctionCallArgumentsDoneEvent": _UNTYPED_IN_ARGUMENTS,
        }.get(type(value).__name__, set())
        yield from (f"{path}.{name}" for name in value.model_extra or {} if name not in known)
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for i, element in enumerate(value):
            yield from _extras(element, f"{path}[{i}]")
