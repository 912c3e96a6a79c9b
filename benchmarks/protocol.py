"""How fast the wire is read and written, beside `json.loads` and beside openai's own parse, in the same run.

    python benchmarks/protocol.py

One row for each kind of frame that a call is made of. Times are the best of several rounds, so that a busy machine
disturbs them little; the ratios are what to compare between machines.
"""

from __future__ import annotations

import base64
import json
import os
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

from openai._models import construct_type_unchecked
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter
from typing_extensions import Annotated  # noqa: UP035 - the same Annotated that openai's types use

from antiphon.protocol import decode_client_event, decode_server_event, encode

ROUNDS = 7
SECONDS_PER_ROUND = 0.05

_IN_PART = {"event_id": "event_1", "response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
_MESSAGE = {
    "id": "item_1",
    "object": "realtime.item",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_audio", "transcript": "The weather is fine today. " * 8}],
}
_DONE: dict[str, Any] = {
    "type": "response.done",
    "event_id": "event_1",
    "response": {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "completed",
        "status_details": None,
        "output": [_MESSAGE],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "usage": {"total_tokens": 3, "input_tokens": 2, "output_tokens": 1},
        "metadata": None,
    },
}


def _pcm(seconds: float) -> str:
    return base64.b64encode(os.urandom(int(seconds * 24_000) * 2)).decode()


SERVER_FRAMES: dict[str, dict[str, Any]] = {
    "text delta": {"type": "response.output_text.delta", **_IN_PART, "delta": "weather"},
    "audio delta, 100 ms": {"type": "response.output_audio.delta", **_IN_PART, "delta": _pcm(0.1)},
    "response.done": _DONE,
    "response.done with an unknown field": {**_DONE, "response": {**_DONE["response"], "mood": "good"}},
}
CLIENT_FRAMES: dict[str, dict[str, Any]] = {
    "append, 20 ms": {"type": "input_audio_buffer.append", "audio": _pcm(0.02)},
    "append, 1 s": {"type": "input_audio_buffer.append", "audio": _pcm(1.0)},
    "session.update": {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Be brief. " * 50,
            "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}},
            "tools": [{"type": "function", "name": "add", "description": "Adds.", "parameters": {"type": "object"}}],
        },
    },
}


def microseconds(work: Callable[[], object]) -> float:
    """The best time of one call."""
    timer = timeit.Timer(work)
    once = timer.timeit(1)
    number = max(1, int(SECONDS_PER_ROUND / max(once, 1e-6)))
    return min(timer.repeat(ROUNDS, number)) / number * 1e6


def parse_as_openai_does(text: str) -> object:
    """What the openai package does with each frame: parse it, then build its model without validating."""
    union: Any = RealtimeServerEvent
    return construct_type_unchecked(value=json.loads(text), type_=union)


def main() -> None:
    strict: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
    print("Server events, as a client reads them (µs; in brackets: times json.loads)")
    print(f"{'frame':38}{'json.loads':>11}{'antiphon':>16}{'openai':>18}{'openai, strict':>18}{'our encode':>12}")
    for name, frame in SERVER_FRAMES.items():
        text = json.dumps(frame)
        event = decode_server_event(text)
        plain = microseconds(partial(json.loads, text))
        ours = microseconds(partial(decode_server_event, text))
        theirs = microseconds(partial(parse_as_openai_does, text))
        checked = microseconds(partial(strict.validate_json, text, strict=True))
        written = microseconds(partial(encode, event))
        print(
            f"{name:38}{plain:11.2f}{ours:9.2f} ({ours / plain:4.2f}){theirs:10.2f} ({theirs / plain:5.2f})"
            f"{checked:10.2f} ({checked / plain:5.2f}){written:12.2f}"
        )
    print("\nClient events, as a server reads and checks them, base64 included (µs; in brackets: times json.loads)")
    print(f"{'frame':38}{'json.loads':>11}{'antiphon':>16}")
    for name, frame in CLIENT_FRAMES.items():
        text = json.dumps(frame)
        plain = microseconds(partial(json.loads, text))
        ours = microseconds(partial(decode_client_event, text))
        print(f"{name:38}{plain:11.2f}{ours:9.2f} ({ours / plain:4.2f})")


if __name__ == "__main__":
    main()
