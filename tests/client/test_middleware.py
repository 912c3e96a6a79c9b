"""What an app puts between the wire and the rest: looking, changing, stopping, sending; and it holds nothing up."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
import pytest

from antiphon.client import STOP, RealtimeClient, text_of
from antiphon.errors import ConfigurationError
from antiphon.protocol import (
    ConversationItemCreate,
    InputAudioBufferClear,
    InputAudioTranscriptionCompleted,
    InputText,
    Message,
    ResponseDone,
)
from scripted_realtime import scripted


async def test_incoming_middleware_changes_and_stops_events_for_everybody_behind_it() -> None:
    seen: list[str] = []

    def discreet(event: Any, _call: RealtimeClient) -> Any:
        if isinstance(event, InputAudioTranscriptionCompleted):
            return msgspec.structs.replace(event, transcript=event.transcript.replace("4711", "…"))
        return None

    def hide(event: Any, _call: RealtimeClient) -> Any:
        return STOP if event.type == "weather.secret" else None

    async with (
        scripted(answers=deque(["Hello."])) as (transport, server),
        RealtimeClient(transport=transport, incoming=[discreet, hide], on_event=lambda e: seen.append(e.type)) as call,
    ):
        place = {"item_id": "item_u", "content_index": 0}
        usage = {"type": "duration", "seconds": 1}
        await server.send("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
        await server.send(
            "conversation.item.input_audio_transcription.completed", transcript="it is 4711", usage=usage, **place
        )
        await server.send("weather.secret")
        assert await call.ask("hi") == "Hello."
        assert call.chat.messages[0].text == "it is …"
    assert "conversation.item.input_audio_transcription.completed" in seen
    assert "weather.secret" not in seen


async def test_outgoing_middleware_sees_what_the_app_and_the_machinery_send() -> None:
    types: list[str] = []

    def polite(event: Any, _call: RealtimeClient) -> Any:
        types.append(event.type)
        if isinstance(event, ConversationItemCreate) and isinstance(event.item, Message):
            part = event.item.content[0]
            assert isinstance(part, InputText)
            item = msgspec.structs.replace(event.item, content=[InputText(text=f"Please: {part.text}")])
            return msgspec.structs.replace(event, item=item)
        return STOP if isinstance(event, InputAudioBufferClear) else None

    async with (
        scripted(answers=deque(["Hello."])) as (transport, server),
        RealtimeClient(transport=transport, outgoing=[polite]) as call,
    ):
        await call.clear_audio()
        await call.ask("sing")
        assert call.chat.messages[0].text == "Please: sing"
        assert server.all("conversation.item.create")[0]["item"]["content"][0]["text"] == "Please: sing"
        assert server.types() == ["conversation.item.create", "response.create"]
    assert types == ["input_audio_buffer.clear", "conversation.item.create", "response.create"]


async def test_middleware_may_send_of_its_own() -> None:
    def encore(event: Any, call: RealtimeClient) -> Any:
        if isinstance(event, ResponseDone) and text_of(event.response) == "One.":
            call.post({"type": "input_audio_buffer.clear"})

    async with (
        scripted(answers=deque(["One."])) as (transport, server),
        RealtimeClient(transport=transport, incoming=[encore]) as call,
    ):
        await call.ask("sing")
        await server.until(lambda: server.all("input_audio_buffer.clear"))


async def test_middleware_that_breaks_leaves_the_event_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_event: Any, _call: RealtimeClient) -> Any:
        raise RuntimeError("middleware")

    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, incoming=[broken], outgoing=[broken]) as call,
    ):
        assert await call.ask("hi") == "Hello."
    assert "a middleware failed" in caplog.text


async def test_middleware_that_would_make_the_reading_wait_is_refused_at_once() -> None:
    async def slow(_event: Any, _call: RealtimeClient) -> Any: ...

    async with scripted() as (transport, _server):
        with pytest.raises(ConfigurationError, match="slow"):
            RealtimeClient(transport=transport, incoming=[slow])  # type: ignore[list-item]
