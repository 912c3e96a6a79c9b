"""How a transport is opened without knowing what it is made of."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.audio.opus import library_version
from antiphon.rtc.settings import RtcSettings, TransportUnavailable
from antiphon.rtc.transport import CallHandler, CallTransport


def load_transport() -> None:
    """Load what the first call would otherwise wait for (about half a second): aiortc, libopus, a certificate.

    Raises TransportUnavailable or StageUnavailable for what is missing.
    """
    try:
        from antiphon.rtc.certificate import process_certificate  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    _transport_class()
    library_version()
    process_certificate()


def open_transport(handler: CallHandler, settings: RtcSettings | None = None) -> CallTransport:
    """A new transport for one call. Raises TransportUnavailable where the [local] extra is not installed.

    aiortc is imported here and not before: the core install does without it.
    """
    return _transport_class()(handler, settings)


def _transport_class() -> Callable[[CallHandler, RtcSettings | None], CallTransport]:
    try:
        from antiphon.rtc.aiortc_transport import AiortcTransport  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    return AiortcTransport


def _missing(error: ImportError) -> TransportUnavailable:
    return TransportUnavailable(
        f"WebRTC needs the Python package {error.name}: install antiphon with its [local] extra"
    )
