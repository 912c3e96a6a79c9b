"""/inspect's pure modules in a browser: rows of the log, turns and their time, the session asked and applied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from antiphon.server import ServerSettings
from live_server import live_server
from scripted_answerer import ScriptedAnswerer
from web.wire import answer_begins, delta, heard

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tool(browser: Browser) -> AsyncIterator[Page]:
    async with live_server(ScriptedAnswerer(), ServerSettings(inspect=True)) as server:
        page = await browser.new_page()
        await page.goto(f"{server.base_url}/inspect/")
        yield page
        await page.close()


def line(t: float, dir_: str, type_: str, elided: dict[str, int] | None = None, **members: Any) -> list[Any]:
    """One line as the server tells it."""
    if dir_ == "note":
        return [int(t), 0, {"t": t, "dir": dir_, "decision": type_, "data": members}]
    told: dict[str, Any] = {"t": t, "dir": dir_, "event": {"type": type_, **members}}
    return [int(t), 100, told | ({"elided": elided} if elided else {})]


def came(t: float, *events: dict[str, Any]) -> list[list[Any]]:
    return [[int(t), 100, {"t": t, "dir": "in", "event": event}] for event in events]


async def call(page: Page, module: str, expression: str, lines: list[Any], more: Any = None) -> Any:
    """Evaluate `expression` over the module `m`, the log module `l`, the `entries` of lines, and `more`."""
    return await page.evaluate(
        """async ([module, lines, more, expression]) => {
          const [m, l] = [await import(`./${module}.js`), await import("./log.js")];
          const entries = lines.map(l.entryOf);
          const work = {
            rows: () => {
              const rows = [];
              l.addRows(rows, entries, more.filter, more.group);
              return rows.map((row) => [row.type, row.entries.length, row.size, l.wordsOf(row)]);
            },
            turns: () => {
              const log = new m.TurnLog();
              for (const entry of entries) log.add(entry);
              return log.all.map((turn) => ({ ...turn, bars: m.barsOf(turn), latency: m.latencyOf(turn) }));
            },
            fields: () => {
              const log = new m.SessionLog();
              for (const entry of entries) log.add(entry);
              return log.fields.map((field) => [field.path, field.verdict]);
            },
            page: async () => {
              const { Conversation, answerMs } = await import("/antiphon.js");
              const conversation = new Conversation();
              for (const { event, t } of entries) conversation.receive(event, t);
              return conversation.turns.all.map(answerMs);
            },
            words: () => more.map((value) => [l.clock(value), l.bytes(value), l.seconds(value)]),
          };
          return work[expression]();
        }""",
        [module, lines, more, expression],
    )


SHOW_ALL = {"text": "", "dirs": {"in": True, "out": True, "note": True}, "kind": ""}

LOG = [
    line(0, "note", "opened"),
    line(1, "out", "input_audio_buffer.append", {"audio": 4800}, audio=""),
    line(2, "out", "input_audio_buffer.append", {"audio": 4800}, audio=""),
    line(3, "in", "response.output_text.delta", item_id="a", delta="Hel"),
    line(4, "in", "response.output_text.delta", item_id="a", delta="lo"),
    line(5, "in", "response.output_text.delta", item_id="b", delta="!"),
    line(6, "in", "error", error={"message": "No such item."}),
    line(
        7,
        "in",
        "response.done",
        response={"status": "failed", "status_details": {"error": {"message": "Out of luck."}}},
    ),
    line(8, "in", "response.function_call_arguments.done", name="add", arguments='{"a":1}'),
    line(
        9,
        "in",
        "conversation.item.added",
        item={"type": "message", "role": "user", "content": [{"type": "input_image"}]},
    ),
]


async def test_alike_events_in_a_row_become_one_row_that_says_all(tool: Page) -> None:
    rows = await call(tool, "log", "rows", LOG, {"filter": SHOW_ALL, "group": True})
    assert rows == [
        ["opened", 1, 0, ""],
        ["input_audio_buffer.append", 2, 200, "200 ms of sound"],
        ["response.output_text.delta", 2, 200, "Hello"],
        ["response.output_text.delta", 1, 100, "!"],
        ["error", 1, 100, "No such item."],
        ["response.done", 1, 100, "failed · Out of luck."],
        ["response.function_call_arguments.done", 1, 100, 'add({"a":1})'],
        ["conversation.item.added", 1, 100, "user: [image]"],
    ]
    assert len(await call(tool, "log", "rows", LOG, {"filter": SHOW_ALL, "group": False})) == len(LOG)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"text": "no such"}, ["error"]),
        ({"text": "nowhere to be found"}, []),
        ({"kind": "error"}, ["error", "response.done"]),
        ({"kind": "speech"}, ["input_audio_buffer.append"]),
        ({"kind": "tool"}, ["response.function_call_arguments.done"]),
        ({"dirs": {"in": False, "out": False, "note": True}}, ["opened"]),
    ],
)
async def test_what_is_asked_for_is_what_is_shown(tool: Page, change: dict[str, Any], shown: list[str]) -> None:
    rows = await call(tool, "log", "rows", LOG, {"filter": {**SHOW_ALL, **change}, "group": True})
    assert [row[0] for row in rows] == shown


async def test_figures_are_for_people(tool: Page) -> None:
    told = await call(tool, "log", "words", [], [0, 999, 61_005, 2_500_000])
    assert told == [
        ["0:00.000", "0 B", "0 ms"],
        ["0:00.999", "999 B", "999 ms"],
        ["1:01.005", "61 kB", "61.0 s"],
        ["41:40.000", "2.5 MB", "2500.0 s"],
    ]


SPOKEN = [
    line(1000, "in", "input_audio_buffer.speech_started", item_id="u"),
    line(2000, "in", "input_audio_buffer.speech_stopped", item_id="u"),
    line(2000, "in", "input_audio_buffer.committed", item_id="u"),
    line(2100, "in", "response.created", response={"id": "r1"}),
    line(
        2200, "in", "conversation.item.input_audio_transcription.completed", item_id="u", transcript="Add two and five."
    ),
    line(2300, "in", "response.function_call_arguments.done", response_id="r1", name="add", arguments="{}"),
    line(2310, "in", "response.done", response={"id": "r1", "status": "completed"}),
    line(2400, "in", "response.created", response={"id": "r2"}),
    line(2600, "in", "response.output_audio_transcript.delta", response_id="r2", delta="Seven."),
    line(2700, "in", "output_audio_buffer.started", response_id="r2"),
    line(2800, "in", "response.done", response={"id": "r2", "status": "completed"}),
    line(3500, "in", "output_audio_buffer.stopped", response_id="r2"),
]


async def test_a_spoken_turn_with_a_tool_is_one_turn_and_its_time_adds_up(tool: Page) -> None:
    (turn,) = await call(tool, "turns", "turns", SPOKEN)
    assert (turn["kind"], turn["asked"], turn["answer"]) == ("voice", "Add two and five.", "Seven.")
    assert [one["name"] for one in turn["tools"]] == ["add"]
    assert turn["latency"] == 700
    assert [(bar["name"], bar["from"], bar["to"]) for bar in turn["bars"]] == [
        ("speech", 1000, 2000),
        ("recognize", 2000, 2200),
        ("think", 2200, 2300),
        ("voice", 2300, 2700),
        ("answer", 2700, 3500),
    ]


DETECTION = {"type": "server_vad", "silence_duration_ms": 500}


@pytest.mark.parametrize(
    ("detection", "latency"), [(DETECTION, 1100), ({**DETECTION, "type": "semantic_vad"}, 600), (None, 600)]
)
async def test_a_turn_takes_as_long_here_as_in_the_callers_page(tool: Page, detection: Any, latency: int) -> None:
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    lines = [
        line(500, "in", "session.created", session=session),
        *came(1000, heard("u1", None)[0]),
        *came(2000, *heard("u1", None)[1:]),
        *came(2100, *answer_begins("r1", "a1", "u1")),
        *came(2600, delta("r1", "a1", "Seven.")),
    ]
    (turn,) = await call(tool, "turns", "turns", lines)
    assert await call(tool, "turns", "page", lines) == [turn["latency"]] == [latency]


async def test_a_typed_turn_over_websocket_counts_from_what_was_sent(tool: Page) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    lines = [
        line(100, "out", "conversation.item.create", item=item),
        line(110, "in", "response.created", response={"id": "r"}),
        line(400, "in", "response.output_audio.delta", {"delta": 4800}, response_id="r", delta=""),
        line(900, "in", "response.done", response={"id": "r", "status": "cancelled"}),
    ]
    (turn,) = await call(tool, "turns", "turns", lines)
    assert (turn["kind"], turn["asked"], turn["status"], turn["latency"]) == ("text", "Hello", "cancelled", 300)


async def test_a_greeting_is_nobodys_question(tool: Page) -> None:
    lines = [
        line(10, "in", "response.created", response={"id": "r"}),
        line(50, "in", "response.output_text.delta", response_id="r", delta="Welcome."),
        line(60, "in", "response.done", response={"id": "r", "status": "completed"}),
    ]
    (turn,) = await call(tool, "turns", "turns", lines)
    assert (turn["kind"], turn["answer"]) == ("own", "Welcome.")


async def test_what_was_asked_and_did_not_come_is_told_apart(tool: Page) -> None:
    applied = {
        "id": "sess_1",
        "voice": "alloy",
        "speed": 1,
        "tools": [{"name": "add", "type": "function"}],
        "model": "m",
    }
    lines = [
        line(0, "note", "session_asked", session={"voice": "ash", "speed": 1}),
        line(1, "in", "session.created", session={"voice": "alloy"}),
        line(
            2, "out", "session.update", session={"tools": [{"name": "add", "type": "function"}], "prompt": {"id": "p"}}
        ),
        line(3, "in", "session.updated", session=applied),
    ]
    assert dict(await call(tool, "session", "fields", lines)) == {
        "id": "default",
        "model": "default",
        "prompt.id": "ignored",
        "speed": "same",
        "tools[add].name": "same",
        "tools[add].type": "same",
        "voice": "differs",
    }
