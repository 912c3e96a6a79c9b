"""The events of a turn as a server sends them, for tests of the page."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def heard(item_id: str, previous: str | None) -> list[Event]:
    """The caller spoke, and stopped; the words are still being recognised."""
    item = {"id": item_id, "type": "message", "role": "user", "status": "completed"}
    content = [{"type": "input_audio", "transcript": None}]
    return [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": item_id},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": item_id},
        {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id},
        {"type": "conversation.item.added", "previous_item_id": previous, "item": {**item, "content": content}},
        {"type": "conversation.item.done", "previous_item_id": previous, "item": {**item, "content": content}},
    ]


def said(item_id: str, text: str) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
        "usage": {"type": "duration", "seconds": 0.9},
    }


def response_begins(response_id: str) -> Event:
    response = {"id": response_id, "object": "realtime.response", "status": "in_progress", "conversation_id": "conv_1"}
    return {"type": "response.created", "response": {**response, "output": []}}


def answer_begins(response_id: str, item_id: str, previous: str | None) -> list[Event]:
    item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    return [
        response_begins(response_id),
        {"type": "response.output_item.added", "response_id": response_id, "output_index": 0, "item": item},
        {"type": "conversation.item.added", "previous_item_id": previous, "item": item},
        {
            "type": "response.content_part.added",
            "response_id": response_id,
            "item_id": item_id,
            "output_index": 0,
            "content_index": 0,
            "part": {"type": "audio", "transcript": ""},
        },
    ]


def delta(response_id: str, item_id: str, text: str) -> Event:
    return {
        "type": "response.output_audio_transcript.delta",
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    }


def sound_begins(response_id: str) -> Event:
    return {"type": "output_audio_buffer.started", "response_id": response_id}


def sound_ends(response_id: str) -> Event:
    return {"type": "output_audio_buffer.stopped", "response_id": response_id}


def answer_ends(
    response_id: str, item_id: str, previous: str | None, text: str, *, status: str = "completed"
) -> list[Event]:
    item = {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": "completed" if status == "completed" else "incomplete",
        "content": [{"type": "output_audio", "transcript": text}],
    }
    place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    part = {"type": "audio", "transcript": text}
    return [
        {"type": "response.output_audio.done", **place},
        {"type": "response.output_audio_transcript.done", **place, "transcript": text},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": item},
        {"type": "conversation.item.done", "previous_item_id": previous, "item": item},
        {"type": "response.done", "response": {"id": response_id, "status": status, "output": [item]}},
    ]


def cancelled(response_id: str, item_id: str, previous: str | None, kept: str) -> list[Event]:
    """A barge-in. kept: the words that the server keeps in the conversation."""
    return [
        *answer_ends(response_id, item_id, previous, kept, status="cancelled"),
        {"type": "output_audio_buffer.cleared", "response_id": response_id},
        {"type": "conversation.item.truncated", "item_id": item_id, "content_index": 0, "audio_end_ms": 1000},
    ]
