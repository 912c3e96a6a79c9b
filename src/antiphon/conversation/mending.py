"""Events that a server sent in an older or poorer shape, made whole: pure functions over JSON. Nothing here is stored.

The decoder keeps what it cannot hold as an `UnknownEvent`. Compatible servers leave out members that the API always
sends (`usage` of a transcription, `name` of a finished call), and some still use the beta's names.
"""

from __future__ import annotations

from typing import Any

import msgspec

from antiphon.protocol import ServerEvent, UnknownEvent, decode_server_event

OLDER_NAMES = {
    "conversation.item.created": "conversation.item.added",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}

_PLACE = {"output_index": 0, "content_index": 0}
_MISSING: dict[str, dict[str, Any]] = {
    "conversation.item.truncated": {"content_index": 0, "audio_end_ms": 0},
    "conversation.item.input_audio_transcription.completed": {
        "content_index": 0,
        "usage": {"type": "duration", "seconds": 0},  # read as "not told"
    },
    "conversation.item.input_audio_transcription.failed": {"content_index": 0, "error": {}},
    "input_audio_buffer.speech_started": {"audio_start_ms": 0},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": 0},
    "input_audio_buffer.timeout_triggered": {"audio_start_ms": 0, "audio_end_ms": 0},
    "response.output_item.added": {"output_index": 0},
    "response.output_item.done": {"output_index": 0},
    "response.content_part.added": _PLACE,
    "response.content_part.done": _PLACE,
    "response.output_text.delta": _PLACE,
    "response.output_text.done": _PLACE,
    "response.output_audio.delta": _PLACE,
    "response.output_audio.done": _PLACE,
    "response.output_audio_transcript.delta": _PLACE,
    "response.output_audio_transcript.done": _PLACE,
    "response.function_call_arguments.delta": {"output_index": 0},
    "response.function_call_arguments.done": {"output_index": 0, "name": "", "arguments": ""},
    "response.mcp_call_arguments.delta": {"output_index": 0},
    "response.mcp_call_arguments.done": {"output_index": 0, "arguments": ""},
    "error": {"error": {}},
}
_PART_NAMES = {"text": "output_text", "audio": "output_audio"}


def mended(event: UnknownEvent, response_id: str) -> ServerEvent | None:
    """The event with what is missing filled in; None when it still makes no sense.

    response_id: of the response being made, for events that do not say whose they are.
    """
    kind = OLDER_NAMES.get(event.type, event.type)
    raw = {**event.raw, "type": kind}
    for name, value in _MISSING.get(kind, {}).items():
        if raw.get(name) is None:
            raw[name] = value
    if kind.startswith("response.") and kind not in {"response.created", "response.done"}:
        if not isinstance(raw.get("response_id"), str):
            raw["response_id"] = response_id
        if "function_call" in kind and not isinstance(raw.get("call_id"), str):
            raw["call_id"] = raw.get("item_id")
    if kind == "error":
        detail = raw["error"] if isinstance(raw["error"], dict) else {}
        raw["error"] = {**detail, "type": detail.get("type") or "server_error", "message": detail.get("message") or ""}
    if isinstance(item := raw.get("item"), dict):
        raw["item"] = _mended_item(item)
    response = raw.get("response")
    if isinstance(response, dict) and isinstance(output := response.get("output"), list):
        whole = [_mended_item(item) if isinstance(item, dict) else item for item in output]
        raw["response"] = {**response, "output": whole}
    decoded = decode_server_event(msgspec.json.encode(raw))
    return None if isinstance(decoded, UnknownEvent) else decoded


def _mended_item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type", "message") != "message":
        return item
    content = item.get("content")
    parts = [
        {**part, "type": _PART_NAMES.get(str(part.get("type")), part.get("type"))} if isinstance(part, dict) else part
        for part in (content if isinstance(content, list) else [])
    ]
    return {**item, "type": "message", "content": parts}
