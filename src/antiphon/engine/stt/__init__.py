"""Recognizers: 24 kHz speech in, text out. When an utterance begins and ends is decided elsewhere."""

from antiphon.engine.stt.pocketsphinx import PocketsphinxRecognizer
from antiphon.engine.stt.pocketsphinx import open_recognizer as open_pocketsphinx

__all__ = ["PocketsphinxRecognizer", "open_pocketsphinx"]
