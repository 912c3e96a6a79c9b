"""A conversation in a file: Markdown, or JSON where the file is called so."""

from __future__ import annotations

from pathlib import Path

from antiphon.conversation import Chat
from antiphon.errors import ConfigurationError


def save_chat(chat: Chat, path: Path) -> None:
    """Write it, over what was there. Raises ConfigurationError, in words for people."""
    text = chat.to_json() if path.suffix.lower() == ".json" else chat.to_markdown()
    try:
        path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None
