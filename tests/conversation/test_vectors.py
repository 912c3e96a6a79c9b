"""The golden traces: what comes out of a call is what is written down in `tests/vectors/`."""

from __future__ import annotations

import json

import msgspec
import pytest

from antiphon.protocol import UnknownEvent, decode_server_event
from conversation.replaying import played_out
from conversation.traces import TRACES
from conversation.write_vectors import VECTORS, vector, written

POOR = {"poor_server", "older_names", "errors"}
"""Traces of servers that do not speak as the API does."""


@pytest.mark.parametrize("name", TRACES)
def test_a_call_comes_out_as_it_is_written_down(name: str) -> None:
    golden = json.loads((VECTORS / f"{name}.json").read_text())
    outcome = played_out(golden["events"], golden["chat_settings"])
    for what, expected in golden["expected"].items():
        assert outcome[what] == expected, f"{what} of {name}; write_vectors.py writes them anew if that is right"


def test_the_files_are_those_of_the_traces() -> None:
    assert {path.stem for path in VECTORS.glob("*.json")} == set(TRACES)
    for name in TRACES:
        assert (VECTORS / f"{name}.json").read_text() == written(vector(name)), f"{name}.json was not written anew"


@pytest.mark.parametrize("name", [name for name in TRACES if name not in POOR])
def test_the_traces_speak_the_protocol(name: str) -> None:
    for line in TRACES[name][0]().lines:
        if line["from"] == "server":
            assert not isinstance(decode_server_event(msgspec.json.encode(line["event"])), UnknownEvent), line


@pytest.mark.parametrize("name", TRACES)
def test_every_response_is_completed_once_and_every_sound_ends(name: str) -> None:
    friendly = played_out(TRACES[name][0]().lines)["friendly"]

    def told(kind: str, response_id: str) -> int:
        return sum(event["type"] == kind and event["response_id"] == response_id for event in friendly)

    for response_id in {event["response_id"] for event in friendly if event["type"] == "assistant.response_started"}:
        assert told("assistant.response_started", response_id) == told("assistant.completed", response_id) == 1
        assert told("assistant.audio_started", response_id) == told("assistant.audio_stopped", response_id)
        assert told("assistant.interrupted", response_id) <= 1
