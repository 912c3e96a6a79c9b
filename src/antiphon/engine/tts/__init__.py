"""Voices: text in, 24 kHz speech out, with marks for the words. What is said, and when, is decided elsewhere."""

from antiphon.engine.tts.espeak import EspeakSynthesizer
from antiphon.engine.tts.espeak import open_synthesizer as open_espeak

__all__ = ["EspeakSynthesizer", "open_espeak"]
