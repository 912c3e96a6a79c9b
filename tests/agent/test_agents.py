"""Agents as data: what they set of a session, what they leave open, and what they refuse to be."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.agent import Agent, CallContext, first_response, tool, words_to_say
from antiphon.agent.agent import taken_over
from antiphon.errors import ConfigurationError
from antiphon.protocol import (
    AudioConfig,
    AudioInput,
    AudioOutput,
    InputTranscription,
    PcmuFormat,
    RealtimeSession,
    Reasoning,
    SemanticVad,
    SessionUpdate,
    decode_client_event,
    encode,
)


def look_up(word: str) -> str:
    """Look a word up."""
    return word


def test_an_agent_that_says_nothing_sets_nothing() -> None:
    assert Agent().session() == RealtimeSession()
    assert Agent().fields_set == frozenset()


def test_everything_that_an_agent_says_becomes_a_valid_session() -> None:
    agent = Agent(
        instructions="Be kind.",
        tools=[look_up],
        model="gpt-realtime-2.1",
        voice="marin",
        speed=1.25,
        modalities=["audio"],
        turn_detection=SemanticVad(eagerness="low"),
        transcription="whisper-1",
        noise_reduction=None,
        input_format=PcmuFormat(),
        output_format=PcmuFormat(),
        max_output_tokens=400,
        tool_choice="auto",
        parallel_tool_calls=True,
        reasoning=Reasoning(effort="low"),
        truncation="auto",
        tracing="auto",
    )
    session = agent.session()

    assert session.audio == AudioConfig(
        input=AudioInput(
            format=PcmuFormat(),
            transcription=InputTranscription(model="whisper-1"),
            noise_reduction=None,
            turn_detection=SemanticVad(eagerness="low"),
        ),
        output=AudioOutput(format=PcmuFormat(), voice="marin", speed=1.25),
    )
    update = SessionUpdate(session=session)
    assert decode_client_event(encode(update)) == update
    assert {"instructions", "tools", "voice", "noise_reduction", "reasoning"} <= agent.fields_set
    assert "include" not in agent.fields_set


def test_instructions_may_depend_on_the_call() -> None:
    agent = Agent(instructions=lambda call: f"You talk to {call.user}.")

    assert agent.session(CallContext(user="Ada")).instructions == "You talk to Ada."
    assert agent.fields_set == frozenset({"instructions"})


def test_handoffs_are_tools_that_name_the_agent() -> None:
    billing = Agent(name="Billing Desk", handoff_description="Invoices and refunds.", instructions="Bill.")
    front = Agent(tools=[look_up], handoffs=[billing, lambda: back])
    back = Agent(name="Back Office", tools=[look_up], handoffs=[front])

    definitions = {known.name: known for known in front.tool_definitions()}
    assert list(definitions) == ["look_up", "transfer_to_billing_desk", "transfer_to_back_office"]
    words = "Hand the conversation over to Billing Desk. Invoices and refunds."
    assert definitions["transfer_to_billing_desk"].description == words
    assert front.transfers()["transfer_to_back_office"] is back


def test_whoever_takes_over_leaves_nothing_of_the_agent_before() -> None:
    assert taken_over(Agent(name="quiet"), CallContext()) == RealtimeSession(
        instructions="", tools=[], tool_choice="auto"
    )


def test_a_greeting_asks_for_just_these_words() -> None:
    params = first_response(Agent(greeting='Hello, this is "Ada".'), CallContext())

    assert params == words_to_say("Hello, this is 'Ada'.")
    assert params.instructions == "Say exactly: “Hello, this is 'Ada'.” and nothing else."


def test_how_to_begin_does_not_replace_the_instructions() -> None:
    agent = Agent(instructions="Be kind.", greeting_instructions="Ask for the name.")

    params = first_response(agent, CallContext())

    assert params is not None
    assert params.instructions == "Be kind.\n\nAsk for the name."
    assert first_response(Agent(instructions="Be kind."), CallContext()) is None


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"client_may": {"vioce"}}, "there is no 'vioce'. Allowed are: model, "),
        ({"greeting": "a", "greeting_instructions": "b"}, "exclude each other"),
        ({"speed": 3}, "0.25 to 1.5"),
        ({"modalities": ["audio", "text"]}, "allowed are"),
        ({"tracing": "on"}, "allowed are 'auto'"),
        ({"tools": [look_up, tool(look_up)]}, "two tools named 'look_up'"),
        ({"handoffs": [Agent(name="a"), Agent(name="A")]}, "two tools named 'transfer_to_a'"),
    ],
)
def test_what_an_agent_cannot_be_is_said_when_it_is_made(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Agent(**wrong)


def test_an_agent_named_in_signs_still_has_a_tool_name() -> None:
    assert list(Agent(handoffs=[Agent(name="¿?")]).transfers()) == ["transfer_to_agent"]
    assert len(next(iter(Agent(handoffs=[Agent(name="x" * 200)]).transfers()))) == 64
