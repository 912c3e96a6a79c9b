"""Whether the microphone hears something: by its level, by the server, or by both."""

from __future__ import annotations

from array import array

import pytest

from antiphon.conversation import MicrophoneActivity, MicrophoneMode, MicrophoneSettings
from antiphon.conversation.events import UserAudioCleared, UserDelta, UserSpeechStarted, UserSpeechStopped

STARTED = UserSpeechStarted(item_id="u1", audio_ms=0)
STOPPED = UserSpeechStopped(item_id="u1", audio_ms=900)


def microphone(mode: MicrophoneMode) -> MicrophoneActivity:
    made = MicrophoneActivity(MicrophoneSettings(mode=mode))
    made.capturing(True)
    return made


@pytest.mark.parametrize(
    ("mode", "by_server", "by_level"), [("server", True, False), ("level", False, True), ("auto", True, True)]
)
def test_each_mode_listens_to_its_own(mode: MicrophoneMode, by_server: bool, by_level: bool) -> None:
    made = microphone(mode)
    made.receive(STARTED, 1000)
    assert made.is_active(1100) is by_server
    made.receive(STOPPED, 1200)
    made = microphone(mode)
    made.measured(0.3, 1000)
    assert made.is_active(1100) is by_level


def test_a_level_counts_from_the_threshold_and_for_a_while() -> None:
    made = microphone("level")
    made.measured(0.019, 1000)
    assert not made.is_active(1000)
    made.measured(0.02, 1100)
    assert made.is_active(1699)
    assert not made.is_active(1700)


def test_the_server_hears_until_it_says_otherwise_and_words_keep_it_active() -> None:
    made = microphone("server")
    made.receive(STARTED, 1000)
    assert made.is_active(9000)
    made.receive(STOPPED, 9000)
    assert not made.is_active(9000)
    made.receive(UserDelta(item_id="u1", content_index=0, delta="Hi"), 9100)
    assert made.is_active(9600)
    assert not made.is_active(9800)
    made.receive(STARTED, 10_000)
    made.receive(UserAudioCleared(), 10_100)
    assert not made.is_active(10_700)


def test_a_muted_microphone_has_no_level() -> None:
    made = microphone("level")
    made.measured(0.5, 1000)
    made.capturing(False)
    assert (made.level, made.is_capturing, made.is_active(1001)) == (0.0, False, False)
    made.measured(0.5, 1100)
    assert (made.level, made.is_active(1101)) == (0.0, False)


def test_the_level_of_a_block_is_its_loudness() -> None:
    made = microphone("auto")
    made.hear(array("h", [16384, -16384] * 240).tobytes(), 1000)
    assert made.level == pytest.approx(0.5)
    assert made.is_active(1000)
    made.hear(bytes(960), 2000)
    assert made.level < 0.0001
    made.hear(b"", 2000)
    assert made.level == 0.0


def test_a_server_that_is_gone_hears_nothing() -> None:
    made = microphone("server")
    made.receive(STARTED, 1000)
    made.disconnected()
    assert not made.is_active(1001)
