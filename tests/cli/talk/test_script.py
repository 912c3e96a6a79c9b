"""The conversation as a play: lines, tools, what was not heard, and how long answers took."""

from __future__ import annotations

from typing import Any

from antiphon.cli.talk.script import Voice, answer_times, line_of, script, seconds
from antiphon.conversation import ChatMessage, ToolUse, Turn


def message(id_: str, **more: Any) -> ChatMessage:
    settings: dict[str, Any] = {"type": "text", "role": "assistant", "status": "done", "seq": 1, "time": 0.0}
    return ChatMessage(id=id_, **{**settings, **more})


def called(**more: Any) -> ChatMessage:
    settings: dict[str, Any] = {"call_id": "c", "name": "add", "arguments": {"a": 2, "b": "x"}}
    return message("t", type="tool", role="tool", tool=ToolUse(**{**settings, **more}))


def test_who_says_it_and_whether_more_will_come() -> None:
    mine, theirs = script([message("1", role="user", text="Hi"), message("2", text="Hel", status="streaming")])
    assert (mine.voice, mine.text, mine.is_open) == (Voice.YOU, "Hi", False)
    assert (theirs.voice, theirs.text, theirs.is_open) == (Voice.THEM, "Hel", True)


def test_what_was_cut_off_stands_apart() -> None:
    line = line_of(message("1", text="Two plus five is seven.", heard="Two plus"))
    assert (line.text, line.unheard) == ("Two plus", " five is seven.")


def test_a_tool_is_one_line() -> None:
    assert line_of(called()).text == 'add(a=2, b="x") …'
    assert line_of(called(output='"seven"', started_at=1000, ended_at=2200)).text == 'add(a=2, b="x") → seven  1.2 s'
    assert line_of(called(output="no such thing", is_error=True)).text.startswith('add(a=2, b="x") ✗ no such thing')
    assert len(line_of(called(output="x" * 5000)).text) < 300


def test_a_failure_is_told_in_the_servers_words() -> None:
    assert line_of(message("1", status="failed", problem="Overloaded.")).problem == "Overloaded."


def test_each_turn_tells_its_time_once_at_the_first_words_of_its_answer() -> None:
    turn = Turn(kind="spoken", started_at=1000.0, response_ids=("r1", "r2"), first_audio_at=1600.0)
    greeting = Turn(kind="unasked", started_at=0.0, response_ids=("r0",), first_audio_at=100.0)
    messages = [
        message("0", response_id="r0"),
        message("1", role="user", text="?"),
        message("2", response_id="r2", text="Seven."),
        message("3", response_id="r2", text="Yes."),
    ]
    assert answer_times(messages, [greeting, turn]) == {"2": 600.0}


def test_times_as_people_read_them() -> None:
    assert [seconds(ms) for ms in (42.4, 612.0, 999.0, 1720.0)] == ["42 ms", "612 ms", "1.0 s", "1.7 s"]
