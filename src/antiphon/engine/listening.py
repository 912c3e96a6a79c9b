"""The caller's audio: buffered, cut into turns, transcribed, made into items. Pure.

The part of a session that hears. `responding.py` is the part that speaks; `session.py` joins them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon.audio import open_decoder
from antiphon.engine.configuration import input_format, transcription, turn_detection, turn_settings, wants
from antiphon.engine.core import Core
from antiphon.engine.effects import (
    AbandonRecognition,
    DetectVoice,
    FeedRecognition,
    FinishRecognition,
    OpenRecognition,
    ResetVoice,
)
from antiphon.engine.history import Entry, entry_of
from antiphon.engine.input_buffer import BYTES_PER_MS, InputAudioBuffer
from antiphon.engine.responding import Cause, Responding
from antiphon.engine.stable_text import StableText
from antiphon.engine.stages import Transcript, VoiceProbability
from antiphon.engine.states import (
    TRANSCRIPTION,
    TURN,
    Machine,
    TranscriptionState,
    TranscriptionTrigger,
    TurnState,
    TurnTrigger,
)
from antiphon.engine.turns import ONSET_WINDOWS, SpeechEdges, SpeechStarted
from antiphon.protocol import (
    InputAudio,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    InputAudioTranscriptionCompleted,
    InputAudioTranscriptionDelta,
    InputAudioTranscriptionFailed,
    Message,
    RealtimeSession,
    SemanticVad,
    ServerVad,
    TranscriptionDurationUsage,
    TranscriptionError,
    invalid_request,
)

MIN_COMMIT_MS = 100
"""The Realtime API's least audio for a manual commit."""

_WINDOW_MS = 32


@dataclass(slots=True, eq=False)
class Utterance:
    """One turn's audio on its way to text. fed_ms: up to where the recognizer has been given it."""

    item_id: str
    machine: Machine[TranscriptionState, TranscriptionTrigger] = field(
        default_factory=lambda: Machine("transcription", TRANSCRIPTION, TranscriptionState.LISTENING)
    )
    stable: StableText = field(default_factory=StableText)
    hypothesis: str = ""
    fed_ms: float = 0.0
    entry: Entry | None = None
    content_index: int = 0
    announced: bool = False
    """Whether the peer asked for transcripts when the turn began."""
    failure: str = ""


class Listening:
    """The input side of one session. Only the session calls it.

    hints: the phrases worth listening for, as the language model derives them from the session's tools.
    """

    def __init__(self, core: Core, responding: Responding, hints: Callable[[], Sequence[str]]) -> None:
        self._core = core
        self._responding = responding
        self._hints = hints
        self.buffer = InputAudioBuffer(core.settings.input_limit_ms)
        self._turn = Machine("turn", TURN, TurnState.QUIET)
        self._utterances: dict[str, Utterance] = {}
        self._speaking: Utterance | None = None
        self._edges: SpeechEdges | None = None
        self._voice_fed = 0  # bytes that the voice detector has been given
        self._voice_offset_ms = 0.0
        self._format = input_format(core.config)
        self._decoder = open_decoder(self._format.type)
        self.configured()

    @property
    def speaking(self) -> bool:
        return self._turn.state is TurnState.SPEAKING

    @property
    def transcribing(self) -> bool:
        return bool(self._utterances)

    def idle_timeout_s(self) -> float | None:
        detection = turn_detection(self._core.config)
        if isinstance(detection, ServerVad) and isinstance(detection.idle_timeout_ms, int):
            return detection.idle_timeout_ms / 1000
        return None

    # ── configuration ─────────────────────────────────────────────────────────────────────────────────────────────

    def configured(self) -> None:
        """The session's configuration is new or has changed."""
        wanted = input_format(self._core.config)
        if wanted.type != self._format.type:
            self._format = wanted
            self._decoder = open_decoder(wanted.type)
        detection = turn_detection(self._core.config)
        if detection is None:
            if self.speaking:
                # The client commits by itself from now on; the audio so far stays in the buffer for it.
                self._stop_speech(self.buffer.end_ms)
                self._abandon_speech()
            self._edges = None
        elif self._edges is None:
            self._edges = SpeechEdges(turn_settings(detection, self._core.settings))
            self._voice_offset_ms = self.buffer.end_ms - self._voice_fed / BYTES_PER_MS
            self._core.put(ResetVoice())
        else:
            self._edges.settings = turn_settings(detection, self._core.settings)

    def _detection(self) -> ServerVad | SemanticVad | None:
        return turn_detection(self._core.config)

    # ── audio in ──────────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, audio: bytes) -> None:
        """The client's `input_audio_buffer.append`, in the session's input format. Raises InvalidEvent when full."""
        if self.buffer.duration_ms + len(audio) / self._decoder.bytes_per_ms > self._core.settings.input_limit_ms:
            raise invalid_request(
                "input_audio_buffer_full",
                f"The input audio buffer holds at most {self._core.settings.input_limit_ms // 1000} s: commit it.",
                "audio",
            )
        self.hear(self._decoder.decode(audio))

    def hear(self, pcm: bytes) -> None:
        """24 kHz PCM from the caller. A media channel cannot be told to wait: when full, the oldest gives way."""
        if not pcm:
            return
        self.buffer.append(pcm)
        if self._edges is not None:
            self._voice_fed += len(pcm)
            self._core.put(DetectVoice(pcm))

    def voice(self, windows: Sequence[VoiceProbability], now: float) -> None:
        """What the voice detector found, in order."""
        for window in windows:
            if self._edges is None:
                return
            at_ms = window.end_ms + self._voice_offset_ms
            heard = self._speaking.hypothesis if self._speaking else ""
            edge = self._edges.feed(VoiceProbability(at_ms, window.probability), heard)
            if isinstance(edge, SpeechStarted):
                self._start_speech(edge.start_ms, now)
            self._feed_recognition(at_ms)
            if edge is not None and not isinstance(edge, SpeechStarted):
                utterance = self._stop_speech(edge.end_ms)
                self._commit(utterance, edge.end_ms)
                self._answer("voice", now)
            if not self.speaking and self._edges is not None:
                kept_ms = self._edges.settings.prefix_padding_ms + (ONSET_WINDOWS + 1) * _WINDOW_MS
                self.buffer.drop_before(at_ms - kept_ms)

    def _start_speech(self, start_ms: float, now: float) -> None:
        start_ms = max(start_ms, self.buffer.start_ms)
        self.buffer.drop_before(start_ms)
        self._turn.fire(TurnTrigger.SPEECH_STARTED)
        self._speaking = self._open(self._core.new_id("item"), start_ms)
        self._core.send(InputAudioBufferSpeechStarted(audio_start_ms=round(start_ms), item_id=self._speaking.item_id))
        if isinstance(self._core.config, RealtimeSession) and wants(self._detection(), "interrupt_response"):
            self._responding.interrupt(now)

    def _stop_speech(self, end_ms: float) -> Utterance:
        assert self._speaking is not None
        self._turn.fire(TurnTrigger.SPEECH_STOPPED)
        utterance = self._speaking
        self._core.send(InputAudioBufferSpeechStopped(audio_end_ms=round(end_ms), item_id=utterance.item_id))
        return utterance

    def _abandon_speech(self) -> None:
        if self._speaking is not None:
            self._abandon(self._speaking)
            self._speaking = None

    # ── commit and clear ──────────────────────────────────────────────────────────────────────────────────────────

    def commit(self) -> None:
        """The client's `input_audio_buffer.commit`. Raises InvalidEvent when there is too little audio."""
        duration = self.buffer.duration_ms
        if duration < MIN_COMMIT_MS:
            raise invalid_request(
                "input_audio_buffer_commit_empty",
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms of audio, "
                f"but buffer only has {duration:.2f}ms of audio.",
            )
        end_ms = self.buffer.end_ms
        if self.speaking:
            utterance = self._stop_speech(end_ms)
        else:
            utterance = self._open(self._core.new_id("item"), self.buffer.start_ms)
            self._speaking = utterance
        self._feed_recognition(end_ms)
        self._commit(utterance, end_ms)
        self._listen_anew()

    def clear(self) -> None:
        """The client's `input_audio_buffer.clear`."""
        self._abandon_speech()
        self._turn.fire(TurnTrigger.CLEARED)
        self.buffer.clear()
        self._listen_anew()
        self._core.send(InputAudioBufferCleared())

    def idle(self, now: float) -> None:
        """Nobody has spoken for `idle_timeout_ms`: the silence becomes a turn, and is answered."""
        utterance = self._open(self._core.new_id("item"), self.buffer.start_ms)
        self._speaking = utterance
        self._core.send(
            InputAudioBufferTimeoutTriggered(
                audio_start_ms=round(self.buffer.start_ms),
                audio_end_ms=round(self.buffer.end_ms),
                item_id=utterance.item_id,
            )
        )
        self._feed_recognition(self.buffer.end_ms)
        self._commit(utterance, self.buffer.end_ms)
        self._listen_anew()
        self._answer("idle", now)

    def _listen_anew(self) -> None:
        if self._edges is not None:
            self._edges.forget()
            self._core.put(ResetVoice())

    def _commit(self, utterance: Utterance, end_ms: float) -> None:
        """Make the item of a turn that is over."""
        self._speaking = None
        pcm = self.buffer.commit(end_ms)
        item = Message(
            id=utterance.item_id,
            object="realtime.item",
            status="completed",
            role="user",
            content=[InputAudio()],
        )
        entry = entry_of(item)
        entry.audio += pcm
        self._core.send(
            InputAudioBufferCommitted(previous_item_id=self._core.history.last_id, item_id=utterance.item_id)
        )
        self._core.add_item(entry)
        self._core.finish_item(entry)
        self._transcribe(utterance, entry)
        self._core.keep_bounds(self._responding.needs() | {entry.id})

    def _answer(self, cause: Cause, now: float) -> None:
        if isinstance(self._core.config, RealtimeSession) and wants(self._detection(), "create_response"):
            self._responding.create(None, cause, now)

    # ── transcription ─────────────────────────────────────────────────────────────────────────────────────────────

    def spoken_item(self, entry: Entry, content_index: int) -> None:
        """An item that the client created holds audio: it is transcribed like a turn. entry.audio: 24 kHz PCM."""
        utterance = self._open(entry.id, 0.0)
        utterance.content_index = content_index
        self._core.put(FeedRecognition(entry.id, bytes(entry.audio)))
        self._transcribe(utterance, entry)

    def _open(self, item_id: str, from_ms: float) -> Utterance:
        wanted = transcription(self._core.config)
        utterance = Utterance(item_id, fed_ms=from_ms, announced=wanted is not None)
        self._utterances[item_id] = utterance
        language = wanted.language if wanted is not None and isinstance(wanted.language, str) else None
        prompt = wanted.prompt if wanted is not None and isinstance(wanted.prompt, str) else None
        self._core.put(OpenRecognition(item_id, language, prompt, self._hints()))
        return utterance

    def _feed_recognition(self, to_ms: float) -> None:
        utterance = self._speaking
        if utterance is None or to_ms <= utterance.fed_ms:
            return
        pcm = self.buffer.read(utterance.fed_ms, to_ms)
        utterance.fed_ms = to_ms
        if pcm and utterance.machine.state is TranscriptionState.LISTENING:
            self._core.put(FeedRecognition(utterance.item_id, pcm))

    def _transcribe(self, utterance: Utterance, entry: Entry) -> None:
        entry.transcription = utterance.machine
        utterance.entry = entry
        if utterance.machine.fire(TranscriptionTrigger.TURN_OVER) is TranscriptionState.FINISHING:
            self._core.put(FinishRecognition(utterance.item_id))
        else:
            self._tell_failure(utterance)

    def hypothesis(self, item_id: str, text: str) -> None:
        """The recognizer's text so far."""
        utterance = self._utterances.get(item_id)
        if utterance is None:
            return
        utterance.hypothesis = text
        self._delta(utterance, utterance.stable.update(text))

    def recognized(self, item_id: str, transcript: Transcript, now: float) -> None:
        utterance = self._utterances.get(item_id)
        if utterance is None or utterance.entry is None:
            return
        utterance.machine.fire(TranscriptionTrigger.TEXT)
        del self._utterances[item_id]
        entry = utterance.entry
        entry.set_transcript(transcript.text)
        self._delta(utterance, utterance.stable.finish(transcript.text))
        if utterance.announced and item_id in self._core.history:
            self._core.send(
                InputAudioTranscriptionCompleted(
                    item_id=item_id,
                    content_index=utterance.content_index,
                    transcript=transcript.text,
                    usage=TranscriptionDurationUsage(seconds=round(transcript.seconds, 3)),
                )
            )
        self._responding.input_ready(now)

    def recognition_failed(self, item_id: str, message: str, now: float) -> None:
        utterance = self._utterances.get(item_id)
        if utterance is None or not utterance.machine.allows(TranscriptionTrigger.ERROR):
            return
        utterance.machine.fire(TranscriptionTrigger.ERROR)
        utterance.failure = message
        if utterance.entry is not None:
            self._tell_failure(utterance)
        self._responding.input_ready(now)

    def _tell_failure(self, utterance: Utterance) -> None:
        self._utterances.pop(utterance.item_id, None)
        if utterance.announced:
            self._core.send(
                InputAudioTranscriptionFailed(
                    item_id=utterance.item_id,
                    content_index=utterance.content_index,
                    error=TranscriptionError(
                        type="transcription_error", code="transcription_failed", message=utterance.failure
                    ),
                )
            )

    def _delta(self, utterance: Utterance, delta: str) -> None:
        if delta and utterance.announced:
            self._core.send(
                InputAudioTranscriptionDelta(
                    item_id=utterance.item_id, content_index=utterance.content_index, delta=delta
                )
            )

    def forget_item(self, item_id: str, now: float) -> None:
        """The item was deleted: its transcript is not needed any more."""
        utterance = self._utterances.get(item_id)
        if utterance is not None:
            self._abandon(utterance)
            self._responding.input_ready(now)

    def _abandon(self, utterance: Utterance) -> None:
        self._utterances.pop(utterance.item_id, None)
        if utterance.machine.allows(TranscriptionTrigger.ABANDON):
            utterance.machine.fire(TranscriptionTrigger.ABANDON)
            self._core.put(AbandonRecognition(utterance.item_id))

    def close(self) -> None:
        """The session ends."""
        for utterance in list(self._utterances.values()):
            self._abandon(utterance)
        self._speaking = None
        self.buffer.close()
