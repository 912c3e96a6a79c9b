"""What a conversation used, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.conversation import OPENAI_PRICES, Conversation, ConversationSettings, Price, Tokens
from conversation.replaying import replay
from conversation.wire_script import SESSION, USAGE, Script


def used(script: Script, **settings: Any) -> Conversation:
    conversation = Conversation(ConversationSettings(**settings))
    replay(conversation, script.lines)
    return conversation


def test_tokens_are_counted_by_what_they_cost() -> None:
    usage = used(Script().session().response("r1").response_done("r1")).usage
    assert usage.last == Tokens(responses=1, text_in=16, cached_text_in=64, audio_in=40, text_out=20, audio_out=40)
    assert (usage.total.tokens_in, usage.total.tokens_out) == (120, 60)


def test_responses_add_up_by_model() -> None:
    script = Script().session().response("r1").response_done("r1").response("r2").response_done("r2")
    script.server("session.updated", session={**SESSION, "model": "gpt-realtime-2.1-mini"})
    usage = used(script.response("r3").response_done("r3")).usage
    assert {model: tokens.responses for model, tokens in usage.by_model.items()} == {
        "gpt-realtime-2.1": 2,
        "gpt-realtime-2.1-mini": 1,
    }
    assert usage.total.tokens_in == 360


def test_a_response_is_counted_once_and_one_that_tells_nothing_not_at_all() -> None:
    script = Script().session().response("r1").response_done("r1").response_done("r1").response("r2")
    usage = used(script.response_done("r2", usage=None)).usage
    assert usage.total.responses == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"type": "duration", "seconds": 2.5}, Tokens(transcriptions=1, seconds=2.5)),
        (
            {
                "type": "tokens",
                "total_tokens": 30,
                "input_tokens": 20,
                "output_tokens": 10,
                "input_token_details": {"text_tokens": 2, "audio_tokens": 18},
            },
            Tokens(transcriptions=1, text_in=2, audio_in=18, text_out=10),
        ),
        (
            {"type": "tokens", "total_tokens": 30, "input_tokens": 20, "output_tokens": 10},
            Tokens(transcriptions=1, audio_in=20, text_out=10),
        ),
    ],
)
def test_recognition_is_counted_apart(told: dict[str, Any], expected: Tokens) -> None:
    script = (
        Script()
        .session()
        .speech("u1", None)
        .server(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=0,
            transcript="Hi.",
            usage=told,
        )
    )
    assert used(script).usage.by_model == {"gpt-4o-mini-transcribe": expected}


def test_totals_without_details_are_not_lost() -> None:
    script = Script().session().response("r1").response_done("r1", usage={"input_tokens": 9, "output_tokens": 3})
    usage = used(script).usage
    assert (usage.total.tokens_in, usage.total.tokens_out) == (9, 3)
    assert Tokens(responses=1, text_in=9, text_out=3) == usage.last


def test_the_cost_is_that_of_the_table() -> None:
    script = Script().session().response("r1").response_done("r1", usage=USAGE)
    price = OPENAI_PRICES["gpt-realtime-2.1"]
    assert (price.text_in, price.audio_out) == (4.0, 64.0)
    expected = (16 * 4 + 64 * 0.4 + 40 * 32 + 20 * 24 + 40 * 64) / 1_000_000
    assert used(script).usage.cost == pytest.approx(expected)
    own = {"gpt-realtime-2.1": Price(text_in=1, cached_text_in=0, audio_in=2, text_out=3, audio_out=4)}
    assert used(script, prices=own).usage.cost == pytest.approx((16 + 80 + 60 + 160) / 1_000_000)


def test_an_unknown_price_is_no_cost_rather_than_a_wrong_one() -> None:
    script = Script().session(model="mine").response("r1").response_done("r1")
    assert used(script).usage.cost is None
    some = {"gpt-realtime-2.1": Price(text_in=1, text_out=1)}
    assert used(Script().session().response("r1").response_done("r1"), prices=some).usage.cost is None
    assert used(Script().session()).usage.cost == 0


def test_recognition_by_time_is_charged_by_the_minute() -> None:
    script = Script().session().speech("u1", None).recognised("u1", "Hi.")
    usage = used(script, prices={"gpt-4o-mini-transcribe": Price(a_minute=0.003)}).usage
    assert usage.cost == pytest.approx(1.8 / 60 * 0.003)


def test_an_ordinary_call_with_its_transcript_has_a_price() -> None:
    script = Script().session().speech("u1", None).recognised("u1", "Hi.").response("r1").response_done("r1")
    assert used(script).usage.cost is None  # this recognizer told seconds, and is priced by tokens
    assert {"gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1"} <= set(OPENAI_PRICES)


def test_models_are_bounded() -> None:
    script = Script().session()
    for number in range(40):
        script.server("session.updated", session={**SESSION, "model": f"model-{number}"})
        script.response(f"r{number}").response_done(f"r{number}")
    usage = used(script).usage
    assert len(usage.by_model) == 17
    assert usage.total.responses == 40
