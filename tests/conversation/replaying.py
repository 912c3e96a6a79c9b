"""Plays a trace through a conversation, and writes down all that comes out of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from antiphon.conversation import Conversation, ConversationSettings, to_wire
from antiphon.conversation.chat import ChatSettings
from antiphon.protocol import decode_event, decode_server_event

Json = dict[str, Any]


def replay(conversation: Conversation, lines: list[Json]) -> Json:
    """What came out: friendly events, activity whenever more of it than its times changed, and the chat at the end."""
    friendly: list[Json] = []
    activity: list[Json] = []
    for line in lines:
        at = line["at"]
        events = []
        match line:
            case {"from": "server", "event": event}:
                events = conversation.receive(decode_server_event(msgspec.json.encode(event)), at)
            case {"from": "client", "event": event}:
                events = conversation.sent(decode_event(msgspec.json.encode(event)), at)  # type: ignore[arg-type]
            case {"from": "player", "played": played}:
                events = conversation.played(played["item_id"], played["played_ms"], at)
            case {"from": "player", "flushed": True}:
                events = conversation.flushed(at)
            case {"from": "link", "disconnected": True}:
                events = conversation.disconnected(at)
            case _:
                raise AssertionError(f"a line of no kind: {line}")
        friendly += [{"at": at, **to_wire(event)} for event in events]
        now = {"at": at, **msgspec.to_builtins(conversation.activity.now)}
        if not activity or _apart_from_times(now) != _apart_from_times(activity[-1]):
            activity.append(now)
    outcome = {
        "friendly": friendly,
        "chat": [msgspec.to_builtins(message) for message in conversation.chat.messages],
        "activity": activity,
    }
    return json.loads(json.dumps(outcome))  # type: ignore[no-any-return]  # as a reader of the file has it


def _apart_from_times(activity: Json) -> Json:
    return {name: value for name, value in activity.items() if not name.endswith("at")}


def played_out(lines: list[Json], chat: Json | None = None) -> Json:
    """The same for a new conversation. chat: settings of it that differ from the default."""
    return replay(Conversation(ConversationSettings(chat=ChatSettings(**(chat or {})))), lines)
