"""One call: a session and everything that it sets in motion. The driver of `Session`, on asyncio.

It carries out effects in order, and owns the tasks behind them: one for the voice detector, one for each utterance that
is being recognised, one for each response. When the call ends, all of them have ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from antiphon.engine.answer import make_answer
from antiphon.engine.attachment import MAX_ATTACHMENTS, Attachment
from antiphon.engine.effects import (
    AbandonRecognition,
    Close,
    DetectVoice,
    Effect,
    EndAudio,
    FeedRecognition,
    FinishRecognition,
    FlushAudio,
    Generate,
    OpenRecognition,
    PlayAudio,
    ResetVoice,
    Send,
    StopGenerating,
)
from antiphon.engine.fitting import fit
from antiphon.engine.link import Link, Policy
from antiphon.engine.session import Admit, Session
from antiphon.engine.stages import (
    LanguageModel,
    ModelDone,
    Recognizer,
    Synthesizer,
    ToolCallDelta,
    Transcript,
    VoiceDetector,
    WordMark,
)
from antiphon.engine.utterances import Utterances
from antiphon.protocol import ServerEvent, SessionCreated, invalid_request, new_id

logger = logging.getLogger("antiphon.engine")

_LARGEST_FEED = 24_000 * 2
"""Bytes of PCM given to the voice detector at once: a second, so that its answers come steadily."""


MAX_WAITING_EVENTS = 1024
"""Events that wait for a caller whose channel has not opened, while another peer has begun already."""


class Call:
    """A running session. Made by `Engine.open_call`; `run` must be awaited, and returns when everything has ended.

    Its caller is the peer behind `link`; further peers are attached to it, see and send events as the caller does, and
    come and go.

    id: "sess_…" or, for a WebRTC call, "rtc_…". policy: what the caller may do; None for everything.
    """

    def __init__(
        self,
        call_id: str,
        link: Link,
        session: Session,
        *,
        detector: VoiceDetector,
        recognizer: Recognizer,
        model: LanguageModel,
        synthesizer: Synthesizer,
        clock: Callable[[], float],
        policy: Policy | None = None,
    ) -> None:
        self.id = call_id
        self.session = session
        self._link = link
        self._admit = None if policy is None else policy.admit
        self._begun = False
        self._caller_there = False
        self._waiting: list[ServerEvent] = []
        self._attachments: list[Attachment] = []
        self._model = model
        self._synthesizer = synthesizer
        self._clock = clock
        self._voice = detector.open()
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()  # bounded by the session's input buffer
        self._utterances = Utterances(recognizer, self._spawn, self)
        self._answers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()

    # ── what the peer's side calls ────────────────────────────────────────────────────────────────────────────────

    def opened(self) -> None:
        """The caller can receive events now."""
        if self.session.closed or self._caller_there:
            return
        self._caller_there = True
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._link.send_event(fit(event, self._link.max_event_bytes))
        self._begin()

    def attach(self, link: Link, policy: Policy | None = None) -> Attachment:
        """Let a further peer take part: it is sent `session.created` as things stand, then every event from now on.

        policy: what it may do; None for everything, whatever the caller's own policy is. Who lets strangers in over the
        network gives them the caller's: a caller knows its call's id, and would come in a second time to be free of it.

        It may send events at once, also before the caller's own channel has opened; what the caller has missed until
        then, it is sent first. Raises InvalidEvent when the call is over (`call_id_not_found`) or has too many peers
        (`too_many_peers`).
        """
        if self.session.closed:
            raise invalid_request("call_id_not_found", "No session found for the provided call_id", "call_id")
        if len(self._attachments) >= MAX_ATTACHMENTS:
            raise invalid_request("too_many_peers", f"This call has {MAX_ATTACHMENTS} further peers already.")
        admit = None if policy is None else policy.admit
        attachment = Attachment(
            self.id,
            link,
            receive=lambda data: self._receive_from_attachment(data, admit),
            leave=self._attachments.remove,
        )
        self._attachments.append(attachment)
        if self._begun:
            attachment.send(SessionCreated(event_id=new_id("event"), session=self.session.config))
        else:
            self._begin()
        return attachment

    def receive_event(self, data: str | bytes) -> None:
        """One message from the caller, as it came."""
        self.session.receive(data, self._clock(), self._admit)
        self._carry_out()

    def _receive_from_attachment(self, data: str | bytes, admit: Admit | None) -> None:
        try:
            self.session.receive(data, self._clock(), admit)
            self._carry_out()
        except Exception:
            # What was half done would leave the caller in a call that hears nothing.
            logger.exception("call %s failed on what a further peer sent", self.id)
            self.session.close(self._clock(), 1011, "internal error")
            self._carry_out()

    def receive_audio(self, pcm: bytes) -> None:
        """Audio from the peer's media channel: 24 kHz int16 mono."""
        self.session.hear(pcm)
        self._carry_out()

    def audio_played(self, samples: int) -> None:
        """So many samples of the sent audio have left since the last flush."""
        self.session.played(samples, self._clock())
        self._carry_out()

    def hang_up(self, reason: str) -> None:
        """End the call. Ending it twice is ending it once."""
        self.session.close(self._clock(), reason=reason)
        self._carry_out()

    async def run(self) -> None:
        """Wait for the end of the call, then end all that belongs to it."""
        try:
            await self._over.wait()
        finally:
            self.hang_up("cancelled")
            if self._timer is not None:
                self._timer.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._voice.close()

    def _begin(self) -> None:
        """Open the session, once, for whichever peer is there first."""
        if not self._begun:
            self._begun = True
            self.session.open(self._clock())
            self._spawn(self._detect())
            self._carry_out()

    # ── effects ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self) -> None:
        for effect in self.session.take_effects():
            self._do(effect)
        self._set_timer()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                self._send(event)
            case DetectVoice(pcm):
                self._heard.put_nowait(pcm)
            case ResetVoice():
                self._heard.put_nowait(None)
            case PlayAudio(pcm):
                self._link.send_audio(pcm)
            case EndAudio():
                if self._link.kind == "webrtc":
                    self._link.end_audio()
            case FlushAudio():
                self._link.flush_audio()
            case OpenRecognition():
                self._utterances.open(effect)
            case FeedRecognition(item_id, pcm):
                self._utterances.feed(item_id, pcm)
            case FinishRecognition(item_id):
                self._utterances.finish(item_id)
            case AbandonRecognition(item_id):
                self._utterances.abandon(item_id)
            case Generate():
                task = self._spawn(make_answer(effect, self._model, self._synthesizer, self))
                self._answers[effect.response_id] = task
                task.add_done_callback(lambda _task: self._answers.pop(effect.response_id, None))
            case StopGenerating(response_id):
                if (answering := self._answers.pop(response_id, None)) is not None:
                    answering.cancel()
            case Close(code, reason):
                self._link.close(code, reason)
                attachments, self._attachments = self._attachments, []
                for attachment in attachments:
                    attachment.end(code, reason)
                self._over.set()

    def _send(self, event: ServerEvent) -> None:
        if self._caller_there:
            self._link.send_event(fit(event, self._link.max_event_bytes))
        elif len(self._waiting) < MAX_WAITING_EVENTS:
            self._waiting.append(event)
        else:
            # Nothing may be missing from what a peer sees; a caller that is so late will not come.
            asyncio.get_running_loop().call_soon(self.hang_up, "the caller's channel did not open")
        for attachment in tuple(self._attachments):
            attachment.send(event)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A stage that breaks its promise must not leave the caller in a call that hears nothing.
            logger.error("call %s: a task failed", self.id, exc_info=error)
            self.session.close(self._clock(), 1011, "internal error")
            self._carry_out()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.session.next_timeout()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - self._clock()), self._tick)

    def _tick(self) -> None:
        self.session.tick(self._clock())
        self._carry_out()

    # ── the voice detector ────────────────────────────────────────────────────────────────────────────────────────

    async def _detect(self) -> None:
        while True:
            pcm = await self._heard.get()
            if pcm is None:
                self._voice.reset()
                continue
            gathered = bytearray(pcm)
            while len(gathered) < _LARGEST_FEED and not self._heard.empty():
                more = self._heard.get_nowait()
                if more is None:
                    # What was gathered belongs to the time before the reset.
                    await self._feed_detector(bytes(gathered))
                    gathered.clear()
                    self._voice.reset()
                    continue
                gathered += more
            if gathered:
                await self._feed_detector(bytes(gathered))

    async def _feed_detector(self, pcm: bytes) -> None:
        windows = await self._voice.feed(pcm)
        if windows:
            self.session.voice(windows, self._clock())
            self._carry_out()

    # ── what the recognizer reports ───────────────────────────────────────────────────────────────────────────────

    def utterance_hypothesis(self, item_id: str, text: str) -> None:
        self.session.hypothesis(item_id, text)
        self._carry_out()

    def utterance_text(self, item_id: str, transcript: Transcript) -> None:
        self.session.recognized(item_id, transcript, self._clock())
        self._carry_out()

    def utterance_failed(self, item_id: str, message: str) -> None:
        self.session.recognition_failed(item_id, message, self._clock())
        self._carry_out()

    # ── what an answer reports (see `answer.Sink`) ────────────────────────────────────────────────────────────────

    def answer_text(self, response_id: str, delta: str) -> None:
        self.session.generated_text(response_id, delta)
        self._carry_out()

    def answer_call(self, response_id: str, delta: ToolCallDelta) -> None:
        self.session.generated_call(response_id, delta)
        self._carry_out()

    def answer_speech(self, response_id: str, pcm: bytes, marks: Sequence[WordMark]) -> None:
        self.session.generated_speech(response_id, pcm, marks, self._clock())
        self._carry_out()

    def answer_done(self, response_id: str, outcome: ModelDone) -> None:
        self.session.generation_done(response_id, outcome, self._clock())
        self._carry_out()

    def answer_failed(self, response_id: str, message: str) -> None:
        self.session.generation_failed(response_id, message, self._clock())
        self._carry_out()

    def pending_audio_ms(self) -> float:
        return self.session.responding.pending_audio_ms
