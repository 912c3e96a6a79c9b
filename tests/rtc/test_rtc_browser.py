"""A real browser on the other side: what a page says is heard, what we say the page hears, events go both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from antiphon.audio.wav import wav_bytes
from antiphon.rtc import load_transport
from antiphon.rtc.aiortc_transport import AiortcTransport
from call_recorder import RATE, CallRecorder, loudest_frequency, rms, tone
from chromium import launch_arguments, require_chromium

pytestmark = pytest.mark.browser

ORIGIN = "http://localhost:9/"
"""Never asked: the page is handed to the browser. Only localhost and https pages may use a microphone."""

CONNECT = """
async (order) => {
  const microphone = await navigator.mediaDevices.getUserMedia(
      {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const pc = window.pc = new RTCPeerConnection();
  const add = {
    audio: () => pc.addTrack(microphone.getTracks()[0], microphone),
    video: () => pc.addTransceiver('video', {direction: 'recvonly'}),
    channel: () => { window.channel = pc.createDataChannel('oai-events'); },
  };
  for (const what of order) add[what]();
  window.messages = [];
  channel.onmessage = (event) => messages.push(event.data);
  const opened = new Promise((resolve) => { channel.onopen = resolve; });
  const heard = new Promise((resolve) => {
    pc.ontrack = (event) => { if (event.track.kind === 'audio') resolve(new MediaStream([event.track])); };
  });
  await pc.setLocalDescription(await pc.createOffer());
  const answer = await answerOffer(pc.localDescription.sdp);
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
  const stream = await heard;
  const player = new Audio();
  player.srcObject = stream;
  await player.play();
  const context = window.context = new AudioContext();
  await context.resume();
  window.analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  context.createMediaStreamSource(stream).connect(analyser);
  await opened;
}
"""

LISTEN = """
() => {
  const bins = new Float32Array(analyser.frequencyBinCount), wave = new Float32Array(analyser.fftSize);
  analyser.getFloatFrequencyData(bins);
  analyser.getFloatTimeDomainData(wave);
  const peak = bins.reduce((best, value, at) => value > bins[best] ? at : best, 0);
  return {
    level: Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length),
    frequency: peak * context.sampleRate / analyser.fftSize,
  };
}
"""


@asynccontextmanager
async def page_call(tmp_path: Path, order: list[str]) -> AsyncIterator[tuple[Page, CallRecorder, AiortcTransport]]:
    """A page that is in a call with a transport; its microphone plays a 700 Hz tone."""
    microphone = tmp_path / "microphone.wav"
    microphone.write_bytes(wav_bytes(tone(700, 4.0), RATE))
    recorder = CallRecorder()
    transport = AiortcTransport(recorder)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=launch_arguments(microphone=microphone, loop=True)
        )
        try:
            page = await browser.new_page()
            await page.route(ORIGIN, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
            await page.goto(ORIGIN)
            await page.expose_function("answerOffer", transport.answer)
            async with asyncio.timeout(30):
                await page.evaluate(CONNECT, order)
                await recorder.opened.wait()
            yield page, recorder, transport
        finally:
            await transport.close()
            await browser.close()


async def heard_in_page(page: Page, frequency: float) -> float:
    """Wait until the page hears that tone at nearly its full level (0.173), and return the level there, 0.0 to 1.0."""
    handle = await page.wait_for_function(
        f"() => {{ const now = ({LISTEN})(); "
        f"return now.level > 0.14 && Math.abs(now.frequency - {frequency}) < 25 && now; }}",
        timeout=15_000,
        polling=50,
    )
    return float((await handle.json_value())["level"])


@pytest.mark.parametrize("order", [["audio", "channel"], ["video", "audio", "channel"], ["channel", "video", "audio"]])
async def test_tone_and_events_go_both_ways(tmp_path: Path, order: list[str]) -> None:
    async with page_call(tmp_path, order) as (page, recorder, transport):
        await page.evaluate('() => channel.send(\'{"type": "from.page"}\')')
        async with asyncio.timeout(10):
            assert await recorder.events.get() == '{"type": "from.page"}'
        transport.send_event('{"type": "from.server"}')
        await page.wait_for_function("() => messages.length === 1 && JSON.parse(messages[0]).type === 'from.server'")

        heard = (await recorder.heard(2.0))[-RATE:]
        assert loudest_frequency(heard) == pytest.approx(700, abs=10)
        assert rms(heard) == pytest.approx(8000 / 2**0.5, rel=0.1)

        transport.send_audio(tone(440, 10.0))
        assert await heard_in_page(page, 440) == pytest.approx(8000 / 32768 / 2**0.5, rel=0.25)
        transport.flush_audio()
        await page.wait_for_function(f"() => ({LISTEN})().level < 0.003", timeout=5000, polling=20)


async def test_after_a_pause_speech_is_heard_at_once_and_whole(tmp_path: Path) -> None:
    async with page_call(tmp_path, ["audio", "channel"]) as (page, _, transport):
        for frequency in (400.0, 800.0):
            transport.send_audio(tone(frequency, 0.6))
            transport.end_audio()
            await heard_in_page(page, frequency)
            await page.wait_for_function(f"() => ({LISTEN})().level < 0.003", timeout=5000, polling=20)
        reports = await page.evaluate("async () => [...(await pc.getStats()).values()]")
        (inbound,) = [r for r in reports if r["type"] == "inbound-rtp" and r["kind"] == "audio"]
        assert inbound["packetsLost"] == 0
        assert inbound["packetsDiscarded"] == 0
        mean_delay = inbound["jitterBufferDelay"] / inbound["jitterBufferEmittedCount"]
        assert mean_delay < 0.25
        assert [r for r in reports if r["type"] == "remote-inbound-rtp"], "our receiver reports do not reach the page"


async def test_messages_of_a_photos_size_come_from_a_page(tmp_path: Path) -> None:
    async with page_call(tmp_path, ["audio", "channel"]) as (page, recorder, transport):
        size = await page.evaluate("() => pc.sctp.maxMessageSize")
        assert size >= 262_144
        await page.evaluate("(size) => channel.send('x'.repeat(size))", 262_144)
        async with asyncio.timeout(30):
            assert await recorder.events.get() == "x" * 262_144
        assert transport.max_message_size == 262_144
        transport.send_event("y" * 262_144)
        await page.wait_for_function("() => messages.length === 1 && messages[0].length === 262144")


async def test_a_page_that_hangs_up_is_noticed_at_once(tmp_path: Path) -> None:
    async with page_call(tmp_path, ["audio", "channel"]) as (page, recorder, _):
        await page.evaluate("() => pc.close()")
        async with asyncio.timeout(5):
            await recorder.closed.wait()


HIDDEN = """
async () => {
  const pc = window.pc = new RTCPeerConnection();
  pc.addTransceiver('audio', {direction: 'recvonly'});
  const channel = pc.createDataChannel('oai-events');
  const opened = new Promise((resolve) => { channel.onopen = resolve; });
  const gathered = new Promise((resolve) => {
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === 'complete') resolve(); };
  });
  await pc.setLocalDescription(await pc.createOffer());
  await gathered;
  await pc.setRemoteDescription({type: 'answer', sdp: await answerOffer(pc.localDescription.sdp)});
  await opened;
  return pc.localDescription.sdp;
}
"""


async def test_a_page_that_hides_its_addresses_connects_without_a_wait() -> None:
    recorder = CallRecorder()
    transport = AiortcTransport(recorder)
    took: list[float] = []

    async def answer(offer: str) -> str:
        started = asyncio.get_running_loop().time()
        text = await transport.answer(offer)
        took.append(asyncio.get_running_loop().time() - started)
        return text

    load_transport()
    async with async_playwright() as playwright:
        # The switches for a microphone would make Chromium show its addresses.
        switches = [s for s in launch_arguments() if "media-stream" not in s]
        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=[*switches, "--enable-features=WebRtcHideLocalIpsWithMdns"]
        )
        try:
            page = await browser.new_page()
            await page.route(ORIGIN, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
            await page.goto(ORIGIN)
            await page.expose_function("answerOffer", answer)
            async with asyncio.timeout(30):
                offer = await page.evaluate(HIDDEN)
                await recorder.opened.wait()
        finally:
            await transport.close()
            await browser.close()
    candidates = [line for line in offer.split("\r\n") if line.startswith("a=candidate")]
    if not any(".local" in line for line in candidates):
        pytest.skip("this Chromium does not hide its addresses")
    assert took[0] < 0.5, "the answer waited for the look-up of a .local name"
