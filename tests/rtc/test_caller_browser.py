"""A real browser answers our call: what we say the page hears, its microphone is heard here, events go both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from antiphon.audio.wav import wav_bytes
from antiphon.rtc import Ending, open_caller
from call_recorder import RATE, CallRecorder, loudest_frequency, rms, tone
from chromium import launch_arguments, require_chromium

pytestmark = pytest.mark.browser

ORIGIN = "http://localhost:9/"
"""Never asked: the page is handed to the browser. Only localhost and https pages may use a microphone."""

ANSWER = """
async (offer) => {
  const microphone = await navigator.mediaDevices.getUserMedia(
      {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const pc = window.pc = new RTCPeerConnection();
  window.messages = [];
  pc.ondatachannel = ({channel}) => {
    window.channel = channel;
    channel.onmessage = (event) => messages.push(event.data);
  };
  const context = window.context = new AudioContext();
  window.analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  pc.ontrack = async (event) => {
    const stream = new MediaStream([event.track]);
    const player = window.player = new Audio();
    player.srcObject = stream;
    await player.play();
    await context.resume();
    context.createMediaStreamSource(stream).connect(analyser);
  };
  await pc.setRemoteDescription({type: 'offer', sdp: offer});
  pc.addTrack(microphone.getTracks()[0], microphone);
  const gathered = new Promise((resolve) => {
    pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === 'complete') resolve(); };
  });
  await pc.setLocalDescription(await pc.createAnswer());
  await gathered;
  return pc.localDescription.sdp;
}
"""

HEARS = """
(frequency) => {
  const bins = new Float32Array(analyser.frequencyBinCount), wave = new Float32Array(analyser.fftSize);
  analyser.getFloatFrequencyData(bins);
  analyser.getFloatTimeDomainData(wave);
  const peak = bins.reduce((best, value, at) => value > bins[best] ? at : best, 0);
  const level = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
  return level > 0.14 && Math.abs(peak * context.sampleRate / analyser.fftSize - frequency) < 25;
}
"""


async def test_a_page_answers_our_call(tmp_path: Path) -> None:
    microphone = tmp_path / "microphone.wav"
    microphone.write_bytes(wav_bytes(tone(700, 4.0), RATE))
    recorder = CallRecorder()
    caller = open_caller(recorder)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_chromium(), args=launch_arguments(microphone=microphone, loop=True)
        )
        try:
            page = await browser.new_page()
            await page.route(ORIGIN, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
            await page.goto(ORIGIN)
            await caller.accept(await page.evaluate(ANSWER, await caller.offer()))
            async with asyncio.timeout(15):
                await recorder.opened.wait()
            assert await page.evaluate("() => channel.label") == "oai-events"
            caller.send_event('{"type": "from.caller"}')
            await page.wait_for_function(
                "() => messages.length === 1 && JSON.parse(messages[0]).type === 'from.caller'"
            )
            await page.evaluate('() => channel.send(\'{"type": "from.page"}\')')
            async with asyncio.timeout(5):
                assert await recorder.events.get() == '{"type": "from.page"}'
            heard = (await recorder.heard(2.0))[-RATE:]
            assert loudest_frequency(heard) == pytest.approx(700, abs=10)
            assert rms(heard) == pytest.approx(8000 / 2**0.5, rel=0.1)
            caller.send_audio(tone(440, 10.0))
            await page.wait_for_function(HEARS, arg=440, timeout=15_000, polling=50)
            stats = caller.stats()
            assert stats.round_trip_ms is not None
            assert stats.loss_out < 0.1
            reports = await page.evaluate("async () => [...(await pc.getStats()).values()]")
            assert [r for r in reports if r["type"] == "remote-inbound-rtp"], (
                "our receiver reports do not reach the page"
            )
            assert caller.max_message_size == 262_144
            await page.evaluate("() => pc.close()")
            async with asyncio.timeout(5):
                await recorder.closed.wait()
            assert caller.ending is Ending.PEER
        finally:
            await caller.close()
            await browser.close()
