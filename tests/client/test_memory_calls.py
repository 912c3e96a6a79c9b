"""The client in the tester's seat: a scripted server at the other end of a pair in memory."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from typing import Any

import pytest

from antiphon.agent import Agent, HandedOff, Notice, tool
from antiphon.client import (
    AnswerTimeoutError,
    ClientSettings,
    ClosedError,
    ConnectError,
    OverflowingError,
    RealtimeClient,
    RejectedError,
    SlowConsumer,
    memory_pair,
    text_of,
)
from antiphon.errors import ConfigurationError, LocalProtocolError
from antiphon.protocol import (
    AudioConfig,
    AudioOutput,
    ErrorEvent,
    InputAudioBufferCommit,
    OutputAudioBufferStopped,
    RealtimeSession,
    ResponseCreate,
    ResponseDone,
    ResponseParams,
    SessionUpdated,
    TranscriptionSession,
)
from scripted_realtime import scripted

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
PATIENT = ClientSettings(answer_timeout_s=0.2)


@tool
async def add(a: int, b: int) -> dict[str, int]:
    """Add."""
    return {"sum": a + b}


AGENT = Agent(instructions="Be kind.", tools=[add], voice="marin")


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_session_is_the_agents_before_anything_is_said() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport, agent=AGENT) as call:
        assert isinstance(call.session, RealtimeSession)
        assert call.session.instructions == "Be kind."
        assert call.differences == ()
        (update,) = server.all("session.update")
        assert update["session"]["audio"] == {"output": {"voice": "marin"}}
        assert [known["name"] for known in update["session"]["tools"]] == ["add"]


async def test_without_agent_and_session_the_servers_own_applies() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        assert isinstance(call.session, RealtimeSession)
        assert call.session.instructions == "Default."
        assert server.received == []


async def test_the_agent_wins_over_further_settings_and_the_model_is_never_updated() -> None:
    wanted = RealtimeSession(instructions="Be evil.", model="m", output_modalities=["text"])
    async with (
        scripted() as (transport, server),
        RealtimeClient(transport=transport, agent=AGENT, session=wanted) as call,
    ):
        (update,) = server.all("session.update")
        assert update["session"]["instructions"] == "Be kind."
        assert update["session"]["output_modalities"] == ["text"]
        assert "model" not in update["session"]
        assert call.agent is AGENT


async def test_what_does_not_apply_is_kept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        scripted(ignore=frozenset({"audio"})) as (transport, _server),
        RealtimeClient(transport=transport, agent=AGENT) as call,
    ):
        (difference,) = call.differences
        assert str(difference) == "voice: asked for 'marin', applies 'alloy'"
    assert "the session is not as it was asked for: voice" in caplog.text


async def test_a_session_that_is_refused_names_the_field() -> None:
    async with scripted(refuse="tools") as (transport, _server):
        with pytest.raises(RejectedError) as caught:
            async with RealtimeClient(transport=transport, agent=AGENT):
                raise AssertionError("entered")
        assert caught.value.error.param == "session.tools"


async def test_a_session_that_is_wrong_in_itself_is_not_even_sent() -> None:
    both = RealtimeSession(output_modalities=["text", "audio"])
    async with scripted() as (transport, server):
        with pytest.raises(LocalProtocolError, match="modalities"):
            async with RealtimeClient(transport=transport, session=both):
                raise AssertionError("entered")
        assert server.received == []


async def test_a_server_that_confirms_nothing_is_talked_to_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        scripted(leave_out=frozenset({"session.updated"}), answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, agent=AGENT, settings=PATIENT) as call,
    ):
        assert await call.ask("hi") == "Hello."
    assert "did not confirm the session" in caplog.text


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with scripted(greet=False) as (transport, _server):
        with pytest.raises(AnswerTimeoutError, match=r"session\.created"):
            async with RealtimeClient(transport=transport, settings=PATIENT):
                raise AssertionError("entered")


async def test_an_agent_cannot_have_a_session_that_only_transcribes() -> None:
    transport, _ = memory_pair()
    with pytest.raises(ConfigurationError):
        RealtimeClient(transport=transport, agent=AGENT, session=TranscriptionSession())


async def test_a_client_that_hung_up_can_call_again_where_its_transport_can() -> None:
    async with scripted() as (transport, _server):
        client = RealtimeClient(transport=transport)
        async with client:
            pass
        with pytest.raises(ConnectError):
            await client.connect()


async def test_before_it_is_open_a_call_cannot_be_used() -> None:
    transport, _ = memory_pair()
    with pytest.raises(LocalProtocolError):
        RealtimeClient(transport=transport).respond()


async def test_an_end_that_is_gone_refuses_the_connection() -> None:
    transport, other = memory_pair()
    await other.close()
    with pytest.raises(ConnectError):
        await RealtimeClient(transport=transport).__aenter__()


# ── talking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "leave_out",
    [
        frozenset(),
        frozenset({"conversation.item.added", "conversation.item.done"}),
        frozenset({"response.output_item.done"}),
        frozenset({"response.function_call_arguments.done", "response.output_item.added"}),
        frozenset({"response.created", "conversation.item.done"}),
    ],
)
async def test_a_tool_is_run_and_its_result_told_whatever_a_server_leaves_out(leave_out: frozenset[str]) -> None:
    answers = deque([[("add", '{"a": 2, "b": 5}')], "It is seven."])
    async with (
        scripted(answers=answers, leave_out=leave_out) as (transport, server),
        RealtimeClient(transport=transport, agent=AGENT) as call,
    ):
        assert await call.ask("add two and five", timeout_s=5) == "It is seven."
        assert [event["item"]["type"] for event in server.all("conversation.item.create")] == [
            "message",
            "function_call_output",
        ]
        assert len(server.all("response.create")) == 2


async def test_reading_goes_on_while_a_tool_runs() -> None:
    release = asyncio.Event()

    @tool
    async def wait() -> str:
        """Wait."""
        await release.wait()
        return "done"

    async with (
        scripted(answers=deque([[("wait", "{}")], "It is done."])) as (transport, server),
        RealtimeClient(transport=transport, agent=Agent(tools=[wait])) as call,
    ):
        await call.send_text("wait")
        await call.wait_for(ResponseDone)
        reading = asyncio.create_task(call.wait_for(OutputAudioBufferStopped))
        await asyncio.sleep(0)
        await server.send("output_audio_buffer.stopped", response_id="resp_1")
        assert (await reading).response_id == "resp_1"
        release.set()
        await call.settled()
    assert server.all("conversation.item.create")[-1]["item"]["output"] == "done"


async def test_without_an_agent_the_app_answers_function_calls_itself() -> None:
    async with (
        scripted(answers=deque([[("add", "{}")], "Seven."])) as (transport, server),
        RealtimeClient(transport=transport) as call,
    ):
        await call.send_text("add")
        response = await call.response()
        assert text_of(response) == ""
        await call.send_output("call_1_0", "7")
        assert text_of(await call.response()) == "Seven."
        assert server.types().count("conversation.item.create") == 2


async def test_responses_are_read_one_by_one() -> None:
    async with (
        scripted(answers=deque(["One.", "Two."])) as (transport, _server),
        RealtimeClient(transport=transport) as call,
    ):
        call.respond()
        call.respond(ResponseParams(instructions="Again."))
        assert [text_of(await call.response()) for _ in range(2)] == ["One.", "Two."]
        with pytest.raises(AnswerTimeoutError):
            await call.response(timeout_s=0.05)


async def test_everything_a_user_does_becomes_the_right_event() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send_text("hi", respond=False)
        await call.send_image(PNG, text="What is it?", detail="low", respond=False)
        await call.send_audio(b"\x01\x02" * 50_000)
        await call.clear_audio()
        await call.commit(respond=False)
        call.say('"Quoted"')
        await call.send(InputAudioBufferCommit())
        await server.until(lambda: len(server.received) >= 8)

    events = server.received
    assert events[0]["item"]["content"] == [{"type": "input_text", "text": "hi"}]
    picture = events[1]["item"]["content"][1]
    assert picture["image_url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert picture["detail"] == "low"
    appended = b"".join(base64.b64decode(event["audio"]) for event in server.all("input_audio_buffer.append"))
    assert appended == b"\x01\x02" * 50_000
    assert server.all("response.create")[0]["response"]["instructions"] == "Say exactly: “'Quoted'” and nothing else."
    assert server.types()[-4:] == [
        "input_audio_buffer.clear",
        "input_audio_buffer.commit",
        "response.create",
        "input_audio_buffer.commit",
    ]


@pytest.mark.parametrize("image", [b"GIF89a", "https://example.org/x.png"])
async def test_what_is_no_picture_of_the_protocol_is_refused(image: Any) -> None:
    async with scripted() as (transport, _server), RealtimeClient(transport=transport) as call:
        with pytest.raises(LocalProtocolError, match="PNG or JPEG"):
            await call.send_image(image)


async def test_an_interruption_tells_what_was_heard_and_never_more_than_came() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        response_id = await server.begin()
        place = {"response_id": response_id, "item_id": "item_a", "output_index": 0, "content_index": 0}
        hearing = asyncio.create_task(call.wait_for(OutputAudioBufferStopped))
        await asyncio.sleep(0)
        await server.send("response.output_audio.delta", delta=base64.b64encode(bytes(48 * 500)).decode(), **place)
        await server.send("output_audio_buffer.stopped", response_id=response_id)
        await hearing
        for played_ms in (0, 120.9, 9999):
            await call.interrupt(played_ms=played_ms)
        await server.until(lambda: len(server.received) >= 5)
        assert [event["audio_end_ms"] for event in server.all("conversation.item.truncate")] == [120, 500]
        assert server.all("response.cancel")[0]["response_id"] == response_id


async def test_an_interruption_of_a_call_with_media_clears_what_is_played() -> None:
    async with scripted(media=True) as (transport, server), RealtimeClient(transport=transport) as call:
        await call.interrupt()
        await server.until(lambda: server.received)
        assert server.types() == ["output_audio_buffer.clear"]


async def test_a_response_that_is_refused_is_an_error_of_asking() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        asking = asyncio.create_task(call.ask("hi"))
        await server.until(lambda: server.all("response.create"))
        await server.error(server.all("response.create")[0]["event_id"], "insufficient_quota")
        with pytest.raises(RejectedError) as caught:
            await asking
        assert caught.value.error.code == "insufficient_quota"


async def test_a_create_into_an_active_response_waits_and_a_refused_one_is_repeated() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        begun = asyncio.create_task(call.wait_for(ErrorEvent))
        await asyncio.sleep(0)
        await server.begin()
        await server.error("event_other", "x")
        await begun
        call.respond()
        await call.send_text("still here", respond=False)
        await server.until(lambda: server.all("conversation.item.create"))
        assert not server.all("response.create")
        await server.done("resp_1")
        await server.until(lambda: server.all("response.create"))
        await server.error(server.all("response.create")[0]["event_id"], "conversation_already_has_active_response")
        await server.until(lambda: len(server.all("response.create")) == 2)


async def test_a_create_of_the_apps_own_gets_an_id_and_is_watched() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await call.send(ResponseCreate())
        call.respond()
        await server.until(lambda: server.all("response.create"))
        await server.begin()
        await server.done("resp_1")
        await server.until(lambda: len(server.all("response.create")) == 2)
        assert all(event["event_id"] for event in server.all("response.create"))


async def test_the_agent_greets_when_the_session_stands() -> None:
    agent = Agent(greeting="Welcome.")
    async with (
        scripted(answers=deque(["Welcome."])) as (transport, _server),
        RealtimeClient(transport=transport, agent=agent) as call,
    ):
        assert text_of(await call.response()) == "Welcome."


async def test_a_handoff_is_told_and_changes_whose_call_it_is() -> None:
    billing = Agent(name="Billing", instructions="Bill.")
    front = Agent(name="Front", instructions="Ask.", handoffs=[billing])
    notices: list[Notice] = []
    async with (
        scripted(answers=deque([[("transfer_to_billing", "{}")], "Billing here."])) as (transport, server),
        RealtimeClient(transport=transport, agent=front, on_notice=notices.append) as call,
    ):
        assert await call.ask("billing please") == "Billing here."
        assert call.agent is billing
        assert call.expected_session == RealtimeSession(instructions="Bill.", tools=[], tool_choice="auto")
        assert HandedOff("Front", "Billing") in notices
        assert server.session["instructions"] == "Bill."
        assert server.session["tools"] == []


async def test_an_update_in_the_middle_returns_what_applies() -> None:
    async with scripted() as (transport, _server), RealtimeClient(transport=transport) as call:
        effective = await call.update(RealtimeSession(audio=AudioConfig(output=AudioOutput(voice="cedar"))))
        assert isinstance(effective, RealtimeSession)
        assert effective.audio.output.voice == "cedar"  # type: ignore[union-attr]


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_iteration_gives_every_event_from_the_first() -> None:
    types = []
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport) as call,
    ):
        await call.send_text("hi")
        async for event in call:
            types.append(event.type)
            if isinstance(event, ResponseDone):
                break
    assert types[0] == "session.created"
    assert types[-1] == "response.done"


async def test_unknown_events_and_nonsense_end_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []
    async with (
        scripted() as (transport, server),
        RealtimeClient(transport=transport, on_event=lambda event: seen.append(event.type)) as call,
    ):
        waiting = asyncio.create_task(call.wait_for(SessionUpdated))
        await asyncio.sleep(0)
        for frame in ("{", "[]", '{"type":"session.sparkled","x":1}', '{"no":"type"}', '{"type":"response.done"}'):
            await server.transport.send(frame)
        await server.send("session.updated", session=server.session)
        await waiting
    assert seen == ["session.created", "session.sparkled", "", "response.done", "session.updated"]
    assert caplog.text.count("the server sent what is no event") == 2


async def test_a_listener_that_breaks_does_not_break_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_event: Any) -> None:
        raise RuntimeError("listener")

    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, on_event=broken) as call,
    ):
        assert await call.ask("hi") == "Hello."
    assert "on_event failed" in caplog.text


async def test_a_slow_reader_loses_the_oldest_events_and_can_know() -> None:
    settings = ClientSettings(max_events=3)
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, settings=settings) as call,
    ):
        await call.ask("hi")
        assert call.dropped_events > 0
        first = await anext(aiter(call))
        assert first.type != "session.created"


async def test_a_slow_reader_may_fail_instead() -> None:
    settings = ClientSettings(max_events=3, slow_consumer=SlowConsumer.FAIL)
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, settings=settings) as call,
    ):
        assert await call.ask("hi") == "Hello.", "the call itself goes on"
        with pytest.raises(OverflowingError):
            async for _event in call:
                pass


async def test_a_seat_that_reads_nothing_keeps_nothing() -> None:
    async with (
        scripted(answers=deque(["Hello."])) as (transport, _server),
        RealtimeClient(transport=transport, settings=ClientSettings(max_events=0)) as call,
    ):
        assert await call.ask("hi") == "Hello."
        assert call.dropped_events == 0


# ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_everybody_who_waits_learns_that_the_call_broke_off() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        call.respond()

        async def read() -> None:
            async for _event in call:
                pass

        waiting = [
            asyncio.create_task(work)
            for work in (read(), call.wait_for(ResponseDone), call.response(), call.settled(), call.ask("hi"))
        ]
        await server.until(lambda: server.received)
        server.transport.cut()
        async with asyncio.timeout(10):
            ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [(type(end), getattr(end, "code", None)) for end in ends] == [(ClosedError, 1006)] * 5
        with pytest.raises(ClosedError):
            await call.send_text("hi")
        with pytest.raises(ClosedError):
            call.respond()
        assert call.closed is not None


async def test_a_call_that_the_server_ends_as_calls_end_just_ends() -> None:
    async with scripted() as (transport, server), RealtimeClient(transport=transport) as call:
        await server.transport.close(1000, "good bye")
        assert [event.type async for event in call] == ["session.created"]
        assert str(call.closed) == "The call is over: good bye (close code 1000)."


async def test_what_was_sent_before_hanging_up_still_arrives() -> None:
    async with scripted(limit=1) as (transport, server):
        async with RealtimeClient(transport=transport) as call:
            for number in range(20):
                await call.send_text(str(number), respond=False)
        await server.until(lambda: len(server.received) == 20)


async def test_hanging_up_cancels_tools_and_leaves_no_task() -> None:
    cancelled = asyncio.Event()

    @tool
    async def endless() -> None:
        """Never end."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    before = asyncio.all_tasks()
    async with scripted(answers=deque([[("endless", "{}")]])) as (transport, _server):
        async with RealtimeClient(transport=transport, agent=Agent(tools=[endless])) as call:
            await call.send_text("go")
            await call.response()
        assert cancelled.is_set()
        assert {task.get_name() for task in asyncio.all_tasks() - before} <= {"scripted-server"}


async def test_being_cancelled_while_it_opens_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with scripted(greet=False) as (transport, _server):
        opening = asyncio.create_task(RealtimeClient(transport=transport).__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert {task.get_name() for task in asyncio.all_tasks() - before} <= {"scripted-server"}


async def test_a_server_that_takes_nothing_holds_up_the_app_and_not_the_reading() -> None:
    ours, theirs = memory_pair(limit=1)
    await theirs.send(json.dumps({"type": "session.created", "session": {"type": "realtime"}}))
    settings = ClientSettings(max_unsent_bytes=300_000, close_timeout_s=0.1)
    async with RealtimeClient(transport=ours, settings=settings) as call:
        sending = asyncio.create_task(call.send_audio(bytes(2_000_000)))
        stopped = asyncio.create_task(call.wait_for(OutputAudioBufferStopped))
        await asyncio.sleep(0.05)
        assert not sending.done()
        await theirs.send(json.dumps({"type": "output_audio_buffer.stopped", "response_id": "r"}))
        assert (await stopped).response_id == "r"
        logging.getLogger("antiphon.client").info("hanging up with much unsent")
    with pytest.raises(ClosedError):
        await sending
    await theirs.close()
