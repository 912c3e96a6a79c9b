"""`antiphon serve`: from options to a server that runs until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
from starlette.applications import Starlette

from antiphon.cli.logs import configure_logging
from antiphon.cli.reach import Reach, reach_of
from antiphon.cli.upstream_options import call_minutes
from antiphon.cli.welcome import welcome
from antiphon.errors import AntiphonError, ConfigurationError
from antiphon.server import ServerSettings, create_app, listening
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
    lan: bool
    tls_cert: str | None
    tls_key: str | None
    inspect: bool | None


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
    reach = reach_of(options)
    try:
        settings = server_settings(options, reach.token, reach.hosts)
        from antiphon.cli.answering import make_answerer  # noqa: PLC0415 - heavy; a port in use is said before

        answerer, told = await make_answerer(options, own_port=reach.port)
        app = create_app(answerer, settings)
    except BaseException:
        reach.close()
        raise
    async with _listening(app, reach):
        ready = asyncio.create_task(app.state.calls.settled())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                click.echo(welcome(answerer.describe(), list(reach.addresses), [*told, *reach.notes], reach.qr_code))
                if options.open_page:
                    _open_page(reach)
                await stopped
        finally:
            ready.cancel()
            stopped.cancel()
    return stop.exit_code


@asynccontextmanager
async def _listening(app: Starlette, reach: Reach) -> AsyncIterator[None]:
    """Serve the app wherever it is to be reached; the first listener runs its lifespan."""
    async with listening(app, reach.sockets, tls=reach.tls):
        if not reach.plain_sockets:
            yield
            return
        async with listening(app, reach.plain_sockets, lifespan=False):
            yield


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


def server_settings(options: ServeOptions, token: str | None, hosts: tuple[str, ...] | None = None) -> ServerSettings:
    """The server's part of the options. hosts: names to answer to, those of the options if None. Raises
    ConfigurationError."""
    for origin in options.allow_origins:
        if origin not in ("*", "null") and not origin.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"--allow-origin must be an origin such as https://app.example, or *, not {origin!r}."
            )
    alone = is_loopback(options.host) and not options.lan
    return ServerSettings(
        allowed_hosts=options.allow_hosts if hosts is None else hosts,
        allowed_origins=options.allow_origins,
        access_token=token,
        max_calls=options.max_calls,
        max_call_seconds=call_minutes(options) * 60,
        calls_per_minute=options.max_calls_per_minute or (None if alone else CALLS_PER_MINUTE),
        bearer_tokens=options.app_tokens,
        signing_key=options.signing_key,
        inspect=alone if options.inspect is None else options.inspect,
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


def _open_page(reach: Reach) -> None:
    # Of several addresses the last is this machine's own, which its browser opens without a warning.
    address = reach.addresses[-1 if reach.plain_sockets else 0]
    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
