"""Whether the microphone is heard: mute and push-to-talk. Pure: blocks and key presses in, blocks and effects out.

In a session with turn detection a closed gate gives silence, so that the server hears the turn end. In one without, it
gives nothing, and letting go of the key commits what was said (`input_audio_buffer.commit`, then `response.create`).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from antiphon.audio import PCM_RATE

LEAST_COMMIT_MS: Final = 100
"""The hosted service refuses to commit less audio than that (`input_audio_buffer_commit_empty`)."""


class GateState(Enum):
    """OPEN and MUTED without push-to-talk; WAITING (key up), HELD (key down), and LOCKED (muted) with it.

    ENDING: the key was let go, and the last sounds of the word are still on their way from the microphone.
    """

    OPEN = "open"
    MUTED = "muted"
    WAITING = "waiting"
    HELD = "held"
    ENDING = "ending"
    LOCKED = "locked"


class GateEffect(Enum):
    """What the owner is to do, in order with the blocks. STARTED: stop the answer that plays, if it should give way.

    COMMIT: send `input_audio_buffer.commit` and `response.create`. CLEAR: send `input_audio_buffer.clear`, for that was
    too short to be a turn.
    """

    STARTED = "started"
    COMMIT = "commit"
    CLEAR = "clear"


_S = GateState
_MOVES: Final[dict[tuple[GateState, str], GateState]] = {
    (_S.OPEN, "mute"): _S.MUTED,
    (_S.OPEN, "push_to_talk"): _S.WAITING,
    (_S.MUTED, "unmute"): _S.OPEN,
    (_S.MUTED, "push_to_talk"): _S.LOCKED,
    (_S.WAITING, "press"): _S.HELD,
    (_S.WAITING, "mute"): _S.LOCKED,
    (_S.WAITING, "hands_free"): _S.OPEN,
    (_S.HELD, "release"): _S.ENDING,
    (_S.HELD, "mute"): _S.LOCKED,
    (_S.HELD, "hands_free"): _S.OPEN,
    (_S.ENDING, "press"): _S.HELD,
    (_S.ENDING, "ended"): _S.WAITING,
    (_S.ENDING, "mute"): _S.LOCKED,
    (_S.ENDING, "hands_free"): _S.OPEN,
    (_S.LOCKED, "unmute"): _S.WAITING,
    (_S.LOCKED, "hands_free"): _S.MUTED,
}
"""What is not listed changes nothing: pressing a key that is down, muting what is mute."""


class Gate:
    """The gate of one microphone. One reader feeds it; presses may come at any time, in the same thread.

    push_to_talk: closed until `press`. commit_on_release: the session has no turn detection, so the turn is committed
    when the key is let go. tail_ms: how long the gate stays open after that, for what the device still holds.
    """

    def __init__(self, *, push_to_talk: bool = False, commit_on_release: bool = False, tail_ms: int = 100) -> None:
        self._state = GateState.WAITING if push_to_talk else GateState.OPEN
        self._tail = tail_ms * PCM_RATE // 1000
        self._left = 0
        self._passed = 0
        self._effects: list[GateEffect] = []
        self.commit_on_release = commit_on_release

    @property
    def state(self) -> GateState:
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether the microphone is heard now."""
        return self._state in (GateState.OPEN, GateState.HELD, GateState.ENDING)

    @property
    def is_muted(self) -> bool:
        return self._state in (GateState.MUTED, GateState.LOCKED)

    @property
    def is_push_to_talk(self) -> bool:
        return self._state not in (GateState.OPEN, GateState.MUTED)

    def press(self) -> None:
        """The key goes down. Pressed again within the tail, it goes on with the same turn."""
        again = self._state is GateState.ENDING
        if self._move("press") and not again:
            self._passed = 0
            self._effects.append(GateEffect.STARTED)

    def release(self) -> None:
        """The key comes up: the turn ends once the tail has passed."""
        if self._move("release"):
            self._left = self._tail
            if not self._left:
                self._end_turn()

    def mute(self) -> None:
        """Close the gate whatever the key does; a turn under way is given up."""
        talking = self._talking
        if self._move("mute") and talking:
            self._give_up()

    def unmute(self) -> None:
        self._move("unmute")

    def set_push_to_talk(self, on: bool) -> None:
        """With push-to-talk the gate is closed until the key goes down; a turn under way goes on without it."""
        self._move("push_to_talk" if on else "hands_free")

    def feed(self, pcm: bytes) -> bytes | None:
        """What the session is to get of this block: the block, silence of its length, or nothing (None)."""
        if self.is_open:
            samples = len(pcm) // 2
            self._passed += samples
            if self._state is GateState.ENDING:
                self._left -= samples
                if self._left <= 0:
                    self._end_turn()
            return pcm
        return None if self.commit_on_release else bytes(len(pcm))

    def effects(self) -> list[GateEffect]:
        """What is to be done now, after the blocks that `feed` has returned; each told once."""
        effects, self._effects = self._effects, []
        return effects

    @property
    def _talking(self) -> bool:
        return self._state in (GateState.HELD, GateState.ENDING)

    def _move(self, input_: str) -> bool:
        target = _MOVES.get((self._state, input_))
        if target is None:
            return False
        self._state = target
        return True

    def _end_turn(self) -> None:
        self._move("ended")
        if self.commit_on_release:
            enough = self._passed * 1000 >= LEAST_COMMIT_MS * PCM_RATE
            self._effects.append(GateEffect.COMMIT if enough else GateEffect.CLEAR)

    def _give_up(self) -> None:
        if self.commit_on_release:
            self._effects.append(GateEffect.CLEAR)
