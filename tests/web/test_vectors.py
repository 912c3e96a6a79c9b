"""The page's JavaScript and the golden traces: what comes out of a call is what comes out of Python's conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

VECTORS = Path(__file__).resolve().parents[1] / "vectors"

REPLAY = """async ({ events, chat_settings }) => {
  const { Conversation } = await import("/antiphon.js");
  const conversation = new Conversation({ chat: chat_settings });
  const friendly = [];
  const activity = [];
  const noTimes = { at: 0, last_user_event_at: 0, last_assistant_event_at: 0 };
  const apartFromTimes = (value) => JSON.stringify({ ...value, ...noTimes });
  for (const { at, from, event, played, disconnected } of events) {
    let told;
    if (from === "server") told = conversation.receive(event, at);
    else if (from === "client") told = conversation.sent(event, at);
    else if (played) told = conversation.played(played.item_id, played.played_ms, at);
    else told = disconnected ? conversation.disconnected(at) : conversation.flushed(at);
    friendly.push(...told.map((one) => ({ at, ...one })));
    const now = { at, ...conversation.activity.now };
    if (activity.length === 0 || apartFromTimes(now) !== apartFromTimes(activity.at(-1))) activity.push(now);
  }
  return JSON.parse(JSON.stringify({ friendly, chat: conversation.chat.messages, activity }));
}"""


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.json")))
async def test_a_call_comes_out_as_it_does_in_python(modules: Page, name: str) -> None:
    golden: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text())
    outcome = await modules.evaluate(REPLAY, golden)
    for what, expected in golden["expected"].items():
        assert outcome[what] == expected, what
