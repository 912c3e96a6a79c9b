"""Where a peer's dialect becomes GA and GA its dialect: one `Edge` for each connection. The words are `protocol`'s."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from antiphon.protocol.dialects import (
    Dialect,
    TranslatedFrames,
    Translator,
    frame_from_ga,
    frame_to_ga,
    translator_for_caller,
)

logger = logging.getLogger("antiphon.server")

_GROWTH_BYTES = 4096
"""What an event may grow by when it is translated, kept free on connections that take only so much at once."""

_MOST_REPORTED = 32


class Edge:
    """One connection's translation, both ways. GA passes as it is. Used on the event loop only.

    translator: for a peer whose dialect does not say all about it; None takes the dialect's own.
    """

    def __init__(self, dialect: Dialect = Dialect.GA, translator: Translator | None = None) -> None:
        self.dialect = dialect
        if translator is None and dialect is not Dialect.GA:
            translator = translator_for_caller(dialect)
        self._translator = translator
        self._reported: set[str] = set()

    def incoming(self, data: str | bytes) -> Sequence[str | bytes]:
        """What the peer sent, as GA frames."""
        return (data,) if self._translator is None else self._told(frame_to_ga(self._translator, data))

    def outgoing(self, data: str) -> Sequence[str]:
        """A GA frame, as the peer's dialect says it: none when it does not say it."""
        if self._translator is None:
            return (data,)
        frames = self._told(frame_from_ga(self._translator, data))
        return [frame if isinstance(frame, str) else frame.decode() for frame in frames]

    def limit(self, max_event_bytes: int | None) -> int | None:
        """The most that a GA event may have, where the peer takes `max_event_bytes` of its own dialect."""
        if self._translator is None or max_event_bytes is None:
            return max_event_bytes
        return max(1024, max_event_bytes - _GROWTH_BYTES)

    def _told(self, translated: TranslatedFrames) -> Sequence[str | bytes]:
        for dropped in translated.dropped:
            if dropped.param not in self._reported and len(self._reported) < _MOST_REPORTED:
                self._reported.add(dropped.param)
                logger.info("a %s client's %s is dropped: %s", self.dialect.value, dropped.param, dropped.why)
        return translated.frames
