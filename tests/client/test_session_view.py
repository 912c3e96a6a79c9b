"""What a client makes of events alone: how much was spoken, what a response said, and how long to keep trying."""

from __future__ import annotations

import pytest

from antiphon.client import Patience, SessionView, differences, text_of
from antiphon.client.attaching import worth_attaching_again, worth_reattaching
from antiphon.client.errors import CallNotFoundError, ConnectError, RefusedError, UnauthorizedError
from antiphon.protocol import (
    AudioConfig,
    AudioFormat,
    AudioOutput,
    FunctionCall,
    FunctionTool,
    InputText,
    Message,
    OutputAudio,
    OutputText,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    RealtimeSession,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    SessionCreated,
    TranscriptionSession,
)


def speech(view: SessionView, response_id: str, item_id: str, size: int) -> None:
    view.receive(
        ResponseOutputAudioDelta(
            response_id=response_id, item_id=item_id, output_index=0, content_index=0, delta=bytes(size)
        )
    )


@pytest.mark.parametrize(("format_", "expected"), [(PcmFormat(), 100), (PcmuFormat(), 600), (PcmaFormat(), 600)])
def test_how_long_speech_is_depends_on_its_format(format_: AudioFormat, expected: int) -> None:
    view = SessionView()
    view.receive(SessionCreated(session=RealtimeSession(audio=AudioConfig(output=AudioOutput(format=format_)))))
    speech(view, "r", "i", 4800)

    assert view.received_ms("i") == expected
    assert view.received_ms("unknown") == 0


def test_only_the_newest_speech_is_cut_and_a_finished_one_that_was_heard_is_not() -> None:
    view = SessionView()
    assert view.truncation(500) is None
    view.receive(ResponseCreated(response=Response(id="r1")))
    speech(view, "r1", "i1", 48_000)
    view.receive(ResponseDone(response=Response(id="r1")))
    assert view.truncation(1000) is None
    assert view.truncation(999.9).audio_end_ms == 999  # type: ignore[union-attr]
    speech(view, "r2", "i2", 4800)
    cut = view.truncation(1000)

    assert cut is not None
    assert (cut.item_id, cut.audio_end_ms) == ("i2", 100)
    assert view.active_responses == ["r2"]


def test_a_long_call_keeps_little() -> None:
    view = SessionView()
    for number in range(1000):
        view.receive(ResponseCreated(response=Response(id=f"r{number}")))
        speech(view, f"r{number}", f"i{number}", 48)
        if number % 2:
            view.receive(ResponseDone(response=Response(id=f"r{number}")))

    assert len(view.active_responses) <= 16
    assert len(view._done) <= 16
    assert len(view._spoken) <= 16


def test_the_words_of_a_response_are_its_text_and_transcripts() -> None:
    response = Response(
        output=[
            Message(role="assistant", content=[OutputAudio(transcript="Hello."), OutputAudio()]),
            Message(role="assistant", content=[OutputText(text="Bye.")]),
            FunctionCall(name="add", arguments="{}"),
            Message(role="assistant", content=[OutputText(text="")]),
        ]
    )

    assert text_of(response) == "Hello. Bye."
    assert text_of(Response()) == ""
    assert text_of(Response(output=[Message(role="user", content=[InputText(text="hi")])])) == ""


def test_differences_name_what_was_asked_for_and_is_not() -> None:
    add = FunctionTool(name="add", description="Add.", parameters={"type": "object"})
    requested = RealtimeSession(model="mine", instructions="Be kind.", tools=[add], output_modalities=["text"])
    effective = RealtimeSession(model="theirs", instructions="Be kind.", output_modalities=["audio"], tools=[add])

    (difference,) = differences(requested, effective)
    assert str(difference) == "modalities: asked for ['text'], applies ['audio']"
    assert differences(requested, TranscriptionSession()) == ()
    assert [found.field for found in differences(requested, RealtimeSession())] == [
        "instructions",
        "tools",
        "modalities",
    ]


def test_patience_doubles_its_waits_up_to_a_bound_and_ends() -> None:
    patience = Patience(within_s=6.0, first_wait_s=0.1, last_wait_s=2.0)

    assert [patience.wait(attempt, 0.0) for attempt in (1, 2, 3, 5, 6, 5000)] == [0.1, 0.2, 0.4, 1.6, 2.0, 2.0]
    assert patience.wait(6, 4.0) == 2.0
    assert patience.wait(6, 4.1) is None


@pytest.mark.parametrize(
    ("error", "at_first", "later"),
    [
        (CallNotFoundError("x"), True, False),
        (UnauthorizedError("x"), False, False),
        (RefusedError("x", status=400), False, False),
        (RefusedError("x", status=429), True, True),
        (RefusedError("x", status=503), True, True),
        (ConnectError("x"), True, True),
    ],
)
def test_what_may_pass_is_tried_again(error: ConnectError, at_first: bool, later: bool) -> None:
    assert worth_attaching_again(error) is at_first
    assert worth_reattaching(error) is later
