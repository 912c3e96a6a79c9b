"""A ModelRequest as the body of an OpenAI-compatible `/chat/completions` request. Pure data, no network.

Servers differ in what they accept, and the strict ones decide the shape here: system text first and once, then user
and assistant messages in turn beginning and ending with the user's side, each assistant message with tool calls
followed at once by one `tool` message for every call, arguments that parse as a JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from antiphon.engine.stages import (
    ImageContent,
    ModelItem,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolCall,
    ModelToolResult,
    TextContent,
)
from antiphon.errors import StageError

Message = dict[str, Any]

SPOKEN_ANSWER_NOTE: Final = (
    "Your answer is spoken aloud by a voice. Write plain sentences as one says them: no markup, no lists, no headings, "
    "no code, no emoji. Keep it short unless more is asked for."
)
SPOKEN_USER_NOTE: Final = (
    "The user speaks; what you read is a transcript and may hold misheard words. Go by what was probably meant."
)
MIXED_USER_NOTE: Final = (
    "User messages that begin with [voice] were spoken; they are transcripts and may hold misheard words. "
    "Never write [voice] yourself."
)
VOICE_MARK: Final = "[voice] "
NOTHING_SAID: Final = "(The call has begun. The user has said nothing yet; you speak first.)"
NOTHING_FURTHER: Final = "(The user has said nothing further. Go on.)"
NOT_UNDERSTOOD: Final = "(The user said something that could not be understood.)"
STILL_RUNNING: Final = '{"status": "still running, no result yet"}'


def request_body(request: ModelRequest, model: str) -> Message:
    """The fields that every server knows. What only some accept (stream options, limits) is the caller's to add.

    Raises StageError when the request names a tool that it does not declare.
    """
    body: Message = {"model": model, "messages": chat_messages(request), "stream": True}
    tools = offered_tools(request)
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
        if isinstance(request.tool_choice, tuple):
            body["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice[1]}}
        elif request.tool_choice == "required":
            body["tool_choice"] = "required"
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    return body


def offered_tools(request: ModelRequest) -> tuple[ModelTool, ...]:
    """The tools that this answer may use.

    With "none" the model is not told of any, and with one named tool of that one only: many local servers ignore
    `tool_choice`, and so it holds there too.
    """
    if request.tool_choice == "none":
        return ()
    if isinstance(request.tool_choice, tuple):
        wanted = request.tool_choice[1]
        chosen = tuple(tool for tool in request.tools if tool.name == wanted)
        if not chosen:
            declared = ", ".join(tool.name for tool in request.tools) or "none"
            raise StageError(f"The tool {wanted!r} that must be called is not declared (declared: {declared}).")
        return chosen
    return request.tools


def chat_messages(request: ModelRequest) -> list[Message]:
    """The conversation in the order that strict servers accept."""
    users = [item for item in request.items if isinstance(item, ModelMessage) and item.role == "user"]
    spoken = [item for item in users if item.spoken]
    mixed = bool(spoken) and len(spoken) < len(users)
    system = [request.instructions.strip()]
    system += [_text_of(item) for item in request.items if isinstance(item, ModelMessage) and item.role == "system"]
    if request.modality == "audio":
        system.append(SPOKEN_ANSWER_NOTE)
    if spoken:
        system.append(MIXED_USER_NOTE if mixed else SPOKEN_USER_NOTE)
    messages: list[Message] = []
    own_ids: dict[str, str] = {}  # what a call is named here -> the call_id that its result goes by
    for item in _with_calls_beside_results(request.items):
        if isinstance(item, ModelMessage):
            _add_message(messages, item, voice_mark=mixed)
        elif isinstance(item, ModelToolCall):
            _add_call(messages, item, own_ids)
        else:
            _add_result(messages, item, own_ids)
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].get("tool_calls"):
            _answer_open_calls(messages, place)
    if not messages:
        messages.append({"role": "user", "content": NOTHING_SAID})
    if messages[0]["role"] != "user":
        messages.insert(0, {"role": "user", "content": NOTHING_SAID})
    if messages[-1]["role"] == "assistant":
        # Several servers take a closing assistant message for the beginning of the answer and continue it.
        messages.append({"role": "user", "content": NOTHING_FURTHER})
    text = "\n\n".join(part for part in system if part)
    return [{"role": "system", "content": text}, *messages] if text else messages


def _with_calls_beside_results(items: Sequence[ModelItem]) -> list[ModelItem]:
    """Move a call whose result came later than other messages to where the result came.

    So a late result is the last thing the model reads, and yet stands directly behind its call. A call without a
    result stays where it was; a result without a call (its call was deleted) stays too and is told in words.
    """
    result_of: dict[int, int] = {}
    taken: set[int] = set()
    for place, item in enumerate(items):
        if isinstance(item, ModelToolCall):
            for later in range(place + 1, len(items)):
                candidate = items[later]
                if later not in taken and isinstance(candidate, ModelToolResult) and candidate.call_id == item.call_id:
                    result_of[place] = later
                    taken.add(later)
                    break
    moved: dict[int, ModelToolCall] = {}
    ordered: list[ModelItem] = []
    for place, item in enumerate(items):
        if isinstance(item, ModelToolCall):
            result = result_of.get(place)
            if result is not None and any(isinstance(between, ModelMessage) for between in items[place:result]):
                moved[result] = item
            else:
                ordered.append(item)
        else:
            if place in moved:
                ordered.append(moved[place])
            ordered.append(item)
    return ordered


def _add_message(messages: list[Message], item: ModelMessage, *, voice_mark: bool) -> None:
    if item.role == "system":
        return  # told at the top: many chat templates refuse a system message further down
    if item.role == "assistant":
        text = _text_of(item)
        if not text:
            return  # interrupted before anything was heard
        if messages and messages[-1]["role"] == "assistant" and "tool_calls" not in messages[-1]:
            messages[-1]["content"] += "\n" + text
        else:
            messages.append({"role": "assistant", "content": text})
        return
    content = _user_content(item, voice_mark=voice_mark)
    if not content:
        return
    if messages and messages[-1]["role"] == "user":
        content = _joined(messages.pop()["content"], content)
    messages.append({"role": "user", "content": content})


def _user_content(item: ModelMessage, *, voice_mark: bool) -> str | list[Message]:
    text = _text_of(item)
    images = [part for part in item.content if isinstance(part, ImageContent)]
    if item.spoken and not text and not images:
        text = NOT_UNDERSTOOD
    elif item.spoken and text and voice_mark:
        text = VOICE_MARK + text
    if not images:
        return text
    parts: list[Message] = [{"type": "text", "text": text}] if text else []
    for image in images:
        address: Message = {"url": image.url}
        if image.detail != "auto":
            address["detail"] = image.detail
        parts.append({"type": "image_url", "image_url": address})
    return parts


def _joined(first: str | list[Message], second: str | list[Message]) -> str | list[Message]:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n{second}"
    as_parts = [[{"type": "text", "text": side}] if isinstance(side, str) else side for side in (first, second)]
    return as_parts[0] + as_parts[1]


def _add_call(messages: list[Message], item: ModelToolCall, own_ids: dict[str, str]) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    own_id, count = item.call_id or "call", 1
    while own_id in own_ids:
        count += 1
        own_id = f"{item.call_id or 'call'}_{count}"
    own_ids[own_id] = item.call_id
    function = {"name": item.name, "arguments": _object_text(item.arguments)}
    calls = messages[-1].setdefault("tool_calls", [])
    calls.append({"id": own_id, "type": "function", "function": function})


def _add_result(messages: list[Message], item: ModelToolResult, own_ids: dict[str, str]) -> None:
    """Answer the earliest open call of that id in the assistant message just before, else tell it in words."""
    place = len(messages) - 1
    while place >= 0 and messages[place]["role"] == "tool":
        place -= 1
    answered = {message["tool_call_id"] for message in messages[place + 1 :]}
    for call in messages[place].get("tool_calls", ()) if place >= 0 else ():
        if own_ids[call["id"]] == item.call_id and call["id"] not in answered:
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": item.output})
            return
    told: str | list[Message] = f"(A tool that was called earlier returned: {item.output})"
    if messages and messages[-1]["role"] == "user":
        told = _joined(messages.pop()["content"], told)
    messages.append({"role": "user", "content": told})


def _answer_open_calls(messages: list[Message], place: int) -> None:
    """Servers refuse a call that no tool message answers; the truth is that it is still running."""
    end = place + 1
    while end < len(messages) and messages[end]["role"] == "tool":
        end += 1
    results = {message["tool_call_id"]: message for message in messages[place + 1 : end]}
    messages[place + 1 : end] = [
        results.get(call["id"], {"role": "tool", "tool_call_id": call["id"], "content": STILL_RUNNING})
        for call in messages[place]["tool_calls"]
    ]


def _object_text(arguments: str) -> str:
    """Arguments as the JSON object that chat templates parse; a call cut off in the middle has none."""
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    return arguments if isinstance(parsed, dict) else "{}"


def _text_of(item: ModelMessage) -> str:
    return "\n".join(part.text for part in item.content if isinstance(part, TextContent)).strip()


def _tool(tool: ModelTool) -> Message:
    function: Message = {"name": tool.name, "parameters": dict(tool.parameters) or {"type": "object", "properties": {}}}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
