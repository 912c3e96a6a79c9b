"""Responses: made, filled with what the model and the voice produce, ended once, heard or not. Pure.

The part of a session that speaks. `listening.py` is the part that hears; `session.py` joins them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import UNSET

from antiphon.audio import open_encoder
from antiphon.engine.core import Core
from antiphon.engine.effects import EndAudio, FlushAudio, Generate, PlayAudio, StopGenerating
from antiphon.engine.history import Entry, entry_of
from antiphon.engine.output_items import (
    begin_call,
    begin_message,
    close_call,
    close_message,
    continue_call,
    continue_message,
)
from antiphon.engine.playout import SAMPLES_PER_MS, OutputAudioBuffer, Playout
from antiphon.engine.responses import (
    OutputItem,
    ResponseRun,
    cancelled,
    failed,
    incomplete,
    plan_response,
)
from antiphon.engine.stages import ModelDone, ToolCallDelta, WordMark
from antiphon.engine.states import ItemTrigger, PlayoutState, PlayoutTrigger, ResponseState, ResponseTrigger
from antiphon.engine.truncation import cut
from antiphon.protocol import (
    ConversationItemTruncated,
    InputAudio,
    ItemReference,
    Message,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ResponseCancel,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseParams,
    StatusDetails,
    invalid_request,
)

Cause = Literal["client", "voice", "idle"]


class Responding:
    """The responses of one session. Only the session calls it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._runs: dict[str, ResponseRun] = {}
        self._default: ResponseRun | None = None
        self._output = OutputAudioBuffer()
        self._waiting_turn = False
        self.spoke = False
        self._quiet_since: float | None = None

    # ── what others may ask ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def active(self) -> bool:
        """Whether a response is writing to the conversation."""
        return self._default is not None

    @property
    def running(self) -> int:
        return len(self._runs)

    @property
    def pending_audio_ms(self) -> float:
        return self._output.pending_ms

    def quiet_since(self) -> float | None:
        """When the last answer had been spoken to its end; None while there is one, or before the first."""
        return None if self._default is not None or self._output else self._quiet_since

    def needs(self) -> frozenset[str]:
        """The items that running responses write, or still have to read."""
        needed = {output.entry.id for run in self._runs.values() for output in run.output}
        for run in self._runs.values():
            if run.machine.state is ResponseState.WAITING:
                needed.update(entry.id for entry in run.context)
        return frozenset(needed)

    # ── making one ────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, params: ResponseParams | None, cause: Cause, now: float) -> None:
        """Make a response. Raises InvalidEvent when it cannot be made, and then nothing has changed."""
        plan = plan_response(self._core.realtime, params)
        if plan.in_conversation and self._default is not None:
            if cause == "voice":
                # The turn is answered when the response that was not to be interrupted has ended.
                self._waiting_turn = True
                return
            raise invalid_request(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._default.id}. "
                "Wait until the response is finished before creating a new one.",
            )
        if len(self._runs) >= self._core.settings.max_parallel_responses:
            raise invalid_request("rate_limit_exceeded", f"At most {len(self._runs)} responses can run at once.")
        run = ResponseRun(
            self._core.new_id("resp"),
            plan,
            self._context(params),
            self._core.conversation_id,
            answers_voice=cause == "voice",
        )
        self._runs[run.id] = run
        if plan.in_conversation:
            self._default = run
        self._core.send(ResponseCreated(response=run.wire()))
        if not run.awaits_input:
            self._begin(run, now)

    def _context(self, params: ResponseParams | None) -> tuple[Entry, ...]:
        history = self._core.history
        if params is None or params.input is UNSET:
            return tuple(history)
        context = []
        for position, item in enumerate(params.input):
            if isinstance(item, ItemReference):
                found = history.get(item.id)
                if found is None:
                    raise invalid_request(
                        "invalid_value", f"Item with id '{item.id}' does not exist.", f"response.input[{position}].id"
                    )
                context.append(found)
                continue
            if isinstance(item, Message) and any(isinstance(part, InputAudio) for part in item.content):
                raise invalid_request(
                    "invalid_value",
                    "Audio in a response's own input is not taken: make it an item and reference that.",
                    f"response.input[{position}]",
                )
            context.append(entry_of(item))
        return tuple(context)

    def input_ready(self, now: float) -> None:
        """A transcript has come or will not come: begin what waited for it."""
        for run in list(self._runs.values()):
            if run.machine.state is ResponseState.WAITING and not run.awaits_input:
                self._begin(run, now)

    def _begin(self, run: ResponseRun, now: float) -> None:
        if run.answers_voice and _nothing_said(run.context):
            run.machine.fire(ResponseTrigger.NOTHING_SAID)
            self._end(run, now)
            return
        run.machine.fire(ResponseTrigger.INPUT_READY)
        request = run.plan.request(run.context, self._core.settings.context_items)
        run.context = ()
        self._core.put(Generate(run.id, request, run.plan.voice, run.plan.speed))
        self._core.keep_bounds(self.needs())

    # ── what the model and the voice produce ──────────────────────────────────────────────────────────────────────

    def text(self, response_id: str, delta: str) -> None:
        run = self._runs.get(response_id)
        if run is None or not delta:
            return
        if run.message is None:
            run.message = begin_message(self._core, run)
        continue_message(self._core, run, run.message, delta)

    def speech(self, response_id: str, pcm: bytes, marks: Sequence[WordMark], now: float) -> None:
        """Audio of the message. marks: absolute, in its text and its audio. Ignored after the response's end."""
        run = self._runs.get(response_id)
        if run is None or not pcm:
            return
        if run.message is None:
            run.message = begin_message(self._core, run)
        entry = run.message.entry
        assert entry.spoken is not None
        entry.spoken.add_speech(len(pcm) // 2, marks)
        if entry.cut_at_ms is None:
            entry.audio += pcm
        self.spoke = True
        if self._core.media:
            self._play(run, entry, pcm)
            return
        # A WebSocket takes audio faster than it is heard: when it will have been heard is what idling counts from.
        self._quiet_since = max(self._quiet_since or now, now) + len(pcm) / 2 / SAMPLES_PER_MS / 1000
        if run.encoder is None:
            run.encoder = open_encoder(run.plan.audio_format.type)
        self._audio_delta(run, run.message, run.encoder.encode(pcm))

    def _audio_delta(self, run: ResponseRun, message: OutputItem, data: bytes) -> None:
        if data:
            self._core.send(
                ResponseOutputAudioDelta(
                    response_id=run.id,
                    item_id=message.entry.id,
                    output_index=message.index,
                    content_index=0,
                    delta=data,
                )
            )

    def tool_call(self, response_id: str, delta: ToolCallDelta) -> None:
        run = self._runs.get(response_id)
        if run is None:
            return
        call = run.calls.get(delta.index)
        if call is None:
            for earlier in run.calls.values():
                if not earlier.closed:
                    close_call(self._core, run, earlier, ItemTrigger.FINISH)
            call = run.calls[delta.index] = begin_call(self._core, run, delta.name or "")
        if not call.closed:
            continue_call(self._core, run, call, delta.arguments)

    def done(self, response_id: str, outcome: ModelDone, now: float) -> None:
        run = self._runs.get(response_id)
        if run is None:
            return
        run.usage = outcome
        if outcome.finish == "stop":
            run.machine.fire(ResponseTrigger.MODEL_DONE)
        else:
            run.machine.fire(ResponseTrigger.LIMIT_REACHED)
            run.details = incomplete("max_output_tokens" if outcome.finish == "length" else "content_filter")
        self._end(run, now)

    def model_failed(self, response_id: str, message: str, now: float) -> None:
        run = self._runs.get(response_id)
        if run is None:
            return
        run.machine.fire(ResponseTrigger.MODEL_FAILED)
        run.details = failed(message)
        self._end(run, now)

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────────────

    def cancel(self, event: ResponseCancel, now: float) -> None:
        """The client's `response.cancel`. Raises InvalidEvent when there is nothing to cancel."""
        run = self._default if event.response_id in (UNSET, None) else self._runs.get(str(event.response_id))
        if run is None:
            raise invalid_request("response_cancel_not_active", "Cancellation failed: no active response found")
        self._cancel(run, cancelled("client_cancelled"), now)

    def interrupt(self, now: float) -> None:
        """The caller speaks over the answer: stop it, and keep of it what was heard."""
        dropped = self._flush()
        if self._default is not None:
            self._cancel(self._default, cancelled("turn_detected"), now)
        self._tell_flushed(dropped, now)

    def clear_output(self, now: float) -> None:
        """The client's `output_audio_buffer.clear`."""
        if not self._core.media:
            raise invalid_request(
                "invalid_value",
                "output_audio_buffer.clear is for WebRTC calls: on a WebSocket the client plays the audio.",
            )
        dropped = self._flush()
        if not dropped and self._output.last_response_id is not None:
            # Nothing is heard any more: the client is told so, as it asked.
            self._core.send(OutputAudioBufferCleared(response_id=self._output.last_response_id))
        self._tell_flushed(dropped, now)

    def close(self, now: float) -> None:
        """The session ends: every response that was begun ends too."""
        self._waiting_turn = False
        dropped = self._flush()
        for run in list(self._runs.values()):
            self._cancel(run, cancelled("client_cancelled"), now)
        self._tell_flushed(dropped, now)

    def _cancel(self, run: ResponseRun, details: StatusDetails, now: float) -> None:
        generating = run.machine.state is ResponseState.GENERATING
        run.machine.fire(ResponseTrigger.CANCEL)
        run.details = details
        if generating:
            self._core.put(StopGenerating(run.id))
        self._end(run, now)

    def _end(self, run: ResponseRun, now: float) -> None:
        """Close what the response has open, and say that it is done. Nothing of it follows."""
        whole = run.machine.state is ResponseState.COMPLETED
        trigger = ItemTrigger.FINISH if whole else ItemTrigger.CUT
        if run.message is not None and run.encoder is not None:
            self._audio_delta(run, run.message, run.encoder.flush())
        for output in run.output:
            if output.closed:
                continue
            if output is run.message:
                close_message(self._core, run, output, trigger)
            else:
                close_call(self._core, run, output, trigger)
        del self._runs[run.id]
        if run is self._default:
            self._default = None
        self._core.send(ResponseDone(response=run.wire()))
        if self._core.media:
            self._quiet_since = now
            self._core.put(EndAudio())
            self._settle_playout()
        else:
            self._quiet_since = max(self._quiet_since or now, now)
        self._core.keep_bounds(self.needs())
        if self._waiting_turn and self._default is None:
            self._waiting_turn = False
            self.create(None, "voice", now)

    # ── the output audio buffer ───────────────────────────────────────────────────────────────────────────────────

    def _play(self, run: ResponseRun, entry: Entry, pcm: bytes) -> None:
        playout = self._output.add(run.id, entry.id, len(pcm) // 2)
        self._core.put(PlayAudio(pcm))
        if playout is self._output.head and playout.machine.state is PlayoutState.QUEUED:
            self._start_playout(playout)

    def _start_playout(self, playout: Playout) -> None:
        playout.machine.fire(PlayoutTrigger.AUDIO)
        self._core.send(OutputAudioBufferStarted(response_id=playout.response_id))

    def played(self, samples: int, now: float) -> None:
        """samples: how many have left for the caller since the last flush, in all."""
        if not self._output:
            return
        self._output.progress(samples)
        self._settle_playout()
        if not self._output:
            self._quiet_since = now

    def _settle_playout(self) -> None:
        """Move on from playouts whose response has ended and whose audio has been heard."""
        while (head := self._output.head) is not None:
            if head.machine.state is PlayoutState.QUEUED:
                self._start_playout(head)
            if head.machine.state is PlayoutState.PLAYING and head.response_id not in self._runs:
                head.machine.fire(PlayoutTrigger.RESPONSE_ENDED)
            if head.machine.state is not PlayoutState.DRAINING or head.played < head.queued:
                return
            head.machine.fire(PlayoutTrigger.DRAINED)
            self._output.pop()
            self._core.send(OutputAudioBufferStopped(response_id=head.response_id))

    def _flush(self) -> list[tuple[Playout, list[tuple[Entry, int]]]]:
        """Drop what was not heard and cut the items to what was. Returns what was cut, to be told after the dones."""
        dropped = self._output.flush()
        if not dropped:
            return []
        self._core.put(FlushAudio())
        result = []
        for playout in dropped:
            playout.machine.fire(PlayoutTrigger.CLEAR)
            cuts = []
            for item_id, heard_ms in playout.heard_ms():
                entry = self._entry(playout.response_id, item_id)
                if entry is not None and entry.spoken is not None and cut(entry, heard_ms):
                    cuts.append((entry, heard_ms))
            result.append((playout, cuts))
        return result

    def _entry(self, response_id: str, item_id: str) -> Entry | None:
        run = self._runs.get(response_id)
        if run is not None and not run.plan.in_conversation:
            return next((output.entry for output in run.output if output.entry.id == item_id), None)
        return self._core.history.get(item_id)

    def _tell_flushed(self, dropped: Iterable[tuple[Playout, list[tuple[Entry, int]]]], now: float) -> None:
        for playout, cuts in dropped:
            self._core.send(OutputAudioBufferCleared(response_id=playout.response_id))
            for entry, heard_ms in cuts:
                if entry.id in self._core.history:
                    self._core.send(ConversationItemTruncated(item_id=entry.id, content_index=0, audio_end_ms=heard_ms))
            self._quiet_since = now


def _nothing_said(context: tuple[Entry, ...]) -> bool:
    """Whether the turn that is to be answered came by voice and no word of it was recognised."""
    if not context or context[-1].transcription is None:
        return False
    item = context[-1].item
    return isinstance(item, Message) and all(
        isinstance(part, InputAudio) and not (part.transcript or "").strip() for part in item.content
    )
