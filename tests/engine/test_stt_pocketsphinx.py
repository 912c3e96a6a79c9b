"""The embedded recognizer with the real decoder in its worker processes, on speech of our own making.

The synthetic voices are hard to recognise, so sentences and voices were chosen that are understood; what is held is
that the words of *this* sentence come out, which cannot happen by accident.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import jiwer
import pytest

from antiphon.engine.stages import StageOptions, Transcript
from antiphon.engine.stt import PocketsphinxRecognizer, open_pocketsphinx
from antiphon.engine.stt.pocketsphinx import PocketsphinxSettings, choose_text, usable_hints
from antiphon.errors import ConfigurationError, LocalProtocolError, StageError, StageUnavailable
from child_processes import child_commands
from speech_samples import NO_CLIPS, clips, noise, say, say_with_flite, silence

FRAME = 960


@pytest.fixture
async def recognizer() -> AsyncIterator[PocketsphinxRecognizer]:
    opened = PocketsphinxRecognizer(PocketsphinxSettings(max_workers=2, wait_seconds=20))
    await opened.start()
    yield opened
    await opened.aclose()


async def transcribe(
    recognizer: PocketsphinxRecognizer, pcm: bytes, hints: Sequence[str] = ()
) -> tuple[Transcript, list[str]]:
    stream = recognizer.open(language="en", hints=hints)
    partials = []
    async with asyncio.timeout(60):
        for start in range(0, len(pcm), FRAME):
            partial = await stream.feed(pcm[start : start + FRAME])
            if partial is not None:
                partials.append(partial)
        return await stream.finish(), partials


def in_silence(pcm: bytes) -> bytes:
    """As a turn looks: some room before, some after."""
    return silence(300) + pcm + silence(300)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the pool does by itself (a worker starting, or giving up): it tells nobody when."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SENTENCES = [
    ("alloy", "what is the weather in london today"),
    ("alloy", "i would like to order a large coffee with milk"),
    ("cedar", "how many people live in new york"),
    ("cedar", "please tell me a story about a small dog"),
]


async def test_understands_most_of_our_own_voice(recognizer: PocketsphinxRecognizer) -> None:
    heard = []
    for voice, text in SENTENCES:
        transcript, partials = await transcribe(recognizer, in_silence(await say(text, voice)))
        heard.append(transcript.text)
        assert len(partials) >= 2
        assert partials == [partial for number, partial in enumerate(partials) if partial != ["", *partials][number]]
    wrong = jiwer.wer([text for _, text in SENTENCES], heard)
    assert wrong < 0.3, heard


async def test_understands_a_clearer_voice_well(recognizer: PocketsphinxRecognizer) -> None:
    texts = ["go forward ten meters", "how many people live in new york", "what is the weather in london today"]
    heard = []
    for text in texts:
        pcm = say_with_flite(text)
        if pcm is None:
            pytest.skip("flite is not installed")
        heard.append((await transcribe(recognizer, in_silence(pcm)))[0].text)
    assert jiwer.wer(texts, heard) < 0.3, heard


async def test_the_text_is_plain_words(recognizer: PocketsphinxRecognizer) -> None:
    pcm = noise(300, -45) + await say(SENTENCES[0][1]) + noise(700, -45) + await say(SENTENCES[1][1]) + noise(300, -45)
    transcript, partials = await transcribe(recognizer, pcm)
    for text in (transcript.text, *partials):
        assert re.fullmatch(r"[a-z'. -]*", text), text
    assert transcript.seconds == pytest.approx(len(pcm) / 48_000)


async def test_silence_and_nothing_are_no_words(recognizer: PocketsphinxRecognizer) -> None:
    assert (await transcribe(recognizer, b""))[0] == Transcript("", 0.0)
    assert (await transcribe(recognizer, silence(1_500)))[0].text == ""
    stream = recognizer.open()
    await stream.feed(silence(20))
    assert (await stream.finish()).text == ""


async def test_the_same_audio_gives_the_same_text_whatever_was_said_before(recognizer: PocketsphinxRecognizer) -> None:
    pcm = in_silence(await say(SENTENCES[2][1], "cedar"))
    other = in_silence(await say("something quite different from a louder person", "shimmer"))
    first = (await transcribe(recognizer, pcm))[0].text
    await transcribe(recognizer, other)
    assert (await transcribe(recognizer, pcm))[0].text == first


async def test_the_size_of_the_pieces_does_not_matter(recognizer: PocketsphinxRecognizer) -> None:
    pcm = in_silence(await say(SENTENCES[2][1], "cedar"))
    by_frames = (await transcribe(recognizer, pcm))[0].text
    stream = recognizer.open()
    await stream.feed(pcm[:7_001])
    await stream.feed(pcm[7_001:])
    at_once = (await stream.finish()).text
    assert jiwer.wer(by_frames, at_once) < 0.3


# ── hints ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HINTS = ("add two and five", "multiply three by four", "turn on the light", "describe the photo", "call zyxwqo now")


async def test_a_hint_is_preferred_when_it_fits(recognizer: PocketsphinxRecognizer) -> None:
    right = 0
    for voice in ("alloy", "cedar"):
        for hint in HINTS[:3]:
            transcript, _ = await transcribe(recognizer, in_silence(await say(hint, voice)), HINTS)
            right += transcript.text == hint
    assert right >= 5


async def test_a_hint_is_not_forced_on_something_else(recognizer: PocketsphinxRecognizer) -> None:
    for voice, text in SENTENCES:
        transcript, _ = await transcribe(recognizer, in_silence(await say(text, voice)), HINTS)
        assert transcript.text not in HINTS
        assert jiwer.wer(text, transcript.text) < 0.7
    assert (await transcribe(recognizer, noise(2_000, -40), HINTS))[0].text not in HINTS


async def test_hints_that_cannot_be_listened_for_are_left_out(recognizer: PocketsphinxRecognizer) -> None:
    odd = ("größe", "call 911", "", "!!!", "a\x00b", "public <hint> = x;", "| * { } ;", "shhh", "x" * 200)
    text = SENTENCES[2][1]
    for hints in (odd, (*odd, text)):
        transcript, _ = await transcribe(recognizer, in_silence(await say(text, "cedar")), hints)
        assert jiwer.wer(text, transcript.text) < 0.3


async def test_many_different_sets_of_hints_do_no_harm(recognizer: PocketsphinxRecognizer) -> None:
    pcm = in_silence(await say("add two and five", "cedar"))
    colours = ("red", "blue", "green", "white", "black", "brown", "pink", "grey", "orange", "yellow")
    for colour in colours:
        await transcribe(recognizer, noise(150, -40), ("add two and five", f"paint it {colour}"))
    for colour in (colours[0], colours[-1]):  # one that was forgotten meanwhile, and one that was not
        transcript, _ = await transcribe(recognizer, pcm, ("add two and five", f"paint it {colour}"))
        assert transcript.text == "add two and five"


def test_hints_become_plain_words() -> None:
    assert usable_hints(["Add two, and FIVE!", "add two and five", "turn-on it's"]) == (
        "add two and five",
        "turn on it's",
    )
    assert usable_hints(["call 911", "größe", "", "a; b", " ".join("a" * 13), "x|y"]) == ("a b",)
    many = [f"{a}{b} {c}" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    assert len(usable_hints(many)) == 200


def test_the_choice_between_text_and_hint() -> None:
    assert choose_text("cancer and five slowly", "add two and five slowly") == "add two and five slowly"
    assert choose_text("and two and volume", "add two and five") == "add two and five"
    assert choose_text("what is the weather in london", "add two and five") == "what is the weather in london"
    assert choose_text("", "add two and five") == ""
    assert choose_text("hello", "") == "hello"


# ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_there_is_always_a_worker_ready(recognizer: PocketsphinxRecognizer) -> None:
    pool = recognizer.pool
    assert (pool.taken, pool.idle) == (0, 1)
    stream = recognizer.open()
    assert pool.taken == 0  # an utterance without audio needs none
    await stream.feed(noise(200, -40))
    assert pool.taken == 1
    await until(lambda: pool.idle == 1)
    await stream.finish()
    assert (pool.taken, pool.idle) == (0, 2)


async def test_two_may_speak_at_once_and_a_third_waits(recognizer: PocketsphinxRecognizer) -> None:
    pcm = {text: in_silence(await say(text, voice)) for voice, text in SENTENCES[1:]}
    found = await asyncio.gather(*(transcribe(recognizer, sound) for sound in pcm.values()))
    assert jiwer.wer(list(pcm), [transcript.text for transcript, _ in found]) < 0.3
    assert recognizer.pool.size == 2


async def test_too_many_at_once_are_told_so() -> None:
    recognizer = PocketsphinxRecognizer(PocketsphinxSettings(max_workers=1, wait_seconds=0.05))
    await recognizer.start()
    first, second = recognizer.open(), recognizer.open()
    await first.feed(noise(200, -40))
    with pytest.raises(StageError, match="busy"):
        await second.feed(noise(200, -40))
    with pytest.raises(LocalProtocolError):
        await second.finish()
    await first.aclose()
    await until(lambda: recognizer.pool.idle == 1)
    third = recognizer.open()
    await third.feed(noise(200, -40))
    await third.finish()
    await recognizer.aclose()


async def test_silence_needs_no_worker(recognizer: PocketsphinxRecognizer) -> None:
    stream = recognizer.open()
    await stream.feed(silence(3_000))
    assert recognizer.pool.taken == 0
    assert (await stream.finish()) == Transcript("", 3.0)


async def test_giving_an_utterance_up_frees_its_worker(recognizer: PocketsphinxRecognizer) -> None:
    pid = recognizer.pool.pids[0]
    speech = await say(SENTENCES[1][1])
    stream = recognizer.open(hints=HINTS)
    await stream.feed(speech)
    await stream.aclose()
    await stream.aclose()
    assert recognizer.pool.taken == 0
    await until(lambda: recognizer.pool.idle == recognizer.pool.size)
    assert pid in recognizer.pool.pids  # told to stop, not killed
    transcript, _ = await transcribe(recognizer, in_silence(await say(SENTENCES[2][1], "cedar")))
    assert jiwer.wer(SENTENCES[2][1], transcript.text) < 0.3


async def test_cancelling_frees_the_worker(recognizer: PocketsphinxRecognizer) -> None:
    speech = await say(" ".join(text for _, text in SENTENCES))
    for _ in range(3):
        stream = recognizer.open()
        task = asyncio.create_task(stream.feed(speech))
        await until(lambda: recognizer.pool.taken == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert recognizer.pool.taken == 0
        await until(lambda: recognizer.pool.idle >= 1)
    assert recognizer.pool.size <= 2


async def test_a_crashed_worker_costs_one_utterance(recognizer: PocketsphinxRecognizer) -> None:
    stream, other = recognizer.open(), recognizer.open()
    await stream.feed(noise(200, -40))
    [crashing] = recognizer.pool.taken_pids
    await other.feed(noise(200, -40))
    os.kill(crashing, signal.SIGKILL)
    with pytest.raises(StageError, match="stopped"):
        async with asyncio.timeout(10):
            while True:
                await stream.feed(noise(200, -40))
    await other.finish()
    transcript, _ = await transcribe(recognizer, in_silence(await say(SENTENCES[2][1], "cedar")))
    assert jiwer.wer(SENTENCES[2][1], transcript.text) < 0.3
    assert crashing not in recognizer.pool.pids
    await until(lambda: not alive(crashing))


async def test_a_worker_that_died_while_idle_is_not_used(recognizer: PocketsphinxRecognizer) -> None:
    [pid] = recognizer.pool.pids
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not alive(pid))
    stream = recognizer.open()
    async with asyncio.timeout(20):
        await stream.feed(noise(200, -40))
        await stream.finish()
    assert pid not in recognizer.pool.pids


async def test_closing_ends_every_worker_and_every_utterance() -> None:
    recognizer = PocketsphinxRecognizer(PocketsphinxSettings(max_workers=1, wait_seconds=20))
    await recognizer.start()
    first, second = recognizer.open(), recognizer.open()
    await first.feed(noise(200, -40))
    pids = recognizer.pool.pids
    waiting = asyncio.create_task(second.feed(noise(200, -40)))
    await asyncio.sleep(0)
    await recognizer.aclose()
    await recognizer.aclose()
    with pytest.raises(StageError, match="closed"):
        async with asyncio.timeout(5):
            await waiting
    with pytest.raises(StageError):
        async with asyncio.timeout(5):
            await first.finish()
    assert not any(alive(pid) for pid in pids)
    assert recognizer.pool.size == 0
    with pytest.raises(LocalProtocolError):
        await recognizer.start()


async def test_closing_while_a_worker_is_starting_leaves_none() -> None:
    recognizer = PocketsphinxRecognizer(PocketsphinxSettings(max_workers=4))
    await recognizer.start()
    stream = recognizer.open()
    await stream.feed(noise(200, -40))
    await recognizer.aclose()
    await stream.aclose()
    children = await asyncio.to_thread(child_commands)
    assert not [command for command in children if "pocketsphinx_worker" in command]


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for another process's child needs Linux")
def test_workers_end_when_the_server_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(
        "import asyncio\n"
        "from antiphon.engine.stages import StageOptions\n"
        "from antiphon.engine.stt import open_pocketsphinx\n"
        "async def main():\n"
        "    recognizer = open_pocketsphinx(StageOptions())\n"
        "    await recognizer.start()\n"
        "    print(*recognizer.pool.pids, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        worker = os.pidfd_open(int(server.stdout.readline()))
        server.kill()
    ended, _, _ = select.select([worker], [], [], 10)
    os.close(worker)
    assert ended


# ── limits and settings ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_utterance_is_cut_at_pauses_and_loses_no_words(recognizer: PocketsphinxRecognizer) -> None:
    voice, text = SENTENCES[3]
    sentence = in_silence(await say(text, voice))
    times = int(26 / (len(sentence) / 48_000)) + 1
    stream = recognizer.open(hints=HINTS)
    async with asyncio.timeout(100):
        for _ in range(times):
            await stream.feed(sentence)
        transcript = await stream.finish()
    assert jiwer.wer(" ".join([text] * times), transcript.text) < 0.3


async def test_an_endless_utterance_is_refused(recognizer: PocketsphinxRecognizer) -> None:
    stream = recognizer.open()
    with pytest.raises(StageError, match="600 seconds"):
        await stream.feed(bytes(601 * 48_000))


async def test_other_languages_are_refused_in_words(recognizer: PocketsphinxRecognizer) -> None:
    for language in ("en", "en-US", "en_GB", "EN", None):
        recognizer.open(language=language)
    with pytest.raises(StageError, match=r"English only.*--stt"):
        recognizer.open(language="de")


def test_the_number_of_workers_can_be_set() -> None:
    assert open_pocketsphinx(StageOptions(extra={"workers": "3"})).pool.limit == 3
    assert open_pocketsphinx(StageOptions()).pool.limit >= 2
    for wrong in ("0", "-1", "many", "1000"):
        with pytest.raises(ConfigurationError, match="workers"):
            open_pocketsphinx(StageOptions(extra={"workers": wrong}))


def test_a_missing_package_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(StageUnavailable, match=r"antiphon\[local\]"):
        open_pocketsphinx(StageOptions())


@pytest.mark.skipif(clips() is None, reason=NO_CLIPS)
async def test_real_voices_are_understood_as_well_as_measured(recognizer: PocketsphinxRecognizer) -> None:
    """The measured rate over all recordings is 0.31; this holds the short ones to a bound above it."""
    said, heard = [], []
    for clip in clips() or ():
        if len(clip.pcm) < 3 * 48_000:
            said.append(clip.transcript)
            heard.append((await transcribe(recognizer, clip.pcm))[0].text)
    assert len(said) >= 8
    assert jiwer.wer(said, heard) < 0.4
