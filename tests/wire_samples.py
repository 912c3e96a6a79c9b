"""One frame, or more, of every event of the Realtime API, as Python values.

The server's frames are what a server has to send for strict clients (every one of them is checked against those
clients' own parsers); the client's are what stock clients send, and what the API's reference shows.
"""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]

REALTIME_SESSION: Frame = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "local-1",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "expires_at": 1790000000,
    "include": None,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
    },
}

EVERY_SESSION_FIELD: Frame = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["text"],
    "instructions": "",
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {
                "model": "gpt-realtime-whisper",
                "language": "de",
                "languages": ["de", "en"],
                "keywords": ["Antiphon"],
                "prompt": "a call",
                "delay": "xhigh",
            },
            "noise_reduction": {"type": "far_field", "strength": 0.5},
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "high",
                "create_response": False,
                "interrupt_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}, "speed": 1.5},
    },
    "include": ["item.input_audio_transcription.logprobs"],
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": [1, None]}},
    "tools": [
        {"type": "function", "name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {}}},
        {
            "type": "mcp",
            "server_label": "docs",
            "server_url": "https://example.com/mcp",
            "authorization": "secret-token",
            "headers": {"X-Key": "secret-header"},
            "server_description": "Documents.",
            "allowed_tools": {"tool_names": ["find"], "read_only": True},
            "require_approval": {"always": {"tool_names": ["drop"]}, "never": {"read_only": True}},
            "allowed_callers": ["direct"],
            "defer_loading": False,
        },
        {"type": "mcp", "server_label": "x", "tunnel_id": "t", "allowed_tools": ["a"], "require_approval": "never"},
    ],
    "tool_choice": {"type": "mcp", "server_label": "docs", "name": "find"},
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "max_output_tokens": 4096,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
    "prompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Ulm"}},
}

TRANSCRIPTION_SESSION: Frame = {
    "type": "transcription",
    "object": "realtime.transcription_session",
    "id": "sess_2",
    "expires_at": 1790000000,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": ""},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
        }
    },
    "include": None,
}


def _item(kind: str, **members: Any) -> Frame:
    return {"id": "item_1", "object": "realtime.item", "type": kind, **members}


ITEMS: list[Frame] = [
    _item("message", status="completed", role="system", content=[{"type": "input_text", "text": "Be kind."}]),
    _item(
        "message",
        status="in_progress",
        role="user",
        content=[
            {"type": "input_text", "text": "Look: naïve 🎷"},
            {"type": "input_audio", "transcript": "hello"},
            {"type": "input_audio", "transcript": None},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
        ],
    ),
    _item("message", status="in_progress", role="assistant", content=[]),
    _item("message", status="completed", role="assistant", content=[{"type": "output_text", "text": "Hi."}]),
    _item("message", status="incomplete", role="assistant", content=[{"type": "output_audio", "transcript": "Hel"}]),
    _item("function_call", status="completed", name="add", arguments='{"a":1}', call_id="call_1"),
    _item("function_call_output", status="completed", call_id="call_1", output='{"sum":3}'),
    {
        "id": "mcp_1",
        "type": "mcp_list_tools",
        "server_label": "docs",
        "tools": [{"name": "find", "input_schema": {"type": "object"}, "description": "Finds.", "annotations": {}}],
    },
    {
        "id": "mcp_2",
        "type": "mcp_call",
        "server_label": "docs",
        "name": "find",
        "arguments": "{}",
        "approval_request_id": "mcp_3",
        "output": "found",
    },
    *(
        {"id": "mcp_2", "type": "mcp_call", "server_label": "docs", "name": "find", "arguments": "{}", "error": error}
        for error in (
            {"type": "protocol_error", "code": -32600, "message": "bad request"},
            {"type": "tool_execution_error", "message": "no such page"},
            {"type": "http_error", "code": 503, "message": "busy"},
        )
    ),
    {"id": "mcp_3", "type": "mcp_approval_request", "server_label": "docs", "name": "find", "arguments": "{}"},
    {
        "id": "mcp_4",
        "type": "mcp_approval_response",
        "approval_request_id": "mcp_3",
        "approve": False,
        "reason": "not now",
    },
]

ITEM_WITH_AUDIO = _item(
    "message",
    status="completed",
    role="user",
    content=[{"type": "input_audio", "audio": "AAABAP//", "transcript": "Hi"}],
)

USAGE: Frame = {
    "total_tokens": 3,
    "input_tokens": 2,
    "output_tokens": 1,
    "input_token_details": {
        "text_tokens": 1,
        "audio_tokens": 1,
        "image_tokens": 0,
        "cached_tokens": 0,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 0, "audio_tokens": 1},
}


def _response(status: str, **members: Any) -> Frame:
    return {
        "object": "realtime.response",
        "id": "resp_1",
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "usage": None,
        "metadata": None,
        **members,
    }


RESPONSES_DONE: list[Frame] = [
    _response("completed", status_details={"type": "completed"}, output=ITEMS, usage=USAGE),
    _response(
        "cancelled",
        status_details={"type": "cancelled", "reason": "turn_detected"},
        output=[ITEMS[4]],
        usage=USAGE,
    ),
    _response("incomplete", status_details={"type": "incomplete", "reason": "max_output_tokens"}, max_output_tokens=1),
    _response(
        "failed",
        status_details={
            "type": "failed",
            "error": {"type": "server_error", "code": "model_failed", "message": "It did not answer."},
        },
        conversation_id=None,
        metadata={"topic": "weather"},
    ),
]


def _event(kind: str, **members: Any) -> Frame:
    return {"type": kind, "event_id": "event_1", **members}


_IN_PART: Frame = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
_IN_ITEM: Frame = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0}
_SPOKEN: Frame = {"item_id": "item_1", "content_index": 0}
_TRANSCRIPTION = "conversation.item.input_audio_transcription"

SERVER_FRAMES: list[Frame] = [
    _event("session.created", session=REALTIME_SESSION),
    _event("session.updated", session=EVERY_SESSION_FIELD),
    _event("session.updated", session=TRANSCRIPTION_SESSION),
    _event("conversation.created", conversation={"id": "conv_1", "object": "realtime.conversation"}),
    *(_event("conversation.item.added", previous_item_id=None, item=item) for item in ITEMS),
    *(_event("conversation.item.done", previous_item_id="item_0", item=item) for item in ITEMS),
    _event("conversation.item.created", previous_item_id=None, item=ITEMS[0]),
    _event("conversation.item.retrieved", item=ITEM_WITH_AUDIO),
    _event("conversation.item.deleted", item_id="item_1"),
    _event("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=1500),
    _event(f"{_TRANSCRIPTION}.delta", **_SPOKEN, delta="Hi"),
    _event(
        f"{_TRANSCRIPTION}.delta",
        **_SPOKEN,
        delta="Hi",
        logprobs=[{"token": "Hi", "logprob": -0.1, "bytes": [72, 105]}],
    ),
    _event(f"{_TRANSCRIPTION}.completed", **_SPOKEN, transcript="Hi", usage={"type": "duration", "seconds": 1.2}),
    _event(
        f"{_TRANSCRIPTION}.completed",
        **_SPOKEN,
        transcript="Hi",
        languages=[{"code": "en"}],
        usage={
            "type": "tokens",
            "total_tokens": 3,
            "input_tokens": 2,
            "output_tokens": 1,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 2},
        },
    ),
    _event(
        f"{_TRANSCRIPTION}.failed",
        **_SPOKEN,
        error={"type": "transcription_error", "code": "audio_unintelligible", "message": "Nothing was understood."},
    ),
    _event(f"{_TRANSCRIPTION}.segment", **_SPOKEN, text="Hi", id="seg_1", speaker="A", start=0.5, end=1.25),
    _event("input_audio_buffer.committed", previous_item_id=None, item_id="item_1"),
    _event("input_audio_buffer.cleared"),
    _event("input_audio_buffer.speech_started", audio_start_ms=120, item_id="item_1"),
    _event("input_audio_buffer.speech_stopped", audio_end_ms=2120, item_id="item_1"),
    _event("input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=6000, item_id="item_1"),
    {"type": "input_audio_buffer.dtmf_event_received", "event": "9", "received_at": 1763605109},
    *(_event(f"output_audio_buffer.{what}", response_id="resp_1") for what in ("started", "stopped", "cleared")),
    _event("response.created", response=_response("in_progress")),
    *(_event("response.done", response=response) for response in RESPONSES_DONE),
    *(_event("response.output_item.added", response_id="resp_1", output_index=0, item=item) for item in ITEMS[2:8]),
    *(_event("response.output_item.done", response_id="resp_1", output_index=0, item=item) for item in ITEMS[3:9]),
    _event("response.content_part.added", **_IN_PART, part={"type": "audio", "transcript": ""}),
    _event("response.content_part.added", **_IN_PART, part={"type": "text", "text": ""}),
    _event("response.content_part.done", **_IN_PART, part={"type": "audio", "transcript": "Hello."}),
    _event("response.content_part.done", **_IN_PART, part={"type": "text", "text": "Hello."}),
    _event("response.output_text.delta", **_IN_PART, delta="Hel"),
    _event("response.output_text.done", **_IN_PART, text="Hello."),
    _event("response.output_audio.delta", **_IN_PART, delta="AAABAP//"),
    _event("response.output_audio.delta", **_IN_PART, delta="AAABAA=="),
    _event("response.output_audio.done", **_IN_PART),
    _event("response.output_audio_transcript.delta", **_IN_PART, delta="Hel"),
    _event("response.output_audio_transcript.done", **_IN_PART, transcript="Hello."),
    _event("response.function_call_arguments.delta", **_IN_ITEM, call_id="call_1", delta='{"a'),
    _event("response.function_call_arguments.done", **_IN_ITEM, call_id="call_1", name="add", arguments='{"a":1}'),
    _event("response.mcp_call_arguments.delta", **_IN_ITEM, delta="{", obfuscation="xx"),
    _event("response.mcp_call_arguments.done", **_IN_ITEM, arguments="{}"),
    *(
        _event(f"response.mcp_call.{state}", output_index=0, item_id="mcp_2")
        for state in ("in_progress", "completed", "failed")
    ),
    *(_event(f"mcp_list_tools.{state}", item_id="mcp_1") for state in ("in_progress", "completed", "failed")),
    _event(
        "rate_limits.updated",
        rate_limits=[
            {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60},
            {"name": "tokens", "limit": 50000, "remaining": 49950, "reset_seconds": 0.06},
        ],
    ),
    _event("error", error={"type": "server_error", "message": "Something broke."}),
    _event(
        "error",
        error={
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.voice'.",
            "param": "session.voice",
            "event_id": "event_567",
        },
    ),
]

CLIENT_FRAMES: list[Frame] = [
    # The first frames of openai-agents for Python ...
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "model": "gpt-realtime-2.1",
            "output_modalities": ["audio"],
            "instructions": "Talk.",
            "tools": [],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash"},
            },
        },
    },
    {"type": "session.update", "session": {"type": "realtime", "model": "gpt-realtime-2.1", "tracing": "auto"}},
    # ... and of @openai/agents for JavaScript.
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Talk.",
            "model": "gpt-realtime-2.1",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": None,
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": {"type": "semantic_vad", "model_version": "default"},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1},
            },
        },
    },
    {"type": "session.update", "event_id": "event_1", "session": EVERY_SESSION_FIELD},
    {"type": "session.update", "session": TRANSCRIPTION_SESSION},
    {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}, "output": {"voice": "nobody"}}},
    },
    {"type": "input_audio_buffer.append", "audio": "AAABAP//"},
    {"type": "input_audio_buffer.append", "event_id": "e" * 512, "audio": ""},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    *({"type": "conversation.item.create", "previous_item_id": "root", "item": item} for item in ITEMS),
    {"type": "conversation.item.create", "previous_item_id": None, "item": ITEM_WITH_AUDIO},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    },
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 1500},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "response.create"},
    {
        "type": "response.create",
        "response": {
            "output_modalities": ["text"],
            "instructions": "Sum up.",
            "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}},
            "tools": EVERY_SESSION_FIELD["tools"],
            "tool_choice": {"type": "function", "name": "add"},
            "parallel_tool_calls": False,
            "reasoning": {"effort": "minimal"},
            "max_output_tokens": 200,
            "conversation": "none",
            "metadata": {"topic": "summary"},
            "prompt": {"id": "pmpt_1"},
            "input": [{"type": "item_reference", "id": "item_1"}, *ITEMS],
        },
    },
    {"type": "response.create", "response": {"input": []}},
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "output_audio_buffer.clear"},
]


def frame_name(frame: Frame) -> str:
    """A test's name for a frame."""
    return str(frame["type"])


def same_json(left: Any, right: Any) -> bool:
    """Whether two parsed JSON values are the same value. Numbers are doubles, as JSON's interoperable ones are."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or float(left) == float(right)
    return type(left) is type(right) and bool(left == right)
