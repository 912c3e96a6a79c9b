"""The embedded voice, with the real library in its helper process."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import combinations
from pathlib import Path

import pytest

from antiphon.audio import peak, rms_dbfs
from antiphon.engine.stages import SpeechChunk, StageOptions, WordMark
from antiphon.engine.tts import EspeakSynthesizer, open_espeak
from antiphon.engine.tts.espeak_voices import PROTOCOL_VOICES
from antiphon.errors import StageError, StageUnavailable
from child_processes import child_commands

FOX = "The quick brown fox jumps over the lazy dog, and then it goes home."
LONG = "This is one sentence from a long story that somebody tells. " * 300


@pytest.fixture
async def voice() -> AsyncIterator[EspeakSynthesizer]:
    synthesizer = open_espeak(StageOptions())
    await synthesizer.start()
    yield synthesizer
    await synthesizer.aclose()


async def chunks(
    voice: EspeakSynthesizer, text: str = FOX, name: str = "alloy", speed: float = 1.0
) -> list[SpeechChunk]:
    async with asyncio.timeout(20):
        return [chunk async for chunk in voice.speak(text, voice=name, speed=speed)]


async def spoken(voice: EspeakSynthesizer, text: str = FOX, name: str = "alloy", speed: float = 1.0) -> bytes:
    return b"".join(chunk.pcm for chunk in await chunks(voice, text, name, speed))


def seconds(pcm: bytes) -> float:
    return len(pcm) / 48_000


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_speech_comes_in_small_pieces_at_a_good_level(voice: EspeakSynthesizer) -> None:
    got = await chunks(voice)
    pcm = b"".join(chunk.pcm for chunk in got)
    assert len(got) > 20
    assert all(chunk.pcm and len(chunk.pcm) % 2 == 0 for chunk in got)
    assert 3.0 < seconds(pcm) < 6.0
    assert -25 < rms_dbfs(pcm) < -17
    assert peak(pcm) < 0.99


async def test_there_is_hardly_any_silence_in_front_and_a_pause_behind(voice: EspeakSynthesizer) -> None:
    samples = array("h", await spoken(voice, "Hello."))
    loud = [index for index, sample in enumerate(samples) if abs(sample) > 300]
    assert loud[0] / 24 < 40
    assert 100 < (len(samples) - loud[-1]) / 24 < 500


async def test_words_are_marked_where_they_begin_and_are_heard(voice: EspeakSynthesizer) -> None:
    got = await chunks(voice)
    marks = [mark for chunk in got for mark in chunk.marks]
    words = [FOX[mark.start :].split(maxsplit=1)[0] for mark in marks]
    assert words == FOX.split()
    times = [mark.at_ms for mark in marks]
    assert times == sorted(times)
    # Each mark comes with the chunk in which it is heard.
    heard_ms = 0.0
    for chunk in got:
        end_ms = heard_ms + len(chunk.pcm) / 48
        assert all(heard_ms - 30 <= mark.at_ms < end_ms for mark in chunk.marks)
        heard_ms = end_ms
    dog = next(mark for mark in marks if FOX[mark.start :].startswith("dog"))
    assert 1_500 < dog.at_ms < 3_500


async def test_marks_point_into_the_text_as_it_was_written(voice: EspeakSynthesizer) -> None:
    text = "It **costs** $5.50 at https://example.com/a?b=1, \U0001f600 ok?"
    marks = [mark for chunk in await chunks(voice, text) for mark in chunk.marks]
    assert [text[mark.start :].split(maxsplit=1)[0] for mark in marks] == [
        "It", "**costs**", "$5.50", "at", "https://example.com/a?b=1,", "ok?",
    ]  # fmt: skip


async def test_long_text_is_spoken_whole_with_marks_throughout(voice: EspeakSynthesizer) -> None:
    text = LONG[:1_200]
    got = await chunks(voice, text)
    marks: list[WordMark] = [mark for chunk in got for mark in chunk.marks]
    assert [mark.start for mark in marks] == sorted({mark.start for mark in marks})
    assert len(marks) == len(text.split())
    assert marks[-1].at_ms < seconds(b"".join(chunk.pcm for chunk in got)) * 1000
    assert marks[-1].at_ms > 50_000


async def test_speed_changes_the_length(voice: EspeakSynthesizer) -> None:
    length = {speed: seconds(await spoken(voice, speed=speed)) for speed in (0.25, 0.5, 1.0, 1.5)}
    assert length[0.25] == pytest.approx(4 * length[1.0], rel=0.2)
    assert length[0.5] == pytest.approx(2 * length[1.0], rel=0.15)
    assert length[1.5] == pytest.approx(length[1.0] / 1.5, rel=0.15)


async def test_the_ten_voices_sound_different_and_equally_loud(voice: EspeakSynthesizer) -> None:
    heard = {name: await spoken(voice, name=name) for name in PROTOCOL_VOICES}
    for name, pcm in heard.items():
        assert -24 < rms_dbfs(pcm) < -18, name
        assert peak(pcm) < 0.99, name
    for one, other in combinations(heard, 2):
        a, b = (array("h", heard[name])[4_800:24_000] for name in (one, other))
        difference = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / sum(x * x for x in a)
        assert difference > 0.2, (one, other)


async def test_other_languages_by_name_and_the_default_for_unknown_ones(voice: EspeakSynthesizer) -> None:
    assert {"de", "fr-fr", "en-gb-x-rp"} <= set(voice.voices)
    german = await spoken(voice, "Achtundzwanzig Menschen", "de")
    english = await spoken(voice, "Achtundzwanzig Menschen", "alloy")
    unknown = await spoken(voice, "Achtundzwanzig Menschen", "no such voice")
    assert seconds(german) != pytest.approx(seconds(english), rel=0.02)
    assert seconds(unknown) == pytest.approx(seconds(english), rel=0.02)


@pytest.mark.parametrize("text", ["", "  \n", "...", "\U0001f600", "\x00\x07"])
async def test_nothing_to_say_is_silence_and_no_error(voice: EspeakSynthesizer, text: str) -> None:
    assert await spoken(voice, text) == b""


async def test_markup_for_the_voice_is_not_obeyed(voice: EspeakSynthesizer) -> None:
    plain = seconds(await spoken(voice, "one two"))
    assert seconds(await spoken(voice, 'one <break time="9s"/> two')) == pytest.approx(plain, rel=0.1)
    assert seconds(await spoken(voice, "one [[h@l'oU]] two")) > plain


async def test_too_long_a_text_is_refused(voice: EspeakSynthesizer) -> None:
    with pytest.raises(StageError, match="20000"):
        await spoken(voice, "a" * 20_001)


async def test_leaving_early_stops_the_work_at_once(voice: EspeakSynthesizer) -> None:
    began = time.perf_counter()
    await spoken(voice, LONG)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    async with asyncio.timeout(5), aclosing(voice.speak(LONG, voice="alloy")) as stream:
        await anext(stream)
    # What was left is neither waited for by the next one nor heard in it.
    assert seconds(await spoken(voice, "Hello.")) < 2
    assert time.perf_counter() - began < whole / 3


async def test_a_cancelled_listener_leaves_the_voice_usable(voice: EspeakSynthesizer) -> None:
    for _ in range(5):
        task = asyncio.create_task(spoken(voice, LONG))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert seconds(await spoken(voice, "Hello.")) < 2


async def test_a_short_answer_does_not_wait_for_a_long_one(voice: EspeakSynthesizer) -> None:
    order: list[str] = []

    async def listen(name: str, text: str) -> None:
        await spoken(voice, text)
        order.append(name)

    await asyncio.gather(listen("long", LONG), listen("short", "Hello."), listen("short", "Yes."))
    assert order == ["short", "short", "long"]


async def test_sessions_do_not_hear_each_other(voice: EspeakSynthesizer) -> None:
    texts = ["Hello.", "This one is a good deal longer than the others.", "Two words"]
    alone = [seconds(await spoken(voice, text)) for text in texts]
    together = await asyncio.gather(*(spoken(voice, text) for text in texts * 4))
    assert [seconds(pcm) for pcm in together] == pytest.approx(alone * 4, rel=0.03)


async def test_several_sessions_may_be_the_first() -> None:
    voice = open_espeak(StageOptions())
    lengths = [seconds(pcm) for pcm in await asyncio.gather(*(spoken(voice, "Hello.") for _ in range(4)))]
    assert lengths == pytest.approx([lengths[0]] * 4, rel=0.03)
    children = await asyncio.to_thread(child_commands)
    assert sum("espeak_worker" in command for command in children) == 1
    await voice.aclose()


async def test_a_crashed_helper_costs_one_clause(voice: EspeakSynthesizer) -> None:
    first = voice.helper_pid
    assert first is not None
    stream = voice.speak(LONG, voice="alloy")
    await anext(stream)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StageError, match="anew"):
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
    assert seconds(await spoken(voice, "Hello.")) > 0.3
    assert voice.helper_pid != first
    assert not alive(first)


async def test_closing_ends_the_helper_and_whoever_still_listens() -> None:
    voice = open_espeak(StageOptions())
    await voice.start()
    pid = voice.helper_pid
    assert pid is not None
    stream = voice.speak(LONG, voice="alloy")
    await anext(stream)
    await voice.aclose()
    await voice.aclose()
    assert not alive(pid)
    with pytest.raises(StageError):
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
    with pytest.raises(StageUnavailable):
        await voice.start()
    del stream
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waiting for another process's child needs Linux")
def test_the_helper_ends_when_the_server_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text(
        "import asyncio\n"
        "from antiphon.engine.stages import StageOptions\n"
        "from antiphon.engine.tts import open_espeak\n"
        "async def main():\n"
        "    voice = open_espeak(StageOptions())\n"
        "    await voice.start()\n"
        "    print(voice.helper_pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        helper = os.pidfd_open(int(server.stdout.readline()))
        server.kill()
    ended, _, _ = select.select([helper], [], [], 10)
    os.close(helper)
    assert ended


def test_the_server_process_never_loads_the_library() -> None:
    """espeak-ng is GPL-3.0: only the helper may load it."""
    program = (
        "import asyncio, sys\n"
        "from antiphon.engine.stages import StageOptions\n"
        "from antiphon.engine.tts import open_espeak\n"
        "async def main():\n"
        "    voice = open_espeak(StageOptions())\n"
        "    assert [chunk async for chunk in voice.speak('hello', voice='alloy')]\n"
        "    await voice.aclose()\n"
        "asyncio.run(main())\n"
        "assert 'espeakng_loader' not in sys.modules\n"
        "maps = open('/proc/self/maps').read() if sys.platform == 'linux' else ''\n"
        "assert 'espeak' not in maps\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_missing_library_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(StageUnavailable, match=r"antiphon\[local\]"):
        open_espeak(StageOptions())
