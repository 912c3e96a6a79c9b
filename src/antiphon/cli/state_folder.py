"""Where what Antiphon keeps for this user is on this machine. What is kept there is its owner's business."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from antiphon.server.tls import write_private


def state_folder() -> Path:
    """ANTIPHON_STATE_DIR, else the system's place for such things (XDG_STATE_HOME; macOS: Application Support)."""
    if named := os.environ.get("ANTIPHON_STATE_DIR"):
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "antiphon"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "antiphon"


def kept_token(folder: Path) -> str:
    """The access token of this machine's own network, made once: a phone that was let in stays so. Raises
    ConfigurationError."""
    path = folder / "access-token"
    try:
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        kept = ""
    if len(kept) < 24 or not all(c.isalnum() or c in "-_" for c in kept):
        kept = secrets.token_urlsafe(24)
        write_private(path, kept.encode())
    path.chmod(0o600)
    return kept
