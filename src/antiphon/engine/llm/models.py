"""Reads a server's list of models and picks the one to talk to. Pure data, no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

_NOT_FOR_CHAT: Final = re.compile(
    r"embed|whisper|\btts|tts\b|-tts|rerank|moderation|transcri|speech|audio|bge-|\bclip\b|clip-|dall-e|image|realtime|"
    r"stable-diffusion|flux|guard|colbert|minilm|e5-|gte-|kokoro|orpheus|parakeet|sora|babbage|davinci",
    re.IGNORECASE,
)
_MADE_FOR_CHAT: Final = re.compile(
    r"instruct|chat|[-:_.]it\b|assistant|hermes|gpt-|llama-?3|qwen|gemma|mistral|phi", re.IGNORECASE
)
_SLOW_TO_SPEAK: Final = re.compile(
    r"deepseek-r1|\bqwq|thinking|reason|-r1\b|coder|code|math|\bbase\b|[-_]base\b", re.IGNORECASE
)


def model_names(listing: Any) -> list[str]:
    """Model names from a `/v1/models` or Ollama `/api/tags` answer, in its order, loaded ones first.

    LM Studio and others tell `state` or `status` for each; what is not loaded comes last, as it would first be loaded.
    Anything that is not such a list gives [].
    """
    entries = listing
    if isinstance(listing, dict):
        entries = listing.get("data", listing.get("models"))
    if not isinstance(entries, list):
        return []
    loaded: list[str] = []
    others: list[str] = []
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        name = entry.get("id") or entry.get("name") or entry.get("model")
        if not isinstance(name, str) or not name:
            continue
        if entry.get("type") in ("embeddings", "embedding"):
            continue
        state = entry.get("state") or entry.get("status")
        if isinstance(state, dict):  # llama.cpp's router: {"status": {"value": "unloaded"}}
            state = state.get("value")
        (others if state in ("not-loaded", "unloaded") else loaded).append(name)
    return list(dict.fromkeys(loaded + others))


def is_for_chat(name: str) -> bool:
    """Whether the name looks like a model that answers text with text."""
    return _NOT_FOR_CHAT.search(name) is None


def choose_model(names: Sequence[str]) -> str | None:
    """The best to talk to: the first made for chat, then one that is slower to speak, never one for other work."""
    for_chat = [name for name in names if is_for_chat(name)]
    if not for_chat:
        return None

    def rank(name: str) -> int:
        return 2 * bool(_SLOW_TO_SPEAK.search(name)) + (not _MADE_FOR_CHAT.search(name))

    return min(for_chat, key=rank)  # min keeps the server's order among equals


def same_model(wanted: str, listed: str) -> bool:
    """Ollama lists "llama3.2:latest" for what is asked for as "llama3.2"."""
    return wanted.removesuffix(":latest") == listed.removesuffix(":latest")
