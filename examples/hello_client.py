"""The README's client: connect, ask, read along. Needs a server: scripts/serve."""

import asyncio

from antiphon import RealtimeClient


async def main() -> None:
    async with RealtimeClient("http://127.0.0.1:3000") as call:
        call.on("assistant.delta", lambda event: print(event.delta, end="", flush=True))
        await call.ask("Hello! What are you?")


asyncio.run(main())
