"""How a transport is opened without knowing what it is made of."""

from __future__ import annotations

from antiphon.rtc.settings import RtcSettings, TransportUnavailable
from antiphon.rtc.transport import CallHandler, CallTransport


def open_transport(handler: CallHandler, settings: RtcSettings | None = None) -> CallTransport:
    """A new transport for one call. Raises TransportUnavailable where the [local] extra is not installed.

    aiortc is imported here and not before: the core install does without it.
    """
    try:
        from antiphon.rtc.aiortc_transport import AiortcTransport  # noqa: PLC0415
    except ImportError as error:
        raise TransportUnavailable(
            f"WebRTC needs the Python package {error.name}: install antiphon with its [local] extra"
        ) from error
    return AiortcTransport(handler, settings)
