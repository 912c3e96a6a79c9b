"""Push-to-talk when the line goes, the call ends, or the server will not have it: nothing stays held."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from web.calling import connected, make_call, told, until
from web.scripted_peer import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HOLD_OVER_A_LINE = """async (isRenewed) => {
  const { PushToTalk } = await import("/push-to-talk.js");
  const done = [];
  let muted = () => {};
  const key = new PushToTalk({
    send: ({ type }) => (done.push(type), true),
    interrupt: () => {},
    respond: () => done.push("respond"),
    setMuted: (isMuted) => isMuted && setTimeout(muted),
  });
  key.set(true, null);
  key.talk(true);
  const since = performance.now();
  while (performance.now() - since < 160) await new Promise(requestAnimationFrame);
  key.talk(false);
  if (isRenewed) key.renew();
  await new Promise((resolve) => (muted = resolve));
  return done;
}"""


async def test_a_key_that_comes_up_while_the_line_is_away_leaves_nothing_held(
    caller: Page, server: ScriptedServer
) -> None:
    await connected(caller, microphone=True)
    await told(caller, "microphone.changed")
    await caller.evaluate("call.setPushToTalk(true)")
    await caller.evaluate("call.talk(true)")
    await server.call.expect("input_audio_buffer.clear")
    await until(caller, "call.levels.input > 0.01")
    server.is_healthy = False
    server.answers.clear()
    await server.call.connection.close()
    await until(caller, "call.state === 'reconnecting'")
    # The key comes up, and the line is back before the last of what was said would have been waited for.
    await caller.evaluate("call.talk(false)")
    server.answers.set()
    await told(caller, "connection.renewed")
    await until(caller, "call.isMuted")
    await caller.evaluate("call.updateSession({ instructions: 'Be kind.' })")
    assert "input_audio_buffer.commit" not in server.call.kinds()
    await caller.evaluate("call.talk(true)")
    await server.call.expect("input_audio_buffer.clear")  # a new hold is one again


@pytest.mark.parametrize(("is_renewed", "sent"), [(False, ["input_audio_buffer.commit", "respond"]), (True, [])])
async def test_the_end_of_a_hold_that_another_session_heard_is_not_a_turn_of_the_next(
    modules: Page, is_renewed: bool, sent: list[str]
) -> None:
    assert await modules.evaluate(HOLD_OVER_A_LINE, is_renewed) == ["input_audio_buffer.clear", *sent]


async def test_a_call_that_ends_while_the_key_is_down_holds_nothing_in_the_next(
    caller: Page, server: ScriptedServer
) -> None:
    await connected(caller, microphone=True)
    await told(caller, "microphone.changed")
    await caller.evaluate("call.setPushToTalk(true)")
    await caller.evaluate("(call.talk(true), call.disconnect())")
    await until(caller, "call.isMuted")
    await caller.evaluate("call.connect()")
    await until(caller, "call.hasMicrophone")
    assert await caller.evaluate("call.isMuted")
    await caller.evaluate("call.talk(true)")
    await server.call.expect("input_audio_buffer.clear")


async def test_push_to_talk_that_the_server_refuses_is_told_and_not_asked_for_again(
    caller: Page, server: ScriptedServer
) -> None:
    server.confirms_updates = False
    await make_call(caller, microphone=True, session=None)
    await caller.evaluate("call.connect()")
    await told(caller, "microphone.changed")
    await caller.evaluate("window.outcome = call.setPushToTalk(true).then(() => 'done', (error) => error.problem), 0")
    update = await server.call.expect("session.update")
    server.call.send({"type": "error", "error": {"message": "Not here.", "event_id": update["event_id"]}})
    assert await caller.evaluate("outcome") == {"kind": "refused", "detail": "Not here."}
    assert await caller.evaluate("[call.isPushToTalk, call.isMuted]") == [False, True]
    server.is_healthy = False
    await server.call.connection.close()
    await told(caller, "connection.renewed")
    assert "session.update" not in server.call.kinds()
