"""`antiphon serve`: from options to a server that runs until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import threading
import webbrowser
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from antiphon.cli.logs import configure_logging
from antiphon.cli.upstream_options import call_minutes
from antiphon.cli.welcome import welcome
from antiphon.errors import AntiphonError, ConfigurationError
from antiphon.server import ServerSettings, bind, create_app, listening
from antiphon.server.access import is_loopback

if TYPE_CHECKING:
    from antiphon.rtc import RtcSettings

logger = logging.getLogger("antiphon.cli")

FAILED, INTERRUPTED = 1, 128 + signal.SIGINT
CALLS_PER_MINUTE = 60
"""From one address, where others than this machine can call."""
STOP_SECONDS = 2.8
"""From the signal to the end of the process, whatever hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The options of `antiphon serve`, as the command line declares and describes them."""

    agent: str | None
    upstream: str | None
    model: str | None
    instructions: str | None
    api_key: str | None = field(repr=False)
    upstream_url: str | None
    azure_endpoint: str | None
    azure_deployment: str | None
    azure_key: str | None = field(repr=False)
    azure_api_version: str | None
    max_session_changes: int
    host: str
    port: int
    llm: str | None
    llm_model: str | None
    llm_key: str | None = field(repr=False)
    discovery: bool
    stt: str | None
    stt_model: str | None
    stt_key: str | None = field(repr=False)
    tts: str | None
    tts_model: str | None
    tts_key: str | None = field(repr=False)
    voice: str | None
    vad_model: str | None
    token: str | None = field(repr=False)
    allow_origins: tuple[str, ...]
    allow_hosts: tuple[str, ...]
    max_calls: int
    max_call_minutes: float | None
    max_calls_per_minute: int | None
    app_tokens: tuple[str, ...] = field(repr=False)
    signing_key: str | None = field(repr=False)
    ice_servers: tuple[str, ...]
    turn_secret: str | None = field(repr=False)
    advertise_address: str | None
    udp_ports: tuple[int, int] | None
    log_level: str
    open_page: bool


def run_serve(options: ServeOptions) -> int:
    """Serve until a signal; returns the exit code. What the user can put right is said in one line, no traceback."""
    configure_logging(options.log_level)
    try:
        return asyncio.run(_serve(options))
    except AntiphonError as error:
        click.echo(f"antiphon: {error}", err=True)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


async def _serve(options: ServeOptions) -> int:
    stop = _stop_on_signals()
    open_to_all = is_loopback(options.host) and not options.app_tokens
    token = options.token or (None if open_to_all else secrets.token_urlsafe(24))
    settings = server_settings(options, token)
    sockets = bind(options.host, options.port)
    try:
        from antiphon.cli.answering import make_answerer  # noqa: PLC0415 - heavy; a port in use is said before

        port = sockets[0].getsockname()[1]
        answerer, told = await make_answerer(options, own_port=port)
        app = create_app(answerer, settings)
    except BaseException:
        for bound in sockets:
            bound.close()
        raise
    async with listening(app, sockets):
        ready = asyncio.create_task(app.state.calls.settled())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                shown = addresses(options.host, port, token, given=options.token is not None)
                click.echo(welcome(answerer.describe(), shown, [*told, *notes(options.host)]))
                if options.open_page:
                    _open_page(options.host, port, token)
                await stopped
        finally:
            ready.cancel()
            stopped.cancel()
    return stop.exit_code


class Stop:
    """The wish to stop: set by the first signal, which also decides the exit code. A second one ends at once."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()

    def on_signal(self, number: signal.Signals) -> None:
        # SIGTERM is how services are stopped as planned; only an interrupt is told to the shell as such.
        code = INTERRUPTED if number is signal.SIGINT else 0
        if self._event.is_set():
            os._exit(code)
        self.exit_code = code
        self._event.set()
        watchdog = threading.Timer(STOP_SECONDS, _give_up, [code])
        watchdog.daemon = True
        watchdog.start()


def _stop_on_signals() -> Stop:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.on_signal, number)
    return stop


def _give_up(code: int) -> None:
    logger.error("something did not end in time; leaving anyway")
    os._exit(code or FAILED)


def server_settings(options: ServeOptions, token: str | None) -> ServerSettings:
    """The server's part of the options. Raises ConfigurationError."""
    for origin in options.allow_origins:
        if origin not in ("*", "null") and not origin.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"--allow-origin must be an origin such as https://app.example, or *, not {origin!r}."
            )
    # Beyond this machine the token is what protects: a page of a stranger's name has no way to it.
    alone = is_loopback(options.host)
    hosts = options.allow_hosts or (() if alone else ("*",))
    return ServerSettings(
        allowed_hosts=hosts,
        allowed_origins=options.allow_origins,
        access_token=token,
        max_calls=options.max_calls,
        max_call_seconds=call_minutes(options) * 60,
        calls_per_minute=options.max_calls_per_minute or (None if alone else CALLS_PER_MINUTE),
        bearer_tokens=options.app_tokens,
        signing_key=options.signing_key,
        ice_servers=options.ice_servers,
        turn_secret=options.turn_secret,
        rtc=_rtc_settings(options),
    )


def _rtc_settings(options: ServeOptions) -> RtcSettings | None:
    """Where peer connections are bound and what they advertise; None for the defaults. Raises ConfigurationError."""
    if options.advertise_address is None and options.udp_ports is None:
        return None
    try:
        from antiphon.rtc import RtcSettings  # noqa: PLC0415 - the media stack is an extra
    except ImportError as error:
        raise ConfigurationError(f"WebRTC's options need the package {error.name}: install antiphon[local].") from None
    return RtcSettings(advertised_address=options.advertise_address, udp_ports=options.udp_ports)


def addresses(host: str, port: int, token: str | None, *, given: bool) -> list[str]:
    """Where the page can be opened. A token that the user chose is not repeated on the screen."""
    query = "" if token is None else "?token=<your token>" if given else f"?token={token}"
    if is_loopback(host):
        return [f"http://{_in_url(host)}:{port}/{query}"]
    names = ["127.0.0.1", _own_address()] if host in ("", "0.0.0.0", "::") else [host]  # noqa: S104 - only compared
    return [f"http://{_in_url(name)}:{port}/{query}" for name in names if name]


def notes(host: str) -> list[str]:
    """What else a person should know about being reachable as they asked."""
    if is_loopback(host):
        return []
    return ["On other machines browsers allow the microphone over https only: put a TLS proxy in front for them."]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """This machine's address towards its network, or "" when it has none. Connecting a UDP socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


def _open_page(host: str, port: int, token: str | None) -> None:
    address = addresses(host, port, token, given=False)[0]
    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
