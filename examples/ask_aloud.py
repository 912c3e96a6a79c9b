"""Asks a question from a WAV file and saves the spoken answer: python ask_aloud.py question.wav answer.wav [URL]

With a microphone and a loudspeaker instead of files it is a telephone: see docs/client.md.
"""

import asyncio
import sys

from antiphon import Agent, RealtimeClient
from antiphon.client.audio import WavSink, WavSource


async def main(question: str, answer: str, url: str = "http://127.0.0.1:3000") -> None:
    client = RealtimeClient(url, agent=Agent(transcription="gpt-4o-mini-transcribe"), speaker=WavSink(answer))
    client.on("user.completed", lambda event: print("You:", event.transcript))
    client.on("assistant.text_done", lambda event: print("Assistant:", event.text))
    async with client as call:
        answered = call.events("assistant.completed")
        await call.set_microphone(WavSource(question))
        await anext(answered)
        await call.settled()


asyncio.run(main(*sys.argv[1:]))
