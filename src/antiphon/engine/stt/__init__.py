"""Recognizers: 24 kHz speech in, text out. When an utterance begins and ends is decided elsewhere."""

from antiphon.engine.stt.openai_compatible import RemoteRecognizer
from antiphon.engine.stt.openai_compatible import open_recognizer as open_remote_recognizer
from antiphon.engine.stt.pocketsphinx import PocketsphinxRecognizer
from antiphon.engine.stt.pocketsphinx import open_recognizer as open_pocketsphinx

__all__ = ["PocketsphinxRecognizer", "RemoteRecognizer", "open_pocketsphinx", "open_remote_recognizer"]
