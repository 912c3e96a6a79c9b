"""The driver of a session: stages that work, fail, hang and are cancelled, and a call that leaves nothing behind."""

from __future__ import annotations

import asyncio
import json

import pytest

from antiphon.engine import Engine, Stages
from antiphon.errors import StageError, StageUnavailable
from engine_bench import Bench, Detector, Link, Model, Recognizer, Voice, speak
from session_rig import loud, quiet


async def test_a_voice_turn_from_audio_to_audio() -> None:
    link = Link()
    async with Bench(link) as call:
        speak(call, loud(500) + quiet(700))
        done = await link.seen("response.done")
    assert done["response"]["status"] == "completed"
    assert done["response"]["output"][0]["content"][0]["transcript"] == "Good day."
    assert done["response"]["usage"]["total_tokens"] == 5


async def test_barge_in_stops_the_model_and_drops_the_sound() -> None:
    link = Link("webrtc")
    model = Model(("One moment, please. ", "never"), hangs=True)
    async with Bench(link, model=model) as call:
        call.receive_event('{"type": "response.create"}')
        await link.until(lambda: len(link.audio) > 0)
        speak(call, loud(400))
        done = await link.seen("response.done")
        async with asyncio.timeout(10):
            await model.stopped.wait()
        assert not link.audio
    assert done["response"]["status_details"]["reason"] == "turn_detected"
    assert link.events[-1]["type"] != "response.output_audio_transcript.delta"


async def test_hanging_up_stops_a_model_that_hangs() -> None:
    link = Link()
    model = Model(hangs=True)
    async with Bench(link, model=model) as call:
        call.receive_event('{"type": "response.create"}')
        await link.seen("response.output_audio_transcript.delta")
    assert model.stopped.is_set()
    assert link.events[-1]["type"] == "response.done"


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (StageError("the model is gone"), "the model is gone"),
        (ZeroDivisionError("secret"), "failed to make this response"),
    ],
)
@pytest.mark.parametrize("stage", ["model", "synthesizer"])
async def test_a_stage_that_fails_ends_its_response_and_not_the_call(
    stage: str, failure: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link()
    broken = Model(failure=failure) if stage == "model" else Voice(failure=failure)
    async with Bench(link, **{stage: broken}) as call:
        call.receive_event('{"type": "response.create"}')
        done = await link.seen("response.done")
        assert done["response"]["status"] == "failed"
        message = done["response"]["status_details"]["error"]["message"]
        assert told in message
        assert "secret" not in message
        broken.failure = None
        call.receive_event('{"type": "response.create"}')
        assert (await link.seen("response.done", 2))["response"]["status"] == "completed"
    assert ("ZeroDivisionError" in caplog.text) is isinstance(failure, ZeroDivisionError)


async def test_a_recognizer_that_fails_ends_its_utterance_and_not_the_call() -> None:
    link = Link()
    async with Bench(link, recognizer=Recognizer(StageError("busy"))) as call:
        update = {"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}
        call.receive_event(json.dumps({"type": "session.update", "session": update}))
        speak(call, loud(500) + quiet(700))
        failed = await link.seen("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["message"] == "busy"
        call.receive_event('{"type": "response.create"}')
        await link.seen("response.done", 2)


async def test_a_detector_that_breaks_its_promise_ends_the_call_and_says_so() -> None:
    link = Link()
    async with Bench(link, detector=Detector(ZeroDivisionError())) as call:
        speak(call, loud(500))
        await link.until(lambda: bool(link.closes))
    assert link.closes == [(1011, "internal error")]


async def test_the_voice_waits_while_much_is_still_to_be_heard() -> None:
    link = Link("webrtc")
    sentences = [f"This is sentence number {number}. " for number in range(20)]
    voice = Voice(seconds=10)
    async with Bench(link, model=Model(sentences), synthesizer=voice) as call:
        call.receive_event('{"type": "response.create"}')
        await link.until(lambda: len(link.audio) >= 40 * 48_000)
        spoken = len(voice.spoken)
        assert spoken < 6, "it ran ahead of the ear"
        call.audio_played(30 * 24_000)
        await link.until(lambda: len(voice.spoken) > spoken)


async def test_an_event_that_is_too_large_for_the_channel_is_replaced() -> None:
    link = Link("webrtc")
    link.max_event_bytes = 4_000
    async with Bench(link) as call:
        image = {"type": "input_image", "image_url": "data:image/jpeg;base64," + "A" * 8_000}
        item = {"type": "message", "role": "user", "content": [image]}
        call.receive_event(json.dumps({"type": "conversation.item.create", "item": item}))
        added = await link.seen("conversation.item.done")
        assert added["item"]["content"][0]["image_url"] == "data:,"
        call.receive_event(
            json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 9_000}})
        )
        assert (await link.seen("error"))["error"]["code"] == "event_too_large"
        assert call.session.config.instructions == "x" * 9_000  # type: ignore[union-attr]


async def test_a_stage_that_cannot_start_leaves_none_running() -> None:
    class Unavailable(Voice):
        async def start(self) -> None:
            raise StageUnavailable("no voice here")

    model = Model()
    engine = Engine(Stages(Detector(), Recognizer(), model, Unavailable()))
    with pytest.raises(StageUnavailable, match="no voice here"):
        await engine.start()
    assert model.closed == 1


async def test_closing_the_engine_ends_its_calls() -> None:
    link = Link()
    bench = Bench(link)
    await bench.engine.start()
    call = bench.engine.open_call(link)
    running = asyncio.create_task(call.run())
    call.opened()
    await bench.engine.aclose()
    async with asyncio.timeout(10):
        await running
    assert link.closes == [(1000, "server shutting down")]
