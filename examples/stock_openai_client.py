"""A typed question to a running `scripts/serve`, by OpenAI's own client as it is (`pip install openai[realtime]`)."""

import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    client = AsyncOpenAI(api_key="none-needed", websocket_base_url="ws://127.0.0.1:3000/v1")
    async with client.realtime.connect(model="antiphon") as call:
        await call.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        words = {"type": "input_text", "text": "Hello! What are you?"}
        await call.conversation.item.create(item={"type": "message", "role": "user", "content": [words]})
        await call.response.create()
        async for event in call:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "response.done":
                break


asyncio.run(main())
