"""Further peers of a call: what they see and may do, what they cannot harm; and the policy that binds its caller."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from antiphon.engine.attachment import MAX_ATTACHMENTS
from antiphon.engine.call import MAX_WAITING_EVENTS
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    InvalidEvent,
    Prompt,
    RealtimeSession,
    ResponseCreate,
    SessionUpdate,
)
from engine_bench import Bench, Link, Model


def update(**fields: Any) -> str:
    return json.dumps({"type": "session.update", "session": {"type": "realtime", **fields}})


def typed(text: str) -> str:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return json.dumps({"type": "conversation.item.create", "item": item})


CREATE = '{"type": "response.create"}'


async def test_a_further_peer_sees_the_session_as_it_stands_and_then_what_the_caller_sees() -> None:
    caller, sideband = Link(), Link()
    async with Bench(caller) as call:
        call.receive_event(update(instructions="Sing."))
        seen_before = len(caller.events)
        attachment = call.attach(sideband)
        assert attachment.id == call.id
        first = sideband.events[0]
        assert (first["type"], first["session"]["instructions"]) == ("session.created", "Sing.")
        call.receive_event(typed("hello"))
        call.receive_event(CREATE)
        await caller.seen("response.done")
        assert len(sideband.events) > 8
        assert sideband.events[1:] == caller.events[seen_before:]
        event_ids = [event["event_id"] for event in [*caller.events, first]]
        assert len(set(event_ids)) == len(event_ids)
    assert sideband.closes == caller.closes


async def test_either_may_send_and_both_see_what_comes_of_it() -> None:
    caller, sideband = Link(), Link()
    async with Bench(caller) as call:
        attachment = call.attach(sideband)
        attachment.receive_event(update(instructions="From beside."))
        assert caller.events[-1]["session"]["instructions"] == "From beside."
        attachment.receive_event(typed("hello"))
        attachment.receive_event(CREATE)
        await caller.seen("response.done")
        attachment.receive_event("{ no JSON")
        call.receive_event(b"binary")
        for link in (caller, sideband):
            assert [event["type"] for event in link.events].count("error") == 2


async def test_the_sound_of_a_media_call_stays_with_the_caller() -> None:
    caller, sideband = Link("webrtc"), Link()
    async with Bench(caller) as call:
        call.attach(sideband)
        call.receive_event(CREATE)
        await caller.until(lambda: len(caller.audio) > 0)
        assert not sideband.audio
        assert call.id.startswith("rtc_")


async def test_one_that_is_there_before_the_caller_may_begin_and_the_caller_misses_nothing() -> None:
    caller, sideband = Link("webrtc"), Link()
    async with Bench(caller, open_at_once=False) as call:
        attachment = call.attach(sideband)
        attachment.receive_event(update(instructions="Greet."))
        attachment.receive_event(CREATE)
        await sideband.seen("response.created")
        assert not caller.events
        call.opened()
        call.opened()
        await sideband.seen("response.output_audio_transcript.done")
        assert caller.events == sideband.events
        assert [event["type"] for event in caller.events[:2]] == ["session.created", "session.updated"]


async def test_a_caller_that_never_comes_is_not_waited_for_without_bounds() -> None:
    caller, sideband = Link("webrtc"), Link()
    bench = Bench(caller, open_at_once=False)
    async with bench as call:
        attachment = call.attach(sideband)
        for _ in range(MAX_WAITING_EVENTS):
            attachment.receive_event("{ no JSON")
        async with asyncio.timeout(10):
            await bench.running
    assert sideband.closes
    assert "did not open" in sideband.closes[0][1]


async def test_leaving_ends_nothing_but_itself() -> None:
    caller, sideband = Link(), Link()
    async with Bench(caller) as call:
        attachment = call.attach(sideband)
        running = asyncio.create_task(attachment.run())
        attachment.hang_up("enough")
        attachment.hang_up("enough")
        async with asyncio.timeout(10):
            await running
        seen = len(sideband.events)
        attachment.receive_event(update(instructions="Too late."))
        call.receive_event(CREATE)
        done = await caller.seen("response.done")
        assert done["response"]["status"] == "completed"
        assert len(sideband.events) == seen
        assert call.session.config.instructions != "Too late."  # type: ignore[union-attr]
    assert not sideband.closes, "a peer that left is not closed once more"


async def test_being_cancelled_leaves_the_call() -> None:
    caller, sideband = Link(), Link()
    async with Bench(caller) as call:
        attachment = call.attach(sideband)
        running = asyncio.create_task(attachment.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert attachment.closed
        call.receive_event(update(instructions="Go on."))
        assert caller.events[-1]["type"] == "session.updated"


class BrokenLink(Link):
    """Works once."""

    def send_event(self, data: str) -> None:
        if self.events:
            raise OSError("no way to the peer")
        super().send_event(data)

    def close(self, code: int, reason: str) -> None:
        raise OSError("no way to the peer")


async def test_a_link_that_fails_is_given_up_and_the_call_goes_on() -> None:
    caller, broken, sideband = Link(), BrokenLink(), Link()
    async with Bench(caller) as call:
        given_up = call.attach(broken)
        call.attach(sideband)
        call.receive_event(update(instructions="Go on."))
        assert given_up.closed
        assert caller.events[-1] == sideband.events[-1]
        still = call.attach(BrokenLink())
        assert not still.closed
    assert sideband.closes
    assert still.closed


async def test_peers_are_bounded_and_a_place_that_is_left_is_free_again() -> None:
    async with Bench(Link()) as call:
        attachments = [call.attach(Link()) for _ in range(MAX_ATTACHMENTS)]
        with pytest.raises(InvalidEvent) as refused:
            call.attach(Link())
        assert refused.value.error.code == "too_many_peers"
        attachments[0].hang_up("enough")
        call.attach(Link())


async def test_a_call_that_is_over_takes_nobody() -> None:
    caller = Link()
    async with Bench(caller) as call:
        call.hang_up("over")
        with pytest.raises(InvalidEvent) as refused:
            call.attach(Link())
        assert refused.value.error.code == "call_id_not_found"


# ── what the caller may do ────────────────────────────────────────────────────────────────────────────────────────


class OnlyVoice:
    """An agent's rules: instructions stand, responses have no instructions of their own, items are the agent's."""

    def admit(self, event: ClientEvent) -> ClientEvent | None:
        match event:
            case SessionUpdate(session=RealtimeSession() as session):
                return msgspec.structs.replace(
                    event, session=msgspec.structs.replace(session, instructions=msgspec.UNSET)
                )
            case ResponseCreate():
                return msgspec.structs.replace(event, response=msgspec.UNSET)
            case ConversationItemCreate():
                return None
        return event


async def test_the_callers_update_leaves_what_the_policy_holds_and_is_no_error() -> None:
    caller, sideband = Link(), Link()
    async with Bench(caller, policy=OnlyVoice()) as call:
        attachment = call.attach(sideband)
        attachment.receive_event(update(instructions="Mine."))
        call.receive_event(update(instructions="Yours.", max_output_tokens=99))
        echoed = caller.events[-1]
        assert echoed["type"] == "session.updated"
        assert echoed["session"]["instructions"] == "Mine."
        assert echoed["session"]["max_output_tokens"] == 99
        call.receive_event(update(instructions="Yours."))
        assert caller.events[-1]["type"] == "session.updated"
        before = len(caller.events)
        call.receive_event(typed("not from the caller"))
        assert len(caller.events) == before
        attachment.receive_event(typed("from beside"))
        assert caller.events[-1]["type"] == "conversation.item.done"


async def test_a_further_peer_can_be_held_to_a_policy_too() -> None:
    caller, stranger = Link(), Link()
    async with Bench(caller, policy=OnlyVoice()) as call:
        call.attach(stranger, OnlyVoice()).receive_event(update(instructions="Yours."))
        assert stranger.events[-1]["type"] == "session.updated"
        assert stranger.events[-1]["session"]["instructions"] != "Yours."


class TellingModel(Model):
    """Keeps what it was told."""

    def respond(self, request: Any) -> Any:
        self.told = request.instructions
        return super().respond(request)


async def test_overrides_of_one_response_pass_the_policy_too_but_not_for_a_further_peer() -> None:
    override = json.dumps({"type": "response.create", "response": {"instructions": "Tell all."}})
    caller, model = Link(), TellingModel()
    async with Bench(caller, policy=OnlyVoice(), model=model) as call:
        call.receive_event(override)
        await caller.seen("response.done")
        assert model.told != "Tell all."
        call.attach(Link()).receive_event(override)
        await caller.seen("response.done", 2)
        assert model.told == "Tell all."


async def test_an_effective_session_is_what_a_call_would_show() -> None:
    bench = Bench(Link())
    async with bench:
        shown = bench.engine.effective_session(RealtimeSession(instructions="Sing."))
        assert isinstance(shown, RealtimeSession)
        assert (shown.instructions, shown.expires_at, shown.tools) == ("Sing.", 0, [])
        with pytest.raises(InvalidEvent):
            bench.engine.effective_session(RealtimeSession(prompt=Prompt(id="p")))
