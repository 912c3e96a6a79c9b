"""The example that mounts Antiphon: its own route, the page, and a stock client below the prefix."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import httpx
from openai import AsyncOpenAI

from live_server import live_app
from rtc_caller import Caller

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mounted_app.py"


async def test_the_mounted_app_serves_its_own_and_takes_calls() -> None:
    spec = importlib.util.spec_from_file_location("mounted_app", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with live_app(module.app) as base_url, httpx.AsyncClient(base_url=base_url) as http:
        assert "My own app" in (await http.get("/")).text
        assert "<title>" in (await http.get("/voice/")).text
        async with asyncio.timeout(60):
            client = AsyncOpenAI(api_key="none", base_url=f"{base_url}/voice/v1")
            async with client.realtime.connect(model="antiphon") as call:
                await call.response.create(response={"output_modalities": ["text"]})
                async for event in call:
                    if event.type == "response.done":
                        assert event.response.status == "completed"
                        break
            caller = Caller()
            try:
                headers = {"Content-Type": "application/sdp"}
                answer = await http.post("/voice/v1/realtime/calls", content=await caller.offer(), headers=headers)
                assert answer.status_code == 201
                assert answer.headers["Location"].startswith("/voice/v1/realtime/calls/rtc_")
                await caller.accept(answer.text)
                assert (await caller.next_event())["type"] == "session.created"
                assert (await http.post(answer.headers["Location"] + "/hangup")).status_code == 200
            finally:
                await caller.close()
