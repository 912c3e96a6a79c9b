"""What an app says to the server: checked, raw, words with wishes, pictures that fit, greetings, modes, asides."""

from __future__ import annotations

import asyncio
import io
import sys
from collections import deque
from typing import Any

import pytest

from antiphon import Agent
from antiphon.client import (
    ClientSettings,
    ClosedError,
    OverflowingError,
    RealtimeClient,
    RejectedError,
    Stage,
    memory_pair,
    text_of,
)
from antiphon.client.audio import IterSource
from antiphon.client.pictures import fitting
from antiphon.errors import LocalProtocolError
from antiphon.protocol import RealtimeSession, ResponseParams
from scripted_realtime import scripted

IN_VOICE = RealtimeSession(output_modalities=["audio"])


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_event_may_be_a_dict_and_is_checked_before_it_goes() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send({"type": "input_audio_buffer.clear"})
        for wrong, says in (
            ({"type": "session.update", "session": {"voice": "marin"}}, "session.type"),
            ({"type": "session.update", "session": {"type": "realtime", "voice": "marin"}}, "session.voice"),
            ({"type": "response.explode"}, "response.explode"),
        ):
            with pytest.raises(LocalProtocolError, match=says):
                await call.send(wrong)
            with pytest.raises(LocalProtocolError, match=says):
                call.post(wrong)
        await server.until(lambda: server.received)
        assert server.types() == ["input_audio_buffer.clear"]


async def test_a_raw_event_goes_as_it_is() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send_raw({"type": "vendor.special", "x": None})
        await call.send_raw('{"type":"vendor.other"}')
        await server.until(lambda: len(server.received) == 2)
        assert server.received == [{"type": "vendor.special", "x": None}, {"type": "vendor.other"}]


async def test_posting_more_than_may_wait_is_refused() -> None:
    ours, theirs = memory_pair(limit=1)
    await theirs.send('{"type":"session.created","session":{"type":"realtime"}}')
    settings = ClientSettings(max_unsent_bytes=1000, close_timeout_s=0.05)
    async with RealtimeClient(transport=ours, settings=settings, conversation=False) as call:
        with pytest.raises(OverflowingError):
            for _ in range(100):
                call.post({"type": "input_audio_buffer.clear"})
        await theirs.close()
    with pytest.raises(ClosedError):
        call.post({"type": "input_audio_buffer.clear"})


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_words_may_ask_for_how_they_are_answered() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send_text("hi", modality="text", instructions="Rhyme.", conversation="none")
        await server.until(lambda: server.all("response.create"))
        assert server.all("response.create")[0]["response"] == {
            "output_modalities": ["text"],
            "instructions": "Rhyme.",
            "conversation": "none",
        }


async def test_an_aside_is_answered_beside_the_conversation_whatever_goes_on_in_it() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await server.begin()
        asking = asyncio.create_task(call.aside(ResponseParams(instructions="Sum up.", metadata={"mine": "1"})))
        await server.until(lambda: server.all("response.create"))
        wanted = server.all("response.create")[0]["response"]
        assert wanted["conversation"] == "none"
        assert wanted["metadata"]["mine"] == "1"
        part = {"type": "output_text", "text": "All was well."}
        output = [{"type": "message", "id": "item_x", "role": "assistant", "content": [part]}]
        response = {"id": "resp_x", "status": "completed", "output": output, "conversation_id": None}
        await server.done("resp_1")
        await server.send("response.done", response=response | {"metadata": wanted["metadata"]})
        assert text_of(await asking) == "All was well."


async def test_an_aside_of_a_few_words_is_written() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        asking = asyncio.create_task(call.aside("Sum up."))
        await server.until(lambda: server.all("response.create"))
        wanted = server.all("response.create")[0]["response"]
        assert (wanted["instructions"], wanted["output_modalities"], wanted["conversation"]) == (
            "Sum up.",
            ["text"],
            "none",
        )
        response = {"id": "resp_x", "status": "completed", "output": [], "metadata": wanted["metadata"]}
        await server.send("response.done", response=response)
        assert text_of(await asking) == ""


async def test_a_session_may_be_json_or_hold_json() -> None:
    asked = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    for session in (asked, RealtimeSession(audio={"output": {"voice": "marin"}})):  # type: ignore[arg-type]
        async with scripted() as (transport, server), RealtimeClient(transport=transport, session=session) as call:
            assert server.all("session.update")[0]["session"] == asked
            assert call.differences == ()
            applies = await call.update({"type": "realtime", "instructions": "Be kind."})
            assert isinstance(applies, RealtimeSession)
            assert applies.instructions == "Be kind."
            with pytest.raises(LocalProtocolError, match=r"cannot be asked for: Unknown parameter: 'session\.voice'"):
                await call.update({"type": "realtime", "voice": "marin"})


# ── greetings ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_how_to_greet_is_said_besides_the_sessions_instructions_and_does_not_replace_them() -> None:
    session = RealtimeSession(instructions="You speak only French.")
    async with (
        scripted(answers=deque(["Bonjour."])) as (transport, server),
        RealtimeClient(transport=transport, session=session, greeting_instructions="Greet the user.") as call,
    ):
        assert text_of(await call.response()) == "Bonjour."
    said = server.all("response.create")[0]["response"]["instructions"]
    assert said == "You speak only French.\n\nGreet the user."


@pytest.mark.parametrize("agent", [None, Agent(instructions="Be kind.")])
async def test_words_to_greet_with_are_said_once_with_an_agent_and_without(agent: Agent | None) -> None:
    async with (
        scripted(answers=deque(["Welcome."])) as (transport, server),
        RealtimeClient(transport=transport, agent=agent, greeting="Welcome.") as call,
    ):
        assert text_of(await call.response()) == "Welcome."
    assert len(server.all("response.create")) == 1
    assert "Welcome." in server.all("response.create")[0]["response"]["instructions"]


# ── modes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_going_over_to_text_waits_for_the_server_holds_the_microphone_and_ends_what_is_said() -> None:
    async with (
        scripted(leave_out=frozenset({"response.done"})) as (transport, server),
        RealtimeClient(transport=transport, session=IN_VOICE) as call,
    ):
        began = asyncio.create_task(anext(call.events("assistant.response_started")))
        await asyncio.sleep(0)
        await server.begin()
        await began
        applies = await call.switch_mode("text")
        assert isinstance(applies, RealtimeSession)
        assert applies.output_modalities == ["text"]
        assert call.mode == "text"
        assert server.types()[-3:] == ["response.cancel", "input_audio_buffer.clear", "session.update"]

        held = asyncio.Event()
        call.on_stage(Stage.LOCAL_TRACK_REMOVED, lambda _source: held.set())
        await call.set_microphone(IterSource([b"\x01" * 960], realtime=False))
        await held.wait()
        await call.switch_mode("voice")
        assert not [event for event in server.all("input_audio_buffer.append") if "AQEB" in event["audio"]]
        await call.set_microphone(IterSource([b"\x01" * 960], realtime=False))
        await server.until(lambda: [e for e in server.all("input_audio_buffer.append") if "AQEB" in e["audio"]])


async def test_a_mode_that_the_server_refuses_leaves_all_as_it_was() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        server.refuse = "output_modalities"
        with pytest.raises(RejectedError):
            await call.switch_mode("text")
        assert call.mode == "voice"
        await call.set_microphone(IterSource([b"\x01" * 960], realtime=False))
        await server.until(lambda: server.all("input_audio_buffer.append"))


async def test_updates_are_acknowledged_or_refused_without_any_sleeping() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.update(RealtimeSession(instructions="New."))
        assert isinstance(call.session, RealtimeSession)
        assert call.session.instructions == "New."
        with pytest.raises(LocalProtocolError, match="This session cannot be asked for"):
            await call.update(RealtimeSession(output_modalities=["audio", "text"]))
        assert len(server.all("session.update")) == 1


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def noise(width: int, height: int, kind: str = "PNG") -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("most", [64 * 1024, 256 * 1024])
async def test_a_picture_that_a_data_channel_cannot_carry_is_made_to_fit(most: int) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed: antiphon[local] has it")
    from PIL import Image

    large = noise(1500, 1100)
    small = await fitting(large, most)
    assert isinstance(small, bytes)
    assert len(small) * 4 / 3 < most
    with Image.open(io.BytesIO(small)) as opened:
        assert max(opened.size) <= 1024
        assert abs(opened.width / opened.height - 1500 / 1100) < 0.02


async def test_a_picture_that_fits_is_not_touched_and_a_websocket_takes_any() -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed: antiphon[local] has it")
    small, large = noise(20, 20), noise(1500, 1100)
    assert await fitting(small, 64 * 1024) is small
    assert await fitting(large, None) is large


async def test_without_pillow_a_picture_that_does_not_fit_is_refused_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(LocalProtocolError, match="install Pillow"):
        await fitting(b"\x89PNG\r\n\x1a\n" + bytes(100_000), 64 * 1024)


@pytest.mark.parametrize("broken", [b"\x89PNG\r\n\x1a\n" + bytes(100_000), "data:image/png;base64," + "!" * 100_000])
async def test_what_is_no_picture_is_refused(broken: Any) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed: antiphon[local] has it")
    with pytest.raises(LocalProtocolError, match="PNG or JPEG"):
        await fitting(broken, 64 * 1024)
