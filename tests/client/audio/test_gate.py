"""Mute and push-to-talk: what the session hears, and when a turn is committed."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.audio import Gate, GateEffect, GateState

BLOCK = b"\x01\x00" * 480  # 20 ms
SILENCE = bytes(960)


def test_an_open_gate_lets_all_through() -> None:
    assert Gate().feed(BLOCK) == BLOCK


def test_a_muted_microphone_gives_silence_so_that_the_server_hears_the_turn_end() -> None:
    gate = Gate()
    gate.mute()
    assert (gate.feed(BLOCK), gate.is_muted) == (SILENCE, True)
    gate.unmute()
    assert gate.feed(BLOCK) == BLOCK


def test_without_turn_detection_a_closed_gate_gives_nothing() -> None:
    gate = Gate(push_to_talk=True, commit_on_release=True)
    assert gate.feed(BLOCK) is None


def test_the_turn_is_committed_when_the_key_is_let_go_and_the_last_sounds_have_come() -> None:
    gate = Gate(push_to_talk=True, commit_on_release=True, tail_ms=40)
    gate.press()
    assert gate.effects() == [GateEffect.STARTED]
    assert [gate.feed(BLOCK) for _ in range(5)] == [BLOCK] * 5
    gate.release()
    assert (gate.feed(BLOCK), gate.effects()) == (BLOCK, [])
    assert (gate.feed(BLOCK), gate.effects()) == (BLOCK, [GateEffect.COMMIT])
    assert (gate.feed(BLOCK), gate.state) == (None, GateState.WAITING)


def test_a_tap_that_is_too_short_to_be_a_turn_clears_what_was_sent() -> None:
    gate = Gate(push_to_talk=True, commit_on_release=True, tail_ms=0)
    gate.press()
    gate.feed(BLOCK)
    gate.release()
    assert gate.effects() == [GateEffect.STARTED, GateEffect.CLEAR]


def test_a_key_pressed_again_at_once_goes_on_with_the_turn() -> None:
    gate = Gate(push_to_talk=True, commit_on_release=True, tail_ms=60)
    gate.press()
    for _ in range(3):
        gate.feed(BLOCK)
    gate.release()
    gate.press()
    gate.feed(BLOCK)
    gate.release()
    for _ in range(3):
        gate.feed(BLOCK)
    assert gate.effects() == [GateEffect.STARTED, GateEffect.COMMIT]


def test_with_turn_detection_letting_go_gives_silence_and_commits_nothing() -> None:
    gate = Gate(push_to_talk=True, tail_ms=0)
    gate.press()
    gate.feed(BLOCK)
    gate.release()
    assert gate.effects() == [GateEffect.STARTED]
    assert gate.feed(BLOCK) == SILENCE


def test_muting_while_the_key_is_down_gives_the_turn_up() -> None:
    gate = Gate(push_to_talk=True, commit_on_release=True)
    gate.press()
    gate.feed(BLOCK)
    gate.mute()
    assert gate.effects() == [GateEffect.STARTED, GateEffect.CLEAR]
    gate.release()
    gate.press()
    assert gate.feed(BLOCK) is None
    gate.unmute()
    assert gate.state is GateState.WAITING


def test_mute_outlives_a_change_of_mode() -> None:
    gate = Gate()
    gate.mute()
    gate.set_push_to_talk(True)
    gate.set_push_to_talk(False)
    assert gate.state is GateState.MUTED


inputs = st.lists(
    st.sampled_from(["press", "release", "mute", "unmute", "push_to_talk", "hands_free", "feed"]), max_size=40
)


@given(inputs, st.booleans(), st.booleans(), st.sampled_from([0, 20, 60]))
def test_every_turn_that_was_started_by_key_is_ended_at_most_once(
    plan: list[str], push: bool, commit: bool, tail_ms: int
) -> None:
    gate = Gate(push_to_talk=push, commit_on_release=commit, tail_ms=tail_ms)
    open_turns = 0
    for step in plan:
        match step:
            case "push_to_talk" | "hands_free":
                gate.set_push_to_talk(step == "push_to_talk")
            case "feed":
                expected = BLOCK if gate.is_open else None if commit else SILENCE
                assert gate.feed(BLOCK) == expected
            case _:
                getattr(gate, step)()
        for effect in gate.effects():
            open_turns = 1 if effect is GateEffect.STARTED else open_turns - 1
            assert open_turns >= 0
            assert commit or effect is GateEffect.STARTED
        if gate.is_muted:
            assert not gate.is_open
