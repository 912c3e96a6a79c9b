"""The promises of a Realtime session, checked on the stream of its events as they go by."""

from __future__ import annotations

from typing import Any


class WireWatch:
    """Give it every server event in order; it fails on the first one that breaks a promise.

    `at_end` checks what must hold when the session is over.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.event_ids: set[str] = set()
        self.active: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()
        self.open_items: set[str] = set()
        self.added: set[str] = set()
        self.done: set[str] = set()
        self.open_outputs: dict[tuple[str, str], int] = {}
        self.open_parts: set[tuple[str, str]] = set()
        self.calls_open: set[str] = set()
        self.speaking: str | None = None
        self.playing: str | None = None
        self.text: dict[str, str] = {}

    def see(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        self.seen += 1
        assert (kind == "session.created") == (self.seen == 1), "session.created comes first, and once"
        assert event["event_id"] not in self.event_ids, "an event id was used twice"
        self.event_ids.add(event["event_id"])
        response_id = event.get("response_id")
        if kind.startswith("response.") and response_id is not None:
            assert response_id in self.active, f"{kind} of a response that is not active: {response_id}"
        handler = getattr(self, "_" + kind.replace(".", "_"), None)
        if handler is not None:
            handler(event)

    # ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _response_created(self, event: dict[str, Any]) -> None:
        response = event["response"]
        assert response["status"] == "in_progress"
        assert response["output"] == []
        if response["conversation_id"] is not None:
            others = [other for other in self.active.values() if other["conversation_id"] is not None]
            assert not others, "two responses write to the conversation"
        assert response["id"] not in self.active
        assert response["id"] not in self.ended
        self.active[response["id"]] = response

    def _response_done(self, event: dict[str, Any]) -> None:
        response = event["response"]
        begun = self.active.pop(response["id"])
        self.ended.add(response["id"])
        assert response["status"] in ("completed", "cancelled", "failed", "incomplete")
        for unchanged in ("audio", "output_modalities", "conversation_id", "metadata", "max_output_tokens"):
            assert response[unchanged] == begun[unchanged], f"{unchanged} changed within a response"
        assert not [key for key in self.open_outputs if key[0] == response["id"]], "an output item was left open"
        assert response["usage"] is not None

    def _response_output_item_added(self, event: dict[str, Any]) -> None:
        key = (event["response_id"], event["item"]["id"])
        assert key not in self.open_outputs
        assert event["item"]["status"] == "in_progress"
        self.open_outputs[key] = event["output_index"]

    def _response_output_item_done(self, event: dict[str, Any]) -> None:
        key = (event["response_id"], event["item"]["id"])
        assert self.open_outputs.pop(key) == event["output_index"]
        assert key not in self.open_parts, "a content part was left open"
        assert event["item"]["status"] in ("completed", "incomplete")

    def _response_content_part_added(self, event: dict[str, Any]) -> None:
        key = (event["response_id"], event["item_id"])
        assert key in self.open_outputs
        self.open_parts.add(key)

    def _response_content_part_done(self, event: dict[str, Any]) -> None:
        self.open_parts.remove((event["response_id"], event["item_id"]))

    def _delta(self, event: dict[str, Any]) -> None:
        assert (event["response_id"], event["item_id"]) in self.open_parts
        if isinstance(event.get("delta"), str):
            self.text[event["item_id"]] = self.text.get(event["item_id"], "") + event["delta"]

    _response_output_text_delta = _delta
    _response_output_audio_transcript_delta = _delta

    def _response_output_audio_delta(self, event: dict[str, Any]) -> None:
        assert (event["response_id"], event["item_id"]) in self.open_parts

    def _response_output_text_done(self, event: dict[str, Any]) -> None:
        assert event["text"] == self.text.get(event["item_id"], "")

    def _response_output_audio_transcript_done(self, event: dict[str, Any]) -> None:
        assert self.text.get(event["item_id"], "").startswith(event["transcript"])

    def _response_function_call_arguments_delta(self, event: dict[str, Any]) -> None:
        assert (event["response_id"], event["item_id"]) in self.open_outputs
        self.text[event["item_id"]] = self.text.get(event["item_id"], "") + event["delta"]

    def _response_function_call_arguments_done(self, event: dict[str, Any]) -> None:
        assert (event["response_id"], event["item_id"]) in self.open_outputs
        assert event["arguments"] == self.text.get(event["item_id"], "")

    # ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _conversation_item_added(self, event: dict[str, Any]) -> None:
        item_id = event["item"]["id"]
        assert item_id not in self.added, "an item was added twice"
        assert event["previous_item_id"] is None or event["previous_item_id"] in self.added
        self.added.add(item_id)
        self.open_items.add(item_id)
        assert all("audio" not in part for part in event["item"].get("content", []))

    def _conversation_item_done(self, event: dict[str, Any]) -> None:
        item_id = event["item"]["id"]
        self.open_items.remove(item_id)
        assert event["item"]["status"] != "in_progress"
        assert all("audio" not in part for part in event["item"].get("content", []))

    def _conversation_item_deleted(self, event: dict[str, Any]) -> None:
        self.added.remove(event["item_id"])

    def _conversation_item_truncated(self, event: dict[str, Any]) -> None:
        assert event["item_id"] in self.added

    # ── the two buffers ───────────────────────────────────────────────────────────────────────────────────────────

    def _input_audio_buffer_speech_started(self, event: dict[str, Any]) -> None:
        assert self.speaking is None, "speech_started twice"
        self.speaking = event["item_id"]

    def _input_audio_buffer_speech_stopped(self, event: dict[str, Any]) -> None:
        assert self.speaking == event["item_id"]
        self.speaking = None

    def _input_audio_buffer_cleared(self, event: dict[str, Any]) -> None:
        self.speaking = None

    def _input_audio_buffer_committed(self, event: dict[str, Any]) -> None:
        assert self.speaking is None, "committed before speech_stopped"

    def _output_audio_buffer_started(self, event: dict[str, Any]) -> None:
        assert self.playing is None
        self.playing = event["response_id"]

    def _output_audio_buffer_stopped(self, event: dict[str, Any]) -> None:
        assert self.playing == event["response_id"]
        assert event["response_id"] in self.ended, "stopped before response.done"
        self.playing = None

    def _output_audio_buffer_cleared(self, event: dict[str, Any]) -> None:
        if self.playing == event["response_id"]:
            self.playing = None

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    def at_end(self) -> None:
        assert not self.active, "a response was never ended"
        assert not self.open_items, "an item was added and never done"
        assert not self.open_outputs
        assert not self.open_parts
        assert self.playing is None
