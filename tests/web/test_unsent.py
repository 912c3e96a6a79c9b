"""What was said and is not confirmed: bounded, at servers that confirm nothing and behind middleware."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page

from web.calling import connected, told, until
from web.scripted_peer import ScriptedServer
from web.wire import answer_ends, response_begins

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PLAY = """async (steps) => {
  const { UnsentMessages } = await import("/unsent.js");
  const unsent = new UnsentMessages();
  for (const [kind, id] of steps) {
    if (kind === "wait") unsent.add({ id }, false);
    else if (kind === "send") unsent.add({ id }, false).eventId = `event_${id}`;
    else unsent[kind](id);
  }
  return unsent.all.map(({ item }) => item.id);
}"""

TALK = """async (count) => {
  for (let at = 0; at < count; at += 1) call.sendText(`message ${at}`, { respond: false });
}"""


async def play(modules: Page, *steps: tuple[str, Any]) -> list[str]:
    left: list[str] = await modules.evaluate(PLAY, [list(step) for step in steps])
    return left


async def test_an_item_that_is_confirmed_confirms_what_went_out_before_it(modules: Page) -> None:
    assert await play(modules, ("send", "a"), ("send", "b"), ("send", "c"), ("confirm", "b")) == ["c"]
    assert await play(modules, ("wait", "a"), ("send", "b"), ("confirm", "b")) == ["a"]
    assert await play(modules, ("send", "a"), ("confirm", "somebody_elses"), ("confirm", None)) == ["a"]


async def test_what_went_out_on_another_line_is_confirmed_by_its_name_alone(modules: Page) -> None:
    sent = (("send", "a"), ("send", "b"), ("lineGone", None))
    assert await play(modules, *sent, ("confirmSent", None)) == ["a", "b"]
    assert await play(modules, *sent, ("send", "c"), ("confirmSent", None)) == ["a", "b"]
    assert await play(modules, *sent, ("confirm", "b")) == ["a"]


async def test_of_what_went_out_the_oldest_gives_way_and_what_waits_stays(modules: Page) -> None:
    many = [("send", f"s{at}") for at in range(64)]
    assert (await play(modules, *many, ("send", "new")))[::63] == ["s1", "new"]
    waiting = [("wait", f"w{at}") for at in range(64)]
    assert len(await play(modules, *waiting, ("wait", "too many"))) == 64


async def test_a_server_that_confirms_no_item_is_written_to_without_end(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await caller.evaluate(TALK, 70)
    await server.call.expect("conversation.item.create", nth=70)
    # What it answers, it has read: another session is told of it as what was said before, once, and in its order.
    server.call.send(response_begins("r1"), *answer_ends("r1", "a1", None, "I have all of them."))
    await until(caller, "call.trace.events.some((e) => e.event?.type === 'response.done')")
    server.is_healthy = False
    await server.call.connection.close()
    await told(caller, "connection.renewed")
    await server.call.expect("conversation.item.create", nth=72)  # and the note for the model
    texts = [event["item"]["content"][0]["text"] for event in server.call.received if "item" in event]
    assert texts[:71] == [*(f"message {at}" for at in range(70)), "I have all of them."]


async def test_what_middleware_drops_is_not_waited_for(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    await caller.evaluate("() => { window.off = call.use({ outgoing: (event) => (event.item ? null : event) }); }")
    await caller.evaluate(TALK, 70)
    await caller.evaluate("(off(), call.sendToolOutput('c1', 'done'), call.sendText('hello'))")
    await server.call.expect("conversation.item.create", nth=2)
    server.is_healthy = False
    await server.call.connection.close()
    await told(caller, "connection.renewed")
    await server.call.expect("response.create")
    told_again = [event["item"] for event in server.call.received if "item" in event]
    assert [item.get("output") or item["content"][0]["text"] for item in told_again] == ["done", "hello"]


async def test_more_than_can_wait_for_a_line_is_refused_and_said_so(caller: Page, server: ScriptedServer) -> None:
    await connected(caller)
    server.is_healthy = False
    server.answers.clear()
    await server.call.connection.close()
    await until(caller, "call.state === 'reconnecting'")
    await caller.evaluate(TALK, 64)
    kind = "(() => { try { call.sendText('too many'); } catch (error) { return error.problem.kind; } })()"
    assert await caller.evaluate(kind) == "queue_full"
    await caller.evaluate("call.sendToolOutput('c1', 'too many'), 0")
    assert (await told(caller, "message.unsent"))["problem"] == {"kind": "queue_full"}
    server.answers.set()
    await told(caller, "connection.renewed")
    await server.call.expect("conversation.item.create", nth=64)
