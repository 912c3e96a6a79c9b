"""The golden traces: calls as they go over the wire. What must come out of them is in `tests/vectors/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conversation.wire_script import SESSION, Script, answer, place, spoken_answer, tool_call, user_item

HELLO = "Hello there, how can I help?"
STORY = "Once upon a time there was a lighthouse at the end of the world."
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def spoken_turn() -> Script:
    """A spoken question on WebRTC, answered aloud: the transcript comes before the answer."""
    script = Script().session().after(500).speech("item_u1", None)
    script.after(150).recognised("item_u1", "What ", "can ", "you ", "do?")
    script.after(60).response("resp_1").after(120).answer_item("resp_1", "item_a1", "item_u1")
    script.audio_part("resp_1", "item_a1").after(30).heard("started", "resp_1")
    script.says("resp_1", "item_a1", "Hello ", "there, ", "how ", "can ", "I ", "help?")
    script.answer_done("resp_1", "item_a1", "item_u1", HELLO)
    script.response_done("resp_1", spoken_answer("item_a1", HELLO))
    return script.after(1900).heard("stopped", "resp_1")


def late_transcript() -> Script:
    """The user's words are recognised after the answer began: they still stand before it."""
    script = Script().session().after(500).speech("item_u1", None)
    script.after(90).response("resp_1").after(100).answer_item("resp_1", "item_a1", "item_u1")
    script.audio_part("resp_1", "item_a1").heard("started", "resp_1")
    script.says("resp_1", "item_a1", "Hello ", "there, ").recognised("item_u1", "Who ", "are you?")
    script.says("resp_1", "item_a1", "how ", "can ", "I ", "help?")
    script.answer_done("resp_1", "item_a1", "item_u1", HELLO)
    script.response_done("resp_1", spoken_answer("item_a1", HELLO))
    return script.after(1500).heard("stopped", "resp_1")


def interrupted_on_webrtc() -> Script:
    """The user interrupts on WebRTC: the server stops, clears what was not played, and truncates by itself."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Tell me a story.")
    script.after(80).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.after(40).heard("started", "resp_1")
    script.says("resp_1", "item_a1", "Once upon ", "a time ", "there was ", "a lighthouse ", "at the end ")
    script.says("resp_1", "item_a1", "of the world.")
    script.after(900)
    script.server("input_audio_buffer.speech_started", audio_start_ms=4200, item_id="item_u2")
    script.answer_done("resp_1", "item_a1", "item_u1", STORY, status="incomplete")
    script.response_done(
        "resp_1",
        spoken_answer("item_a1", STORY, "incomplete"),
        status="cancelled",
        details={"type": "cancelled", "reason": "turn_detected"},
    )
    script.heard("cleared", "resp_1")
    script.server("conversation.item.truncated", item_id="item_a1", content_index=0, audio_end_ms=1200)
    script.after(700).server("input_audio_buffer.speech_stopped", audio_end_ms=4900, item_id="item_u2")
    return script.committed("item_u2", "item_a1").after(200).recognised("item_u2", "Stop, ", "please.")


def interrupted_by_a_server_that_keeps_what_was_heard() -> Script:
    """A server that shortens the words of an interrupted answer itself is believed: that is what was heard."""
    kept = "Once upon a time there was"
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Tell me a story.")
    script.after(80).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1")
    script.says("resp_1", "item_a1", "Once upon ", "a time ", "there was ", "a lighthouse ", "at the end ")
    script.after(900)
    script.server("input_audio_buffer.speech_started", audio_start_ms=4200, item_id="item_u2")
    script.answer_done("resp_1", "item_a1", "item_u1", kept, status="incomplete")
    script.response_done(
        "resp_1",
        spoken_answer("item_a1", kept, "incomplete"),
        status="cancelled",
        details={"type": "cancelled", "reason": "turn_detected"},
    )
    script.heard("cleared", "resp_1")
    script.server("conversation.item.truncated", item_id="item_a1", content_index=0, audio_end_ms=1300)
    return script.server("input_audio_buffer.cleared")


def interrupted_on_websocket() -> Script:
    """The user interrupts on WebSocket: the answer was complete long ago and still played; the client truncates it."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Tell me a story.")
    script.after(80).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.after(50).sound("resp_1", "item_a1", 60).says("resp_1", "item_a1", "Once upon a time there was ")
    script.sound("resp_1", "item_a1", 60).says("resp_1", "item_a1", "a lighthouse at the end of the world.")
    script.played("item_a1", 20)
    script.answer_done("resp_1", "item_a1", "item_u1", STORY)
    script.response_done("resp_1", spoken_answer("item_a1", STORY))
    script.after(20).played("item_a1", 40).after(20).played("item_a1", 60)
    script.server("input_audio_buffer.speech_started", audio_start_ms=4200, item_id="item_u2")
    script.flushed()
    script.client("conversation.item.truncate", item_id="item_a1", content_index=0, audio_end_ms=60).after(30)
    script.server("conversation.item.truncated", item_id="item_a1", content_index=0, audio_end_ms=60)
    script.after(600).server("input_audio_buffer.speech_stopped", audio_end_ms=4800, item_id="item_u2")
    return script.committed("item_u2", "item_a1").after(150).recognised("item_u2", "Enough.")


def played_to_the_end_on_websocket() -> Script:
    """An answer that comes faster than it is played: it is heard until the player has played it all."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Hello?")
    script.after(80).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.sound("resp_1", "item_a1", 60).says("resp_1", "item_a1", "Hi.", every_ms=10)
    script.played("item_a1", 10).answer_done("resp_1", "item_a1", "item_u1", "Hi.")
    script.response_done("resp_1", spoken_answer("item_a1", "Hi."))
    return script.after(20).played("item_a1", 30).after(30).played("item_a1", 60)


def typed_turn() -> Script:
    """A typed question is there at once; its echo does not double it. It is answered aloud."""
    script = Script().session().after(500)
    script.typed("item_u1", None, {"type": "input_text", "text": "Two and two?"})
    script.client("response.create", event_id="ask_1").after(90)
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", "Four.")
    script.answer_done("resp_1", "item_a1", "item_u1", "Four.")
    script.response_done("resp_1", spoken_answer("item_a1", "Four."))
    return script.after(600).heard("stopped", "resp_1")


def photo() -> Script:
    """A picture with a question: the picture that was sent is kept, whatever the echo leaves out."""
    script = Script().session().after(500)
    content = [{"type": "input_image", "image_url": PICTURE}, {"type": "input_text", "text": "What is it?"}]
    item = {"id": "item_u1", "type": "message", "role": "user", "content": content}
    script.client("conversation.item.create", event_id="photo_1", item=item).after(40)
    taken = user_item("item_u1", {"type": "input_text", "text": "What is it?"})
    script.server("conversation.item.added", previous_item_id=None, item=taken)
    script.server("conversation.item.done", previous_item_id=None, item=taken)
    script.client("response.create").after(300)
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", "A small ", "red square.")
    script.answer_done("resp_1", "item_a1", "item_u1", "A small red square.")
    script.response_done("resp_1", spoken_answer("item_a1", "A small red square."))
    return script.after(1200).heard("stopped", "resp_1")


def parallel_tools() -> Script:
    """Two calls in one response, their results in another order, and the answer that needed them."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Oslo or Rome?")
    script.after(80).response("resp_1")
    script.call("resp_1", "item_f1", "call_1", "item_u1", pieces=['{"city"', ':"Oslo"}'])
    script.call("resp_1", "item_f2", "call_2", "item_f1", pieces=['{"city"', ':"Rome"}'], index=1)
    script.response_done(
        "resp_1",
        tool_call("item_f1", "call_1", '{"city":"Oslo"}'),
        tool_call("item_f2", "call_2", '{"city":"Rome"}'),
    )
    script.after(200).output("item_o2", "call_2", "item_f2", '{"degrees":21}')
    script.after(100).output("item_o1", "call_1", "item_o2", '{"degrees":4}')
    script.client("response.create").after(90)
    script.response("resp_2").answer_item("resp_2", "item_a1", "item_o1").audio_part("resp_2", "item_a1")
    script.heard("started", "resp_2").says("resp_2", "item_a1", "Rome ", "is warmer.")
    script.answer_done("resp_2", "item_a1", "item_o1", "Rome is warmer.")
    script.response_done("resp_2", spoken_answer("item_a1", "Rome is warmer."))
    return script.after(900).heard("stopped", "resp_2")


def cancelled_tool_call() -> Script:
    """A call that was cancelled half-way: its arguments are no JSON, so there are none."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Oslo?")
    script.after(80).response("resp_1")
    begun = tool_call("item_f1", "call_1", "", "in_progress")
    where = {"response_id": "resp_1", "item_id": "item_f1", "output_index": 0, "call_id": "call_1"}
    script.server("response.output_item.added", response_id="resp_1", output_index=0, item=begun)
    script.server("conversation.item.added", previous_item_id="item_u1", item=begun)
    script.server("response.function_call_arguments.delta", **where, delta='{"ci')
    script.server("response.function_call_arguments.done", **where, name="get_weather", arguments='{"ci')
    cut = tool_call("item_f1", "call_1", '{"ci', "incomplete")
    script.server("response.output_item.done", response_id="resp_1", output_index=0, item=cut)
    script.server("conversation.item.done", previous_item_id="item_u1", item=cut)
    details = {"type": "cancelled", "reason": "client_cancelled"}
    return script.response_done("resp_1", cut, status="cancelled", details=details)


def failed_response() -> Script:
    """A response that failed before its first word: the chat says so."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Hello?")
    error = {"type": "server_error", "code": "model_error", "message": "The model is away."}
    script.after(80).response("resp_1").after(400)
    return script.response_done("resp_1", status="failed", details={"type": "failed", "error": error}, usage=None)


def incomplete_response() -> Script:
    """A response that reached its token limit: its words stay, and the reason is told."""
    script = Script().session(output_modalities=["text"]).after(500)
    script.typed("item_u1", None, {"type": "input_text", "text": "Count."}).client("response.create").after(60)
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").text_part("resp_1", "item_a1")
    script.writes("resp_1", "item_a1", "One, ", "two, ")
    item = answer("item_a1", "incomplete", {"type": "output_text", "text": "One, two, "})
    where = place("resp_1", "item_a1")
    script.server("response.output_text.done", **where, text="One, two, ")
    script.server("response.content_part.done", **where, part={"type": "text", "text": "One, two, "})
    script.server("response.output_item.done", response_id="resp_1", output_index=0, item=item)
    script.server("conversation.item.done", previous_item_id="item_u1", item=item)
    details = {"type": "incomplete", "reason": "max_output_tokens"}
    return script.response_done("resp_1", item, status="incomplete", details=details)


def cancelled_before_its_first_word() -> Script:
    """The user goes on speaking before the answer has a word: nothing of it is shown, its place is kept."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "I would like")
    script.after(60).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.after(30).server("input_audio_buffer.speech_started", audio_start_ms=2600, item_id="item_u2")
    script.answer_done("resp_1", "item_a1", "item_u1", "", status="incomplete")
    script.response_done(
        "resp_1",
        spoken_answer("item_a1", "", "incomplete"),
        status="cancelled",
        details={"type": "cancelled", "reason": "turn_detected"},
    )
    script.after(900).server("input_audio_buffer.speech_stopped", audio_end_ms=3500, item_id="item_u2")
    return script.committed("item_u2", "item_a1").after(120).recognised("item_u2", "a story.")


def out_of_order_items() -> Script:
    """Items arrive before the ones they stand after, and one is put between two others."""
    script = Script().session().after(100)
    text = {"type": "input_text", "text": ""}
    for item_id, previous, words in [
        ("item_3", "item_2", "three"),
        ("item_5", "item_3", "five"),
        ("item_1", None, "one"),
        ("item_2", "item_1", "two"),
        ("item_4", "item_3", "four"),
    ]:
        item = user_item(item_id, {**text, "text": words})
        script.after(10).server("conversation.item.added", previous_item_id=previous, item=item)
        script.server("conversation.item.done", previous_item_id=previous, item=item)
    return script


def transcription_failed() -> Script:
    """Speech that could not be recognised: the message says why; the answer comes all the same."""
    script = Script().session().after(500).speech("item_u1", None)
    error = {"type": "server_error", "code": "transcription_failed", "message": "The recognizer is away."}
    script.after(100).server(
        "conversation.item.input_audio_transcription.failed", item_id="item_u1", content_index=0, error=error
    )
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", "Pardon?")
    script.answer_done("resp_1", "item_a1", "item_u1", "Pardon?")
    script.response_done("resp_1", spoken_answer("item_a1", "Pardon?"))
    return script.after(700).heard("stopped", "resp_1")


def deleted_item() -> Script:
    """An item is deleted, and instructions stand among the messages: neither is shown, the order holds."""
    script = Script().session().after(100)
    system = {"id": "item_s1", "type": "message", "role": "system", "status": "completed"}
    system["content"] = [{"type": "input_text", "text": "Be brief."}]  # type: ignore[assignment]
    script.server("conversation.item.added", previous_item_id=None, item=system)
    script.server("conversation.item.done", previous_item_id=None, item=system)
    script.after(10).typed("item_u1", "item_s1", {"type": "input_text", "text": "Forget this."})
    script.after(10).typed("item_u2", "item_u1", {"type": "input_text", "text": "Keep this."}, event_id="typed_2")
    script.client("conversation.item.delete", item_id="item_u1").after(20)
    return script.server("conversation.item.deleted", item_id="item_u1")


def poor_server() -> Script:
    """A server that says neither `added` nor `done`, names no predecessors, and leaves out what others always send."""
    script = Script().session().after(500)
    script.server("input_audio_buffer.speech_started", item_id="item_u1").after(900)
    script.server("input_audio_buffer.speech_stopped", item_id="item_u1").after(100)
    script.server("conversation.item.input_audio_transcription.completed", item_id="item_u1", transcript="Hello?")
    script.after(50).response("resp_1").after(50)
    for word in ("Hi ", "there."):
        script.server(
            "response.output_audio_transcript.delta", response_id="resp_1", item_id="item_a1", delta=word
        ).after(30)
    return script.server("response.done", response={"id": "resp_1", "status": "completed"})


def older_names() -> Script:
    """A server that still uses the beta's names."""
    script = Script().server("session.created", session=SESSION).after(500)
    spoken = user_item("item_u1", {"type": "input_audio", "transcript": None})
    begun = answer("item_a1", "in_progress")
    done = answer("item_a1", "completed", {"type": "audio", "transcript": "Hello."})
    where = place("resp_1", "item_a1")
    script.server("input_audio_buffer.committed", previous_item_id=None, item_id="item_u1")
    script.server("conversation.item.created", previous_item_id=None, item=spoken).after(60)
    script.response("resp_1")
    script.server("response.output_item.added", response_id="resp_1", output_index=0, item=begun)
    script.server("conversation.item.created", previous_item_id="item_u1", item=begun)
    for word in ("Hel", "lo."):
        script.server("response.audio_transcript.delta", **where, delta=word).after(30)
    script.server("response.audio_transcript.done", **where, transcript="Hello.")
    script.server("response.output_item.done", response_id="resp_1", output_index=0, item=done)
    return script.server("response.done", response={"id": "resp_1", "status": "completed", "output": [done]})


def errors() -> Script:
    """Errors: part of taking turns, about a setting, about a message that was refused, and about nothing we sent."""
    script = Script().session().after(100)
    script.client("response.cancel", event_id="cancel_1").after(20)
    script.server(
        "error",
        error={
            "type": "invalid_request_error",
            "code": "response_cancel_not_active",
            "message": "Cancellation failed: no active response found.",
            "event_id": "cancel_1",
        },
    )
    script.client("session.update", event_id="update_1", session={"type": "realtime", "instructions": "x"}).after(20)
    script.server(
        "error",
        error={
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.voice'.",
            "param": "session.voice",
            "event_id": "update_1",
        },
    )
    item = {"id": "item_u1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}
    script.client("conversation.item.create", event_id="typed_1", item=item).after(20)
    script.server(
        "error",
        error={
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "The message was refused.",
            "event_id": "typed_1",
        },
    )
    return script.after(20).server("error", error={"type": "server_error", "message": "Something broke."})


def text_in_several_parts() -> Script:
    """An answer in text alone, in two content parts; a straggler after the final words is dropped."""
    script = Script().session(output_modalities=["text"]).after(100)
    script.typed("item_u1", None, {"type": "input_text", "text": "Two lines."}).client("response.create").after(60)
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").text_part("resp_1", "item_a1")
    script.writes("resp_1", "item_a1", "First ", "line.")
    script.server("response.output_text.done", **place("resp_1", "item_a1"), text="First line.")
    script.text_part("resp_1", "item_a1", 1).writes("resp_1", "item_a1", "Second ", "line.", content_index=1)
    script.server("response.output_text.done", **place("resp_1", "item_a1", 1), text="Second line.")
    script.writes("resp_1", "item_a1", "straggler", content_index=1)
    item = answer(
        "item_a1",
        "completed",
        {"type": "output_text", "text": "First line."},
        {"type": "output_text", "text": "Second line."},
    )
    script.server("response.output_item.done", response_id="resp_1", output_index=0, item=item)
    script.server("conversation.item.done", previous_item_id="item_u1", item=item)
    return script.response_done("resp_1", item)


def reconnected() -> Script:
    """The connection goes in the middle of an answer. The new session is told what was said, and nothing doubles."""
    script = Script().session().after(500)
    script.typed("item_u1", None, {"type": "input_text", "text": "Tell me a story."})
    script.client("response.create").after(60)
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", "Once ", "upon ").after(200).disconnected()
    script.after(1500).session(id="sess_2")
    # What the new session is given: its own echo stands nowhere new.
    script.typed("item_u1", None, {"type": "input_text", "text": "Tell me a story."}, event_id="again_1")
    script.after(100).speech("item_u2", "item_u1", start_ms=100, length_ms=900)
    script.after(100).recognised("item_u2", "Are you there?")
    script.response("resp_2").answer_item("resp_2", "item_a2", "item_u2").audio_part("resp_2", "item_a2")
    script.heard("started", "resp_2").says("resp_2", "item_a2", "Yes.")
    script.answer_done("resp_2", "item_a2", "item_u2", "Yes.")
    script.response_done("resp_2", spoken_answer("item_a2", "Yes."))
    return script.after(500).heard("stopped", "resp_2")


def second_session_from_nothing() -> Script:
    """A new session that is told nothing of the old one: its first item stands after what was said before."""
    script = Script().session().after(500).speech("item_u1", None).after(50).recognised("item_u1", "First.")
    script.after(400).disconnected().after(1000).session(id="sess_2").after(300)
    script.speech("item_u2", None).after(50)
    return script.recognised("item_u2", "Second.")


def words_while_speaking() -> Script:
    """A server that recognises while the user still speaks: the words stand in a message that is still being heard."""
    script = Script().session().after(500)
    script.server("input_audio_buffer.speech_started", audio_start_ms=200, item_id="item_u1").after(600)
    for word in ("What ", "can "):
        script.server(
            "conversation.item.input_audio_transcription.delta", item_id="item_u1", content_index=0, delta=word
        ).after(400)
    script.server("input_audio_buffer.speech_stopped", audio_end_ms=1700, item_id="item_u1").after(5)
    script.committed("item_u1", None).after(20).recognised("item_u1", "you ", "do?")
    script.lines[-1]["event"]["transcript"] = "What can you do?"
    return script


def false_start() -> Script:
    """Something was taken for speech and thrown away; then something is said, and a cough is recognised as nothing."""
    script = Script().session().after(200)
    script.server("input_audio_buffer.speech_started", audio_start_ms=100, item_id="item_u1").after(80)
    script.server("input_audio_buffer.cleared").after(500)
    script.speech("item_u2", None).after(80).recognised("item_u2", "Hello.")
    return script.after(500).speech("item_u3", "item_u2", start_ms=3000, length_ms=300).after(80).recognised("item_u3")


def answer_beside_the_conversation() -> Script:
    """A response with `conversation: "none"`, while another is heard: it is told, and is not in the chat."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Hello?")
    script.response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", "Hi.")
    script.response("resp_x", None)
    aside = answer("item_x", "in_progress")
    done = answer("item_x", "completed", {"type": "output_text", "text": "greeting"})
    script.server("response.output_item.added", response_id="resp_x", output_index=0, item=aside)
    script.writes("resp_x", "item_x", "greeting")
    script.server("response.output_text.done", **place("resp_x", "item_x"), text="greeting")
    script.server("response.output_item.done", response_id="resp_x", output_index=0, item=done)
    script.response_done("resp_x", done, conversation_id=None)
    script.answer_done("resp_1", "item_a1", "item_u1", "Hi.")
    script.response_done("resp_1", spoken_answer("item_a1", "Hi."))
    return script.after(500).heard("stopped", "resp_1")


def every_item_is_the_first() -> Script:
    """A server that says "no predecessor" of every item: the first one is believed, the others stand as they came."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "One?")
    script.response("resp_1").answer_item("resp_1", "item_a1", None).audio_part("resp_1", "item_a1")
    script.says("resp_1", "item_a1", "One.").answer_done("resp_1", "item_a1", None, "One.")
    script.response_done("resp_1", spoken_answer("item_a1", "One."))
    return script.after(300).speech("item_u2", None).recognised("item_u2", "Two?")


def message_at_the_root() -> Script:
    """We put a message before all others: two items of a session are the first, and the later one stands before."""
    script = Script().session().after(100).typed("item_u1", None, {"type": "input_text", "text": "Second."})
    item = {"id": "item_u2", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "First."}]}
    script.client("conversation.item.create", previous_item_id="root", item=item).after(20)
    taken = user_item("item_u2", {"type": "input_text", "text": "First."})
    script.server("conversation.item.added", previous_item_id=None, item=taken)
    return script.server("conversation.item.done", previous_item_id=None, item=taken)


def sent_without_an_id() -> Script:
    """A message that we sent without an id, and a result without one, are there when the server has them."""
    script = Script().session().after(100)
    text = {"type": "input_text", "text": "Oslo?"}
    item = {"type": "message", "role": "user", "content": [text]}
    script.client("conversation.item.create", item=item).after(20)
    script.server("conversation.item.added", previous_item_id=None, item=user_item("item_u1", text))
    script.client("response.create").after(50).response("resp_1")
    script.call("resp_1", "item_f1", "call_1", "item_u1", pieces=["{}"])
    script.response_done("resp_1", tool_call("item_f1", "call_1", "{}")).after(100)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "4"}
    script.client("conversation.item.create", item=output).after(20)
    return script.server("conversation.item.added", previous_item_id="item_f1", item={"id": "item_o1", **output})


def interrupted_while_it_was_played() -> Script:
    """An answer that was complete is interrupted while it is still played; the server is asked what it kept of it."""
    script = Script().session().after(500).speech("item_u1", None).recognised("item_u1", "Tell me a story.")
    script.after(80).response("resp_1").answer_item("resp_1", "item_a1", "item_u1").audio_part("resp_1", "item_a1")
    script.heard("started", "resp_1").says("resp_1", "item_a1", STORY)
    script.answer_done("resp_1", "item_a1", "item_u1", STORY)
    script.response_done("resp_1", spoken_answer("item_a1", STORY)).after(2000)
    script.server("input_audio_buffer.speech_started", audio_start_ms=6000, item_id="item_u2")
    script.heard("cleared", "resp_1")
    script.server("conversation.item.truncated", item_id="item_a1", content_index=0, audio_end_ms=2100)
    script.client("conversation.item.retrieve", item_id="item_a1").after(20)
    return script.server(
        "conversation.item.retrieved", item=spoken_answer("item_a1", "Once upon a time there was", "incomplete")
    )


def mcp_call() -> Script:
    """A tool of an MCP server: it is listed, asked for, called, and gives its output with the same item."""
    script = Script().session().after(100)
    listed = {"id": "item_l1", "type": "mcp_list_tools", "server_label": "docs", "tools": []}
    script.server("conversation.item.added", previous_item_id=None, item=listed)
    script.typed("item_u1", "item_l1", {"type": "input_text", "text": "Look it up."})
    script.client("response.create").after(60).response("resp_1")
    call = {"id": "item_m1", "type": "mcp_call", "server_label": "docs", "name": "search", "arguments": ""}
    where = {"response_id": "resp_1", "item_id": "item_m1", "output_index": 0}
    script.server("response.output_item.added", response_id="resp_1", output_index=0, item=call)
    script.server("conversation.item.added", previous_item_id="item_u1", item=call)
    script.server("response.mcp_call_arguments.delta", **where, delta='{"q":"x"}').after(20)
    script.server("response.mcp_call_arguments.done", **where, arguments='{"q":"x"}')
    script.server("response.mcp_call.in_progress", output_index=0, item_id="item_m1").after(400)
    done = {**call, "arguments": '{"q":"x"}', "output": "Found."}
    script.server("response.mcp_call.completed", output_index=0, item_id="item_m1")
    script.server("response.output_item.done", response_id="resp_1", output_index=0, item=done)
    script.server("conversation.item.done", previous_item_id="item_u1", item=done)
    return script.response_done("resp_1", done)


TRACES: dict[str, tuple[Callable[[], Script], dict[str, Any]]] = {
    maker.__name__: (maker, {})
    for maker in (
        spoken_turn,
        late_transcript,
        interrupted_on_webrtc,
        interrupted_by_a_server_that_keeps_what_was_heard,
        interrupted_on_websocket,
        played_to_the_end_on_websocket,
        typed_turn,
        photo,
        parallel_tools,
        cancelled_tool_call,
        failed_response,
        incomplete_response,
        cancelled_before_its_first_word,
        out_of_order_items,
        transcription_failed,
        deleted_item,
        poor_server,
        older_names,
        errors,
        text_in_several_parts,
        reconnected,
        second_session_from_nothing,
        words_while_speaking,
        false_start,
        answer_beside_the_conversation,
        every_item_is_the_first,
        message_at_the_root,
        sent_without_an_id,
        interrupted_while_it_was_played,
        mcp_call,
    )
}
"""By name: how the trace is made, and the chat's settings that differ from the default."""

TRACES["placeholders"] = (
    spoken_turn,
    {"user_placeholder_on_start": True, "assistant_placeholder_on_start": True},
)
TRACES["only_final_words"] = (spoken_turn, {"user_add_on_delta": False, "assistant_add_on_delta": False})
