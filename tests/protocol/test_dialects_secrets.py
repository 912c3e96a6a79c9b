"""Ephemeral keys asked for and given in each dialect."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.beta.realtime import SessionCreateResponse, TranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse

from antiphon.protocol import InvalidEvent, decode_session
from antiphon.protocol.dialects import (
    error_body_to_beta,
    error_body_to_ga,
    secret_for_every_client,
    secret_request_to_beta,
    secret_request_to_ga,
    secret_to_beta,
    secret_to_ga,
)
from wire_samples import REALTIME_SESSION, TRANSCRIPTION_SESSION

ANSWER = {"value": "ek_1", "expires_at": 1790000000, "session": {**REALTIME_SESSION, "expires_at": 0}}

# The session that a tutorial's server sends, whose client then reads `client_secret.value`.
FLAT: dict[str, Any] = {
    "model": "gpt-realtime",
    "voice": "alloy",
    "instructions": "Be brief.",
    "modalities": ["audio", "text"],
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5},
    "tools": [],
    "tool_choice": "auto",
    "temperature": 0.8,
}
NESTED = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
        },
        "output": {"voice": "alloy"},
    },
    "tools": [],
    "tool_choice": "auto",
}


def test_a_flat_session_becomes_one_that_ga_takes() -> None:
    body = {**FLAT, "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}}}
    translated = secret_request_to_ga(body)
    assert translated.body == {"session": NESTED, "expires_after": {"anchor": "created_at", "seconds": 60}}
    assert [dropped.param for dropped in translated.dropped] == ["temperature"]
    decode_session(translated.body["session"])


def test_a_session_in_an_envelope_is_understood_too() -> None:
    expiry = {"anchor": "created_at", "seconds": 30}
    translated = secret_request_to_ga({"session": {"type": "realtime", **FLAT}, "expires_after": expiry})
    assert translated.body == {"session": NESTED, "expires_after": expiry}
    assert [dropped.param for dropped in translated.dropped] == ["session.temperature"]


def test_an_empty_body_asks_for_a_plain_session() -> None:
    assert secret_request_to_ga({}).body == {"session": {"type": "realtime"}}
    assert secret_request_to_ga({}, "transcription").body == {"session": {"type": "transcription"}}


def test_a_transcription_session_names_its_expiry_differently() -> None:
    body = {"input_audio_format": "pcm16", "client_secret": {"expires_at": {"anchor": "created_at", "seconds": 60}}}
    assert secret_request_to_ga(body, "transcription").body == {
        "session": {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}},
        "expires_after": {"anchor": "created_at", "seconds": 60},
    }


def test_a_beta_client_finds_the_key_in_its_session() -> None:
    answer = secret_to_beta(ANSWER)
    assert answer["client_secret"] == {"value": "ek_1", "expires_at": 1790000000}
    assert (answer["voice"], answer["modalities"], answer["temperature"]) == ("alloy", ["audio", "text"], 0.8)
    assert "expires_at" not in answer
    assert SessionCreateResponse.model_validate(answer, strict=True).client_secret.value == "ek_1"


def test_a_beta_transcription_client_finds_the_key_in_its_session() -> None:
    answer = secret_to_beta({**ANSWER, "session": TRANSCRIPTION_SESSION})
    assert TranscriptionSession.model_validate(answer, strict=True).client_secret.value == "ek_1"


def test_a_ga_request_becomes_one_that_a_beta_server_takes() -> None:
    translated = secret_request_to_beta({"session": NESTED, "expires_after": {"anchor": "created_at", "seconds": 60}})
    expected = {name: value for name, value in FLAT.items() if name != "temperature"}
    assert translated.body == {**expected, "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}}}
    assert translated.dropped == ()
    azure = secret_request_to_beta({"session": NESTED, "expires_after": {"seconds": 60}}, azure=True)
    assert azure.body == expected
    assert [dropped.param for dropped in azure.dropped] == ["expires_after"]


def test_a_beta_servers_answer_is_a_ga_answer() -> None:
    answer = secret_to_ga(secret_to_beta(ANSWER))
    assert answer == ANSWER
    assert ClientSecretCreateResponse.model_validate(answer).value == "ek_1"


def test_the_founding_routes_answer_is_read_either_way() -> None:
    answer = secret_for_every_client(ANSWER)
    assert answer["value"] == answer["client_secret"]["value"] == "ek_1"
    assert answer["session"] == ANSWER["session"]


@pytest.mark.parametrize(
    ("flat", "param"), [({"voice": 7}, "voice"), ({"turn_detection": {"type": "magic"}}, "turn_detection.type")]
)
def test_what_is_wrong_in_a_flat_session_is_named_in_its_own_words(flat: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        decode_session(secret_request_to_ga(flat).body["session"])
    error = {"message": refused.value.error.message, "param": refused.value.error.param, "code": "x"}
    told = error_body_to_beta({"error": error})["error"]
    assert told["param"] == param
    assert "session." not in told["message"]
    assert error_body_to_ga({"error": told})["error"]["param"] == error["param"]


def test_error_bodies_of_no_known_shape_are_passed_on() -> None:
    for body in ({"error": "no"}, {"detail": [1]}, {"error": {"param": None, "message": "no"}}):
        assert error_body_to_beta(body).get("error") == body.get("error")
