"""How the program logs: one format, on standard error, with nothing secret in it."""

from __future__ import annotations

import logging
import re
import sys

LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_SAFE_PARAMETERS = frozenset({"model", "intent", "call_id", "deployment", "api-version"})
_PARAMETER = re.compile(r"(?<=[?&#])([\w.~%-]+)=([^&\s\"'<>]*)")
_HEADER = re.compile(
    r"(?i)\b(authorization|proxy-authorization|api-key|x-api-key|cookie|set-cookie)(['\"]?\s*[:=,]\s*)[^\r\n]+"
)
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"',)]+")
_KEY = re.compile(r"\b(openai-insecure-api-key\.|sk-|ek_)[\w.~-]+")
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


def redact(text: str) -> str:
    """`text` without what could be a secret: query values but harmless ones, credentials in headers, keys by prefix."""
    text = _PARAMETER.sub(lambda m: m[0] if m[1] in _SAFE_PARAMETERS else f"{m[1]}=…", text)
    text = _HEADER.sub(r"\1\2…", text)
    text = _BEARER.sub("Bearer …", text)
    text = _KEY.sub(r"\1…", text)
    return _USERINFO.sub("…@", text)


class RedactingFormatter(logging.Formatter):
    """Redacts the whole of a record: its message, its arguments and its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure_logging(level: str) -> None:
    """Set logging up for the whole process. level: one of `LEVELS`.

    Other people's loggers are held to warnings, except at "debug": the house's own lines say what a call does.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(_FORMAT, "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if level == "debug" else logging.WARNING, force=True)
    logging.getLogger("antiphon").setLevel(level.upper())
    logging.captureWarnings(True)
