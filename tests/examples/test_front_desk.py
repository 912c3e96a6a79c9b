"""The example of a front desk, on the embedded engine: greeting, booking twice, the kitchen, the manager."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

from antiphon import Agent, RealtimeClient
from antiphon.agent import HandedOff, Notice, ToolFinished
from antiphon.engine import build_engine
from antiphon.protocol import RealtimeSession
from live_server import live_server

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "front_desk.py"


def front_desk() -> Agent:
    spec = importlib.util.spec_from_file_location("front_desk", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up there
    spec.loader.exec_module(module)
    found = module.agent
    assert isinstance(found, Agent)
    return found


async def test_the_front_desk_greets_books_asks_and_hands_over() -> None:
    notices: list[Notice] = []
    text = RealtimeSession(output_modalities=["text"])
    async with live_server(build_engine()) as server, asyncio.timeout(60):
        client = RealtimeClient(server.base_url, agent=front_desk(), session=text, on_notice=notices.append)
        async with client as call:
            await call.settled()  # the greeting
            assert "Table 4 is booked" in await call.ask("book table four")
            assert "taken" in await call.ask("book table four")
            await call.ask("check the kitchen")
            await call.ask("transfer to the manager")
            await call.settled()
            assert call.agent is not None
            assert call.agent.name == "manager"
    finished = {notice.name: notice.outcome for notice in notices if isinstance(notice, ToolFinished)}
    assert set(finished) >= {"book_table", "check_kitchen"}
    assert any(isinstance(notice, HandedOff) for notice in notices)
