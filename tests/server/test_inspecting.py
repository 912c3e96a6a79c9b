"""What is kept of calls: as a trace, bounded, without secrets, with the sound of both sides."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from antiphon.client.trace import read_trace
from antiphon.server.inspecting import CallRecord, Inspector, Kind
from antiphon.server.settings import InspectionLimits

KIB = 1024


def record_of(kind: Kind = "websocket", **limits: int) -> CallRecord:
    return CallRecord(kind, now=10.0, unix_now=1_700_000_000, limits=InspectionLimits(**limits))


def event(type_: str, **members: Any) -> str:
    return json.dumps({"type": type_, **members})


def told(record: CallRecord, after: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line.text) for line in record.lines(after)]


def test_a_record_is_a_trace_that_the_trace_reader_reads(tmp_path: Path) -> None:
    record = record_of()
    record.note("session_asked", 10.0, session={"voice": "ash"})
    record.wire("out", event("response.create"), 10.5)
    record.wire("in", event("response.created", response={"id": "r"}), 10.75)
    record.end(11.0, 1_700_000_001)
    (tmp_path / "trace.jsonl").write_text("\n".join(record.trace()))
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.complete
    assert trace.header.transport == "websocket"
    assert [(entry.t_ms, entry.dir) for entry in trace.entries] == [
        (0, "note"), (500, "out"), (750, "in"), (1000, "note"),
    ]  # fmt: skip
    record.wire("out", event("late"), 12.0)
    assert record.count == 4


def test_lines_are_numbered_and_say_how_large_they_were() -> None:
    record = record_of()
    frame = event("conversation.item.create", item={"text": "ю" * 10})
    record.wire("out", frame.encode().decode("unicode_escape"), 10.0)
    (line,) = record.lines()
    assert (line.number, line.size) == (1, len(frame.encode().decode("unicode_escape").encode()))
    assert record.lines(after=1) == []


def test_the_oldest_lines_go_and_the_session_stays() -> None:
    record = record_of(lines_bytes=8 * KIB)
    record.note("session_asked", 10.0, session={"voice": "ash"})
    record.wire("in", event("session.created", session={"voice": "ash"}), 10.0)
    for number in range(500):
        record.wire("in", event("response.output_text.delta", delta=str(number)), 10.0 + number)
    assert record.dropped > 300
    assert record.bytes <= 8 * KIB
    lines = told(record)
    assert lines[0]["decision"] == "session_asked"
    assert lines[1]["event"]["type"] == "session.created"
    assert lines[-1]["event"]["delta"] == "499"
    numbers = [line.number for line in record.lines()]
    assert numbers == sorted(set(numbers))
    # Who has seen them does not get them again.
    assert all(line.number > 450 for line in record.lines(after=450))


def test_no_secret_is_kept() -> None:
    record = record_of()
    record.wire("out", event("session.update", session={"tools": [{"type": "mcp", "authorization": "Basic x"}]}), 10.0)
    record.wire("out", event("x", words="Bearer abcdefghij and sk-abcdefghijk and ek_abcdefghijk"), 10.0)
    record.wire("out", "not JSON at all: sk-abcdefghijk", 10.0)
    text = "".join(record.trace())
    for secret in ("Basic x", "abcdefghij"):
        assert secret not in text


def test_sound_in_events_is_kept_as_sound_and_not_as_text() -> None:
    record = record_of()
    pcm = bytes([1, 0]) * 2400
    record.wire("out", event("input_audio_buffer.append", audio=b64encode(pcm).decode()), 10.0)
    record.wire("in", event("response.output_audio.delta", delta=b64encode(pcm * 20).decode()), 11.0)
    assert record.caller.rendered(0, 100) == pcm
    assert record.answer.span_ms == (1000, 3000)
    assert told(record)[0]["elided"] == {"audio": len(pcm)}
    record.wire("in", event("conversation.item.truncated", audio_end_ms=500), 11.5)
    assert record.answer.span_ms == (1000, 1500)


def test_what_is_no_pcm_is_not_taken_for_it() -> None:
    record = record_of()
    audio = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcm", "rate": 24000}}}
    record.wire("in", event("session.updated", session={"audio": audio}), 10.0)
    data = b64encode(bytes(480)).decode()
    record.wire("out", event("input_audio_buffer.append", audio=data), 10.0)
    record.wire("in", event("response.output_audio.delta", delta=data), 10.0)
    record.wire("in", event("response.output_audio.delta", delta="!"), 10.0)
    record.wire("in", event("response.output_audio.delta", delta=3), 10.0)
    assert (record.caller.bytes, record.answer.bytes) == (0, 480)


def listed(inspector: Inspector, call_id: str, kind: Kind = "webrtc") -> CallRecord:
    record = inspector.begin(kind, now=0.0, unix_now=0.0)
    inspector.list(record, call_id)
    return record


def test_live_calls_stay_and_of_ended_ones_the_last() -> None:
    inspector = Inspector(InspectionLimits(ended_calls=2))
    live = listed(inspector, "live")
    for number in range(5):
        listed(inspector, f"c{number}").end(1.0, 1.0)
    listed(inspector, "now")
    assert [record.id for record in inspector.calls()] == ["now", "c4", "c3", "live"]
    assert inspector.find("live") is live
    assert inspector.find("c0") is None


def test_all_calls_together_are_bounded_ended_ones_and_sound_first() -> None:
    inspector = Inspector(InspectionLimits(all_bytes=256 * KIB))
    listed(inspector, "over").end(0.0, 0.0)
    live = listed(inspector, "live")
    for number in range(200):
        live.heard(bytes(4 * KIB), number / 10)
        live.wire("in", event("x", number=number), number / 10)
    assert inspector.find("over") is None
    assert live.bytes <= 256 * KIB + 64 * 5 * KIB
    assert live.dropped == 0
    for number in range(20_000):
        live.wire("in", event("x", number=number, text="y" * 100), 20.0)
    assert live.caller.bytes == 0
    assert 0 < live.bytes <= 256 * KIB + 64 * KIB


def test_who_watches_is_told_until_they_leave() -> None:
    inspector = Inspector()
    changes: list[int] = []
    leave = inspector.watch(lambda: changes.append(1))
    record = listed(inspector, "a")
    record.wire("in", event("x"), 0.0)
    leave()
    record.wire("in", event("x"), 0.0)
    assert len(changes) == 2
