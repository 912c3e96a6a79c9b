"""A chat written down."""

from __future__ import annotations

import json

from antiphon.conversation import Conversation, UIMessage, from_json
from conversation.replaying import replay
from conversation.traces import interrupted_by_a_server_that_keeps_what_was_heard, parallel_tools, photo
from conversation.wire_script import Script


def conversation(script: Script) -> Conversation:
    made = Conversation()
    replay(made, script.lines)
    return made


def test_json_is_read_back_as_it_was() -> None:
    made = conversation(parallel_tools())
    made.chat.add(UIMessage(kind="card", payload={"city": "Oslo", "when": [1, 2]}))
    text = made.chat.to_json()
    assert tuple(from_json(text)) == made.chat.messages
    assert [message["role"] for message in json.loads(text)] == ["user", "tool", "tool", "assistant", "assistant"]
    assert json.loads(made.chat.to_json(indent=None)) == json.loads(text)


def test_a_payload_that_json_cannot_hold_is_written_as_text() -> None:
    made = Conversation()
    made.chat.add(UIMessage(kind="card", payload={"what": object}))
    assert json.loads(made.chat.to_json())[0]["payload"] == {"what": "<class 'object'>"}


def test_markdown_strikes_what_was_not_heard() -> None:
    text = conversation(interrupted_by_a_server_that_keeps_what_was_heard()).chat.to_markdown(title="A call")
    assert text == (
        "# A call\n\n"
        "**User** (1970-01-01 00:00:01)\n\nTell me a story.\n\n"
        "**Assistant** (1970-01-01 00:00:03, interrupted)\n\n"
        "Once upon a time there was ~~a lighthouse at the end~~\n"
    )


def test_markdown_shows_tools_and_their_results() -> None:
    text = conversation(parallel_tools()).chat.to_markdown(times=False)
    assert '**Tool**\n\n`get_weather({"city":"Oslo"})`\n\n`{"degrees":4}`' in text


def test_markdown_holds_pictures_by_their_address_unless_they_are_data() -> None:
    made = conversation(photo())
    assert "![picture](data:image/png;base64,iVBORw0KGgo=)" in made.chat.to_markdown()
    script = Script().typed("u1", None, {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 500})
    assert "*(a picture)*" in conversation(script).chat.to_markdown()


def test_markdown_shows_own_messages_and_what_went_wrong() -> None:
    error = {"type": "server_error", "message": "The recognizer is away."}
    script = Script().session().speech("u1", None)
    script.server("conversation.item.input_audio_transcription.failed", item_id="u1", content_index=0, error=error)
    made = conversation(script)
    made.chat.add([UIMessage(kind="card", payload={"a": 1}), UIMessage(text="By the way.", role="system")])
    text = made.chat.to_markdown(times=False)
    assert "**User** (failed)\n\n> The recognizer is away." in text
    assert '**Assistant**\n\n*card*: {"a": 1}' in text
    assert "**System**\n\nBy the way." in text


def test_an_empty_chat_is_an_empty_text() -> None:
    assert Conversation().chat.to_markdown() == ""
    assert json.loads(Conversation().chat.to_json()) == []
