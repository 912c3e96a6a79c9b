"""How long each turn took, step by step, from the user's last word to the answer. Pure; the time is an argument.

A turn begins when the user stops speaking or sends something typed, and lasts until the next one begins: with tools in
between, several responses belong to it. What sounds of an earlier answer is not an answer to it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Struct

from antiphon.conversation import events as friendly
from antiphon.conversation.events import FriendlyEvent
from antiphon.protocol import RealtimeSession, ServerVad

MOST_TURNS = 200
MOST_TOOLS = 50
"""Of one turn."""

TurnKind = Literal["spoken", "typed", "unasked"]
"""unasked: the assistant began, as with a greeting."""

STEPS = ("recognized", "response", "first_delta", "first_audio", "heard", "done")


class ToolTime(Struct, frozen=True, kw_only=True):
    """How long a tool ran. started_at: when its arguments were complete. ended_at: None while it runs."""

    call_id: str
    name: str
    started_at: float
    ended_at: float | None = None


class Turn(Struct, frozen=True, kw_only=True):
    """One turn as a waterfall. All times are milliseconds on the caller's clock, None for what did not happen (yet).

    started_at: the user's last word (what the server said, minus the silence that it waits for), or when a typed
    message was sent. recognized_at: the transcript was final. response_at: a response was begun. first_delta_at: its
    first word. first_audio_at: its first sound was sent or came. heard_at: its first sound was played here. done_at:
    the last response was complete.
    """

    kind: TurnKind
    started_at: float
    item_id: str | None = None
    response_ids: tuple[str, ...] = ()
    recognized_at: float | None = None
    response_at: float | None = None
    first_delta_at: float | None = None
    first_audio_at: float | None = None
    heard_at: float | None = None
    done_at: float | None = None
    tools: tuple[ToolTime, ...] = ()
    is_interrupted: bool = False

    def ms(self, step: str) -> float | None:
        """From the user's last word to a step of `STEPS`."""
        at: float | None = getattr(self, f"{step}_at")
        return None if at is None else max(0.0, at - self.started_at)

    @property
    def answer_ms(self) -> float | None:
        """What the user waited for: until the answer was heard, else until its first sound, else its first word."""
        for step in ("heard", "first_audio", "first_delta"):
            if (ms := self.ms(step)) is not None:
                return ms
        return None


class Turns:
    """The turns of one conversation, which alone feeds it. Bounded: the oldest are forgotten."""

    HEARS: ClassVar = frozenset(
        {
            friendly.AssistantDelta,
            friendly.AssistantAudioReceived,
            friendly.AssistantAudioStarted,
            friendly.AssistantResponseStarted,
            friendly.AssistantCompleted,
            friendly.AssistantInterrupted,
            friendly.UserSpeechStopped,
            friendly.UserItemStarted,
            friendly.UserMessage,
            friendly.UserCompleted,
            friendly.ToolCallStarted,
            friendly.ToolCallDone,
            friendly.ToolOutput,
            friendly.SessionCreated,
            friendly.SessionUpdated,
        }
    )

    def __init__(self) -> None:
        self.all: list[Turn] = []
        """The last turns, the newest at the end."""
        self._of_response: dict[str, int] = {}
        self._numbers = 0
        self._silence_ms = 0.0
        self._begun: str | None = None

    @property
    def last(self) -> Turn | None:
        return self.all[-1] if self.all else None

    def medians(self, kinds: Iterable[TurnKind] = ("spoken", "typed")) -> dict[str, float]:
        """The median of each step, and of "answer", in milliseconds; without the steps that never happened."""
        turns = [turn for turn in self.all if turn.kind in set(kinds)]
        steps: dict[str, list[float]] = {}
        for turn in turns:
            for step in STEPS:
                if (ms := turn.ms(step)) is not None:
                    steps.setdefault(step, []).append(ms)
            if (answer := turn.answer_ms) is not None:
                steps.setdefault("answer", []).append(answer)
        return {step: statistics.median(found) for step, found in steps.items()}

    def receive(self, event: FriendlyEvent, now_ms: float) -> None:
        match event:
            case friendly.AssistantDelta():
                if event.response_id != self._begun:
                    self._begun = event.response_id
                    self._mark(event.response_id, "first_delta_at", now_ms)
            case friendly.ToolCallStarted(response_id=response_id):
                self._mark(response_id, "first_delta_at", now_ms)
                self._tool_started(event, now_ms)
            case friendly.AssistantAudioReceived(response_id=response_id):
                self._mark(response_id, "first_audio_at", now_ms)
            case friendly.AssistantAudioStarted(response_id=response_id):
                self._mark(response_id, "first_audio_at", now_ms)
            case friendly.UserSpeechStopped(item_id=item_id):
                self._begin("spoken", now_ms - self._silence_ms, item_id)
            case friendly.UserItemStarted(item_id=item_id):
                # Push-to-talk: nobody says when speech stopped.
                if self.last is None or self.last.item_id != item_id:
                    self._begin("spoken", now_ms, item_id)
            case friendly.UserMessage(item_id=item_id):
                self._begin("typed", now_ms, item_id)
            case friendly.UserCompleted(item_id=item_id):
                self._recognized(item_id, now_ms)
            case friendly.AssistantResponseStarted(response_id=response_id, aside=False):
                self._respond(response_id, now_ms)
            case friendly.AssistantCompleted(response_id=response_id):
                self._mark(response_id, "done_at", now_ms, is_last=True)
            case friendly.AssistantInterrupted(response_id=response_id):
                self._change(self._of_response.get(response_id), is_interrupted=True)
            case friendly.ToolCallDone(call_id=call_id):
                self._change_tool(call_id, started_at=now_ms)
            case friendly.ToolOutput(call_id=call_id):
                self._change_tool(call_id, ended_at=now_ms)
            case friendly.SessionCreated(session=session) | friendly.SessionUpdated(session=session):
                self._silence_ms = _silence_of(session)

    def heard(self, response_id: str, now_ms: float) -> None:
        """The first sound of a response was played, as whoever plays it says."""
        self._mark(response_id, "heard_at", now_ms)

    # ── turns by number, so that they can be forgotten ───────────────────────────────────────────────────────────

    def _begin(self, kind: TurnKind, started_at: float, item_id: str | None = None) -> None:
        self.all.append(Turn(kind=kind, started_at=started_at, item_id=item_id))
        self._numbers += 1
        if len(self.all) > MOST_TURNS:
            del self.all[0]
            oldest = self._numbers - len(self.all)
            self._of_response = {one: number for one, number in self._of_response.items() if number >= oldest}

    def _respond(self, response_id: str, now_ms: float) -> None:
        if self.last is None or (self.last.done_at is not None and not self._is_followed(self.last)):
            self._begin("unasked", now_ms)
        number = self._numbers - 1
        self._of_response[response_id] = number
        turn = self.all[-1]
        self._change(
            number,
            response_ids=(*turn.response_ids, response_id)[-MOST_TOOLS:],
            response_at=now_ms if turn.response_at is None else turn.response_at,
            done_at=None,
        )

    @staticmethod
    def _is_followed(turn: Turn) -> bool:
        """Whether another response belongs to the turn: the tools that it called have answered."""
        return bool(turn.tools)

    def _mark(self, response_id: str | None, mark: str, now_ms: float, *, is_last: bool = False) -> None:
        number = self._of_response.get(response_id or "")
        turn = self._turn(number)
        if turn is not None and (is_last or getattr(turn, mark) is None):
            self._change(number, **{mark: now_ms})

    def _recognized(self, item_id: str, now_ms: float) -> None:
        for place in range(len(self.all) - 1, max(-1, len(self.all) - 9), -1):
            turn = self.all[place]
            if turn.item_id == item_id and turn.recognized_at is None:
                self.all[place] = msgspec.structs.replace(turn, recognized_at=now_ms)
                return

    def _tool_started(self, event: friendly.ToolCallStarted, now_ms: float) -> None:
        number = self._of_response.get(event.response_id or "")
        turn = self._turn(number)
        if turn is not None and len(turn.tools) < MOST_TOOLS:
            tool = ToolTime(call_id=event.call_id, name=event.name, started_at=now_ms)
            self._change(number, tools=(*turn.tools, tool))

    def _change_tool(self, call_id: str, **news: float) -> None:
        turn = self.last
        if turn is None or not turn.tools:
            return
        tools = tuple(
            msgspec.structs.replace(tool, **news) if tool.call_id == call_id and tool.ended_at is None else tool
            for tool in turn.tools
        )
        self._change(self._numbers - 1, tools=tools)

    def _turn(self, number: int | None) -> Turn | None:
        place = -1 if number is None else number - (self._numbers - len(self.all))
        return self.all[place] if 0 <= place < len(self.all) else None

    def _change(self, number: int | None, **news: Any) -> None:
        turn = self._turn(number)
        if turn is not None and number is not None:
            self.all[number - (self._numbers - len(self.all))] = msgspec.structs.replace(turn, **news)


def _silence_of(session: Any) -> float:
    audio = session.audio if isinstance(session, RealtimeSession) else None
    detection = getattr(getattr(audio, "input", None), "turn_detection", None)
    silence = detection.silence_duration_ms if isinstance(detection, ServerVad) else None
    return float(silence) if isinstance(silence, int) else 0.0
