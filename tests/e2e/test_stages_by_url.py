"""The same conversation with a recognizer, a mind and a voice that are other servers, reached by URL."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from openai import AsyncOpenAI

from antiphon.engine import EngineSettings, StageChoice, StageOptions, build_engine
from audio_endpoints import KEY, audio_endpoints
from engine.llm_strict_server import Reply, Request, strict_server
from live_server import live_server
from speech_samples import say, silence

TOOL = {"type": "function", "name": "light", "description": "Turn a light on", "parameters": {"type": "object"}}


async def test_a_voice_turn_a_tool_call_and_a_photo_by_url() -> None:
    spoken_before_the_end: list[bool] = []
    first_sound = asyncio.Event()

    async def mind(request: Request, reply: Reply) -> None:
        last = request.body["messages"][-1]
        if last["role"] == "tool":
            await reply.say("The light is on. ", "Anything else?")
        elif isinstance(last["content"], list):
            await reply.say("A very small picture.")
        elif "light" in last["content"]:
            await reply.begin_stream()
            call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "light", "arguments": "{}"}}
            await reply.chunk({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]})
            await reply.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
            await reply.raw(b"data: [DONE]\n\n")
        else:
            await reply.begin_stream()
            await reply.chunk({"choices": [{"index": 0, "delta": {"content": "Well, good day to you. How"}}]})
            async with asyncio.timeout(20):
                await first_sound.wait()  # the rest is only written once the first clause is heard
            spoken_before_the_end.append(True)
            await reply.chunk({"choices": [{"index": 0, "delta": {"content": " are you?"}}]})
            await reply.chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            await reply.raw(b"data: [DONE]\n\n")

    async with audio_endpoints() as audio, strict_server(answer=mind, key="sk-mind") as chat:
        audio.transcript = {"text": "Hello there."}
        audio.speech = [b"\x00\x10" * 2400] * 3
        ears = StageOptions(url=audio.url, model="whisper-1", api_key=KEY)
        voice = StageOptions(url=audio.url, model="tts-1", api_key=KEY)
        settings = EngineSettings(
            recognizer=StageChoice("openai", ears),
            model=StageChoice("openai", StageOptions(url=chat.url, model="tiny-instruct", api_key="sk-mind")),
            synthesizer=StageChoice("openai", voice),
        )
        async with live_server(build_engine(settings)) as server:
            client = AsyncOpenAI(api_key="sk-none", base_url=f"{server.base_url}/v1")
            async with asyncio.timeout(60), client.realtime.connect(model="m") as connection:

                async def answer() -> tuple[str, bytes, list[Any]]:
                    said, sound, items = "", b"", []
                    async for event in connection:
                        assert event.type != "error", event
                        if event.type == "response.output_audio.delta":
                            sound += base64.b64decode(event.delta)
                            first_sound.set()
                        elif event.type == "response.output_audio_transcript.done":
                            said = event.transcript
                        elif event.type == "response.done":
                            assert event.response.status == "completed", event
                            items = event.response.output or []
                            break
                    return said, sound, items

                wanted: Any = {
                    "type": "realtime",
                    "instructions": "Be kind.",
                    "tools": [TOOL],
                    "audio": {"input": {"transcription": {"model": "x"}}, "output": {"voice": "marin"}},
                }
                await connection.session.update(session=wanted)
                speech = silence(200) + await say("hello there") + silence(900)
                await connection.input_audio_buffer.append(audio=base64.b64encode(speech).decode())
                said, sound, _ = await answer()
                assert said == "Well, good day to you. How are you?"
                assert len(sound) == 2 * 3 * 4800, "two clauses, spoken one by one"
                assert spoken_before_the_end == [True]

                content: Any = [{"type": "input_text", "text": "turn on the light"}]
                await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
                await connection.response.create()
                _, _, items = await answer()
                assert (items[0].name, items[0].arguments) == ("light", "{}")
                await connection.conversation.item.create(
                    item={"type": "function_call_output", "call_id": items[0].call_id, "output": "done"}
                )
                await connection.response.create()
                assert (await answer())[0] == "The light is on. Anything else?"

                picture = "data:image/png;base64,iVBORw0KGgo="
                content = [{"type": "input_image", "image_url": picture}]
                await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
                await connection.response.create()
                assert (await answer())[0] == "A very small picture."

    asked = [request.body for request in chat.requests if request.path.endswith("/chat/completions")]
    assert "Be kind." in asked[0]["messages"][0]["content"]
    assert asked[0]["messages"][-1]["content"] == "Hello there."
    assert asked[-1]["messages"][-1]["content"][-1]["image_url"]["url"] == picture
    assert "sk-mind" not in json.dumps(asked)
    spoken = [request for request in audio.asked if "input" in request]
    assert {request["voice"] for request in spoken} == {"marin"}


async def test_a_mind_that_is_gone_is_said_in_words_and_the_call_goes_on() -> None:
    gone = StageOptions(url="http://127.0.0.1:9/v1", model="tiny-instruct", api_key="sk-very-secret")
    async with live_server(build_engine(EngineSettings(model=StageChoice("openai", gone)))) as server:
        client = AsyncOpenAI(api_key="sk-none", base_url=f"{server.base_url}/v1")
        async with asyncio.timeout(60), client.realtime.connect(model="m") as connection:
            for _ in range(2):
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        break
                details = event.response.status_details  # type: ignore[union-attr]
                assert event.response.status == "failed"  # type: ignore[union-attr]
                assert "127.0.0.1:9" in details.error.message  # type: ignore[union-attr]
                assert "sk-very-secret" not in details.error.message  # type: ignore[union-attr]
