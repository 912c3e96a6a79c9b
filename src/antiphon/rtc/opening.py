"""How a transport is opened without knowing what it is made of."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.audio.opus import library_version
from antiphon.rtc.settings import RtcSettings, TransportUnavailable
from antiphon.rtc.transport import CallerTransport, CallHandler, CallTransport


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
    """A new transport for one call that we answer. Raises TransportUnavailable without the [rtc] extra.

    aiortc is imported here and not before: the core install does without it.
    """
    return _transport_class()(handler, settings)


def open_caller(
    handler: CallHandler,
    settings: RtcSettings | None = None,
    *,
    label: str = "oai-events",
    may_be_here: bool = True,
    on_shaky: Callable[[bool], None] | None = None,
    on_state: Callable[[str], None] | None = None,
    on_gathering: Callable[[str], None] | None = None,
) -> CallerTransport:
    """A new transport for one call that we make. Raises TransportUnavailable without the [rtc] extra.

    label: of the data channel that we open. may_be_here: whether the peer may be on this machine, so that loopback is
    offered too. on_shaky: told True when nothing has come from the peer for
    `shaky_after_s`, False when it is back; only a silence of `silence_timeout_s` ends the call. on_state: told of the
    connection's states in a browser's words. on_gathering: told "gathering", then "complete" or "timeout".
    """
    try:
        from antiphon.rtc.aiortc_caller import AiortcCaller  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    shaky = False

    def told(state: str) -> None:
        nonlocal shaky
        before, shaky = shaky, state == "disconnected"
        if on_shaky is not None and shaky is not before and state in ("connected", "disconnected"):
            on_shaky(shaky)
        if on_state is not None:
            on_state(state)

    return AiortcCaller(
        handler, settings, label=label, may_be_here=may_be_here, on_state=told, on_gathering=on_gathering
    )


def _transport_class() -> Callable[[CallHandler, RtcSettings | None], CallTransport]:
    try:
        from antiphon.rtc.aiortc_transport import AiortcTransport  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    return AiortcTransport


def _missing(error: ImportError) -> TransportUnavailable:
    return TransportUnavailable(f"WebRTC needs the Python package {error.name}: install antiphon with its [rtc] extra")
