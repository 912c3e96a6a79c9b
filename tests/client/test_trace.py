"""The trace of a call: what is in it, what never is, and how it is read again."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from antiphon.client.trace import Trace, TraceError, TraceWriter, read_trace

KEY = "sk-proj-very-secret-0123456789"
SOUND = base64.b64encode(bytes(960)).decode()


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, **more: Any) -> TraceWriter:
    return TraceWriter(path, target="wss://h/v1/realtime", transport="websocket", **more)


def event(**members: Any) -> str:
    return json.dumps(members)


def test_a_trace_tells_what_went_over_the_wire_when_and_what_was_decided(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "call.jsonl"
    trace = write(path, clock=clock)
    clock.now = 5.25
    trace.wire("out", event(type="response.create", event_id="event_1"))
    clock.now = 6.5
    trace.wire("in", event(type="response.done", response={"id": "resp_1"}).encode())
    trace.note("reconnecting", attempt=1, wait_s=0.5, why="it broke")
    trace.set_up("in", event(type="conversation.item.added", item={"id": "i"}), False)
    trace.set_up("in", event(type="session.created", session={}), True)
    trace.close()
    trace.close()
    trace.wire("in", "{}")
    read = read_trace(path)
    assert (read.header.target, read.header.transport, read.header.audio) == ("wss://h/v1/realtime", "websocket", False)
    assert read.header.version
    assert read.header.started.startswith("20")
    assert [(one.t_ms, one.dir, one.event.get("type", one.decision)) for one in read.entries] == [
        (250.0, "out", "response.create"),
        (1500.0, "in", "response.done"),
        (1500.0, "note", "reconnecting"),
        (1500.0, "in", "conversation.item.added"),
        (1500.0, "in", "session.created"),
        (1500.0, "note", "trace_ended"),
    ]
    assert read.entries[2].data == {"attempt": 1, "wait_s": 0.5, "why": "it broke"}
    assert [(one.set_up, one.hidden) for one in read.entries[3:5]] == [(True, True), (True, False)]
    assert read.complete


SOUNDING = [
    event(type="input_audio_buffer.append", audio=SOUND),
    event(type="response.output_audio.delta", item_id="i", delta=SOUND),
    event(
        type="conversation.item.create",
        item={
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": f"data:image/jpeg;base64,{SOUND}"},
                {"type": "input_audio", "audio": SOUND, "transcript": "hello"},
            ],
        },
    ),
]


def test_sound_and_pictures_are_counted_and_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    for keep in (False, True):
        path = tmp_path / f"{keep}.jsonl"
        trace = write(path, keep_audio=keep)
        for one in SOUNDING:
            trace.wire("in", one)
        trace.close()
        assert (SOUND in path.read_text()) is keep
        read = read_trace(path)
        assert read.header.audio is keep
        if keep:
            assert [dict(one.event) for one in read.entries[:3]] == [json.loads(one) for one in SOUNDING]
            continue
        said, heard, shown = read.entries[:3]
        assert (said.event["audio"], said.elided) == ("", {"audio": 960})
        assert (heard.event["delta"], heard.elided) == ("", {"delta": 960})
        assert shown.elided == {"item.content.0.image_url": 960, "item.content.1.audio": 960}
        picture, voice = shown.event["item"]["content"]
        assert picture["image_url"] == "data:image/jpeg;base64,"
        assert voice["transcript"] == "hello"


def test_words_are_not_taken_for_sound(tmp_path: Path) -> None:
    words = [
        event(type="response.output_audio_transcript.delta", delta="audio"),
        event(type="response.output_text.delta", delta="text"),
        event(
            type="session.updated",
            session={"audio": {"input": {"transcription": None}}, "output_modalities": ["audio"]},
        ),
    ]
    trace = write(tmp_path / "t")
    for one in words:
        trace.wire("in", one)
    trace.close()
    assert [dict(one.event) for one in read_trace(tmp_path / "t").entries[:3]] == [json.loads(one) for one in words]


@pytest.mark.parametrize(
    "secret",
    [
        event(type="session.created", session={"client_secret": {"value": "ek_0123456789abcdef", "expires_at": 1}}),
        event(type="session.update", session={"tools": [{"type": "mcp", "authorization": "my-password-1"}]}),
        event(type="session.update", session={"tools": [{"type": "mcp", "headers": {"X-Key": "my-password-1"}}]}),
        event(type="error", error={"message": f"Incorrect API key provided: {KEY}"}),
        event(type="error", error={"message": "Authorization: Bearer abc.def.ghi was refused"}),
        event(type="response.output_text.delta", delta="the app's own word: my-password-1"),
        f"no JSON, but {KEY}",
    ],
)
def test_secrets_are_never_in_a_trace(tmp_path: Path, secret: str) -> None:
    trace = write(tmp_path / "t", secrets=["my-password-1"])
    trace.hide("later-password")
    trace.wire("in", secret)
    trace.note("attempt_failed", why=f"the server says {KEY} and later-password", token="my-token-is-this")
    trace.close()
    text = (tmp_path / "t").read_text()
    for word in (KEY, "ek_0123456789abcdef", "my-password-1", "abc.def.ghi", "later-password", "my-token-is-this"):
        assert word not in text


def test_a_full_trace_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    trace = write(tmp_path / "t", most_bytes=2000)
    for number in range(100):
        trace.wire("in", event(type="response.output_text.delta", delta=f"word {number}"))
    trace.note("late")
    trace.close()
    read = read_trace(tmp_path / "t")
    assert (tmp_path / "t").stat().st_size < 2200
    assert read.entries[0].event["delta"] == "word 0"
    assert read.entries[-1].decision == "trace_full"
    assert not read.complete


def test_a_trace_that_breaks_off_can_be_read(tmp_path: Path) -> None:
    trace = write(tmp_path / "t")
    trace.wire("in", event(type="response.created"))
    trace.note("lost")
    text = (tmp_path / "t").read_text()
    (tmp_path / "t").write_text(text + '{"t": 1.5, "dir": "in", "eve')
    read = read_trace(tmp_path / "t")
    assert [one.decision for one in read.entries] == ["", "lost"]
    assert not read.complete


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no trace"),
        ('{"type": "session.created"}\n', "no trace"),
        ("RIFF....WAVE", "no trace"),
        ('{"antiphon_trace": 99}\n', "format 99"),
        ('{"antiphon_trace": 1}\n{"t": "soon"}\n{"t": 1, "dir": "note"}\n', "line 2"),
    ],
)
def test_what_is_no_trace_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(TraceError, match=said):
        read_trace(tmp_path / "t")


def test_a_file_that_is_open_stays_open() -> None:
    file = io.StringIO()
    trace = TraceWriter(file, target="", transport="memory")
    trace.close()
    assert len(file.getvalue().splitlines()) == 2


def test_an_empty_trace_is_not_complete() -> None:
    assert not Trace(header=None, entries=[]).complete  # type: ignore[arg-type]
