"""The promises of `decoding`, held against whatever Hypothesis comes up with."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.protocol import InvalidEvent, decode_client_event, decode_event, decode_server_event, encode, to_builtins
from wire_samples import CLIENT_FRAMES, SERVER_FRAMES, Frame, same_json

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["realtime", "message", "QQ==", "QR==", "auto", "inf", "response.cancel", "in_progress"])
)
_NAMES = st.sampled_from(["type", "event_id", "session", "item", "unknown fields", "unknown_fields", "x"]) | st.text(
    max_size=5
)
JSON_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value inside a JSON value."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, member in inner for place in _places(member, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, frames: list[Frame]) -> Frame:
    """A real frame in which up to three places were replaced, removed or given a new neighbour."""
    frame = copy.deepcopy(draw(st.sampled_from(frames)))
    for _ in range(draw(st.integers(0, 3))):
        places = [place for place in _places(frame) if place]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder: Any = frame
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[last] = draw(JSON_VALUES)
            case "remove":
                del holder[last]
            case _ if isinstance(holder, dict):
                holder[draw(_NAMES)] = draw(JSON_VALUES)
            case _:
                holder.append(draw(JSON_VALUES))
    return frame


@given(st.text(st.characters()) | st.binary() | JSON_VALUES.map(json.dumps))
def test_whatever_comes_in_is_an_event_or_an_invalid_event(data: str | bytes) -> None:
    try:
        decode_client_event(data)
    except InvalidEvent as invalid:
        encode(invalid.error)


@given(mutated(CLIENT_FRAMES))
def test_an_event_that_is_nearly_right_is_taken_whole_or_explained(frame: Frame) -> None:
    try:
        event = decode_client_event(json.dumps(frame))
    except InvalidEvent as invalid:
        # The walk that explains agrees with the decoder that refused: it never fails to find the fault.
        assert not invalid.error.message.startswith("Invalid event:")
        assert invalid.error.code
    else:
        if "QR==" not in json.dumps(frame):
            assert same_json(to_builtins(event), frame)


@given(mutated(SERVER_FRAMES) | mutated(CLIENT_FRAMES) | st.dictionaries(_NAMES, JSON_VALUES, max_size=4))
def test_whatever_object_comes_in_goes_out_again_unchanged(frame: Frame) -> None:
    text = json.dumps(frame)
    for decode in (decode_server_event, decode_event):
        event = decode(text)
        assert same_json(json.loads(encode(event)), frame)
        assert same_json(to_builtins(event), frame)
