"""Writes down what goes over the wire in a call, turn by turn, as a real server says it: for traces and tests."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SESSION: Json = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
}

USAGE: Json = {
    "total_tokens": 180,
    "input_tokens": 120,
    "output_tokens": 60,
    "input_token_details": {
        "text_tokens": 80,
        "audio_tokens": 40,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 40},
}


class Script:
    """The lines of one call, in order. `at` is the time of the next line, in milliseconds."""

    def __init__(self, at: int = 1000) -> None:
        self.at = at
        self.lines: list[Json] = []
        self._events = 0

    def after(self, ms: int) -> Script:
        self.at += ms
        return self

    def server(self, kind: str, **fields: Any) -> Script:
        self._events += 1
        event = {"type": kind, "event_id": f"event_{self._events}", **fields}
        self.lines.append({"at": self.at, "from": "server", "event": event})
        return self

    def client(self, kind: str, **fields: Any) -> Script:
        self.lines.append({"at": self.at, "from": "client", "event": {"type": kind, **fields}})
        return self

    def played(self, item_id: str, played_ms: int) -> Script:
        self.lines.append({"at": self.at, "from": "player", "played": {"item_id": item_id, "played_ms": played_ms}})
        return self

    def flushed(self) -> Script:
        self.lines.append({"at": self.at, "from": "player", "flushed": True})
        return self

    def disconnected(self) -> Script:
        self.lines.append({"at": self.at, "from": "link", "disconnected": True})
        return self

    # ── a session ────────────────────────────────────────────────────────────────────────────────────────────────

    def session(self, **changes: Any) -> Script:
        return self.server("session.created", session={**SESSION, **changes})

    # ── the user speaks ──────────────────────────────────────────────────────────────────────────────────────────

    def speech(self, item_id: str, previous: str | None, start_ms: int = 200, length_ms: int = 1800) -> Script:
        """The user says something; its words are not recognised yet."""
        self.server("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        self.after(length_ms)
        self.server("input_audio_buffer.speech_stopped", audio_end_ms=start_ms + length_ms, item_id=item_id)
        return self.after(5).committed(item_id, previous)

    def committed(self, item_id: str, previous: str | None) -> Script:
        item = user_item(item_id, {"type": "input_audio", "transcript": None})
        self.server("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self.server("conversation.item.added", previous_item_id=previous, item=item)
        return self.server("conversation.item.done", previous_item_id=previous, item=item)

    def recognised(self, item_id: str, *words: str) -> Script:
        for word in words:
            self.server(
                "conversation.item.input_audio_transcription.delta", item_id=item_id, content_index=0, delta=word
            )
            self.after(20)
        return self.server(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript="".join(words).strip(),
            usage={"type": "duration", "seconds": 1.8},
        )

    # ── the assistant answers ────────────────────────────────────────────────────────────────────────────────────

    def response(self, response_id: str, conversation_id: str | None = "conv_1") -> Script:
        response = {
            "object": "realtime.response",
            "id": response_id,
            "status": "in_progress",
            "output": [],
            "conversation_id": conversation_id,
        }
        return self.server("response.created", response=response)

    def answer_item(self, response_id: str, item_id: str, previous: str | None, output_index: int = 0) -> Script:
        item = answer(item_id, "in_progress")
        self.server("response.output_item.added", response_id=response_id, output_index=output_index, item=item)
        return self.server("conversation.item.added", previous_item_id=previous, item=item)

    def audio_part(self, response_id: str, item_id: str, content_index: int = 0) -> Script:
        part = {"type": "audio", "transcript": ""}
        return self.server("response.content_part.added", **place(response_id, item_id, content_index), part=part)

    def text_part(self, response_id: str, item_id: str, content_index: int = 0) -> Script:
        part = {"type": "text", "text": ""}
        return self.server("response.content_part.added", **place(response_id, item_id, content_index), part=part)

    def says(self, response_id: str, item_id: str, *words: str, every_ms: int = 40) -> Script:
        for word in words:
            self.server("response.output_audio_transcript.delta", **place(response_id, item_id), delta=word)
            self.after(every_ms)
        return self

    def writes(self, response_id: str, item_id: str, *words: str, content_index: int = 0) -> Script:
        for word in words:
            self.server("response.output_text.delta", **place(response_id, item_id, content_index), delta=word)
            self.after(30)
        return self

    def sound(self, response_id: str, item_id: str, ms: int) -> Script:
        """Audio as an event: silence, at 24 kHz."""
        audio = "A" * (ms * 48 // 3 * 4)
        return self.server("response.output_audio.delta", **place(response_id, item_id), delta=audio)

    def answer_done(
        self, response_id: str, item_id: str, previous: str | None, text: str, *, status: str = "completed"
    ) -> Script:
        """The words are final, and the item is done."""
        where = place(response_id, item_id)
        item = answer(item_id, status, {"type": "output_audio", "transcript": text})
        self.server("response.output_audio.done", **where)
        self.server("response.output_audio_transcript.done", **where, transcript=text)
        self.server("response.content_part.done", **where, part={"type": "audio", "transcript": text})
        self.server("response.output_item.done", response_id=response_id, output_index=0, item=item)
        return self.server("conversation.item.done", previous_item_id=previous, item=item)

    def response_done(self, response_id: str, *output: Json, status: str = "completed", **fields: Any) -> Script:
        response = {
            "object": "realtime.response",
            "id": response_id,
            "status": status,
            "status_details": fields.pop("details", None),
            "output": list(output),
            "conversation_id": "conv_1",
            "usage": fields.pop("usage", USAGE),
            **fields,
        }
        return self.server("response.done", response=response)

    def heard(self, what: str, response_id: str) -> Script:
        """what: started, stopped or cleared. Only media transports have it."""
        return self.server(f"output_audio_buffer.{what}", response_id=response_id)

    # ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(
        self, response_id: str, item_id: str, call_id: str, previous: str, *, pieces: list[str], index: int = 0
    ) -> Script:
        begun = tool_call(item_id, call_id, "", "in_progress")
        done = tool_call(item_id, call_id, "".join(pieces))
        where = {"response_id": response_id, "item_id": item_id, "output_index": index, "call_id": call_id}
        self.server("response.output_item.added", response_id=response_id, output_index=index, item=begun)
        self.server("conversation.item.added", previous_item_id=previous, item=begun)
        for piece in pieces:
            self.server("response.function_call_arguments.delta", **where, delta=piece)
            self.after(15)
        self.server("response.function_call_arguments.done", **where, name="get_weather", arguments="".join(pieces))
        self.server("response.output_item.done", response_id=response_id, output_index=index, item=done)
        return self.server("conversation.item.done", previous_item_id=previous, item=done)

    def output(self, item_id: str, call_id: str, previous: str, output: str) -> Script:
        """The app gives a result, and the server takes it."""
        item = {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output}
        self.client("conversation.item.create", event_id=f"out_{call_id}", item=item).after(12)
        taken = {**item, "object": "realtime.item", "status": "completed"}
        self.server("conversation.item.added", previous_item_id=previous, item=taken)
        return self.server("conversation.item.done", previous_item_id=previous, item=taken)

    # ── typing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def typed(self, item_id: str, previous: str | None, *content: Json, event_id: str = "typed_1") -> Script:
        """The app sends a message, and the server takes it."""
        item = {"id": item_id, "type": "message", "role": "user", "content": list(content)}
        self.client("conversation.item.create", event_id=event_id, item=item).after(15)
        taken = {**item, "object": "realtime.item", "status": "completed"}
        self.server("conversation.item.added", previous_item_id=previous, item=taken)
        return self.server("conversation.item.done", previous_item_id=previous, item=taken)


def place(response_id: str, item_id: str, content_index: int = 0) -> Json:
    return {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": content_index}


def user_item(item_id: str, *content: Json) -> Json:
    item = {"id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
    return {**item, "content": list(content)}


def answer(item_id: str, status: str, *content: Json) -> Json:
    item = {"id": item_id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant"}
    return {**item, "content": list(content)}


def spoken_answer(item_id: str, text: str, status: str = "completed") -> Json:
    return answer(item_id, status, {"type": "output_audio", "transcript": text})


def tool_call(item_id: str, call_id: str, arguments: str, status: str = "completed") -> Json:
    item = {"id": item_id, "object": "realtime.item", "type": "function_call", "status": status, "name": "get_weather"}
    return {**item, "call_id": call_id, "arguments": arguments}
