"""Voices: text in, 24 kHz speech out, with marks for the words. What is said, and when, is decided elsewhere."""

from antiphon.engine.tts.espeak import EspeakSynthesizer
from antiphon.engine.tts.espeak import open_synthesizer as open_espeak
from antiphon.engine.tts.openai_compatible import RemoteSynthesizer
from antiphon.engine.tts.openai_compatible import open_synthesizer as open_remote_synthesizer

__all__ = ["EspeakSynthesizer", "RemoteSynthesizer", "open_espeak", "open_remote_synthesizer"]
