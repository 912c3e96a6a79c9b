"""How a server is reached: its sockets, certificate, token and host names, and what is printed about them."""

from __future__ import annotations

import datetime
import io
import secrets
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.cli.state_folder import kept_token, state_folder
from antiphon.errors import ConfigurationError
from antiphon.server import bind
from antiphon.server.access import is_loopback
from antiphon.server.local_networks import address_towards_network, lan_needs, local_addresses, local_name
from antiphon.server.tls import Tls, given_certificate, local_certificate

if TYPE_CHECKING:
    from antiphon.cli.serve import ServeOptions

_ALL = ("", "0.0.0.0", "::")  # noqa: S104 - only compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Bound sockets and what belongs to them.

    sockets: over TLS where `tls` is set. plain_sockets: this machine's own, without TLS, beside those. hosts: names to
    answer to beside the loopback ones. addresses: where the page opens, the best first. qr_code: lines of the terminal.
    """

    sockets: Sequence[socket.socket]
    plain_sockets: Sequence[socket.socket] = ()
    tls: Tls | None = None
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    addresses: Sequence[str] = field(default=(), repr=False)
    notes: Sequence[str] = ()
    qr_code: str = field(default="", repr=False)

    @property
    def port(self) -> int:
        port: int = self.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        _close((*self.sockets, *self.plain_sockets))


def reach_of(options: ServeOptions) -> Reach:
    """Bind what the options ask for. Raises ConfigurationError, and leaves nothing bound then."""
    own = _own_certificate(options)
    return _in_the_local_network(options, own) if options.lan else _at_a_host(options, own)


def _own_certificate(options: ServeOptions) -> Tls | None:
    if options.tls_cert is None and options.tls_key is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise ConfigurationError("--tls-cert and --tls-key belong together: give both.")
    return given_certificate(Path(options.tls_cert), Path(options.tls_key))


def open_to_all(options: ServeOptions) -> bool:
    """Whether nobody is asked for anything, for only this machine can call."""
    return is_loopback(options.host) and not options.lan and not options.app_tokens


def _at_a_host(options: ServeOptions, tls: Tls | None) -> Reach:
    token = options.token or (None if open_to_all(options) else secrets.token_urlsafe(24))
    sockets = bind(options.host, options.port)
    port = sockets[0].getsockname()[1]
    # Beyond this machine the token is what protects: a page of a stranger's name has no way to it.
    hosts = options.allow_hosts or (() if is_loopback(options.host) else ("*",))
    scheme = "http" if tls is None else "https"
    return Reach(
        sockets=sockets,
        tls=tls,
        token=token,
        hosts=hosts,
        addresses=addresses(options.host, port, token, given=options.token is not None, scheme=scheme),
        notes=notes(options.host) if tls is None else [],
    )


def _in_the_local_network(options: ServeOptions, own: Tls | None) -> Reach:
    if not is_loopback(options.host):
        raise ConfigurationError("--lan finds this machine's addresses by itself: leave --host away.")
    found, name = local_addresses(), local_name()
    folder = state_folder()
    token = options.token or kept_token(folder)
    names = [*found, *([name] if name else [])]
    tls = own or local_certificate(
        folder, [*names, "localhost", "127.0.0.1", "::1"], datetime.datetime.now(tz=datetime.UTC)
    )
    with ExitStack() as undone:
        sockets = bind(found, options.port)
        undone.callback(_close, sockets)
        port = sockets[0].getsockname()[1]
        # For this machine's own browser, which needs no TLS to open the microphone and would warn about ours.
        plain = bind("127.0.0.1", port)
        undone.callback(_close, plain)
        # A fragment stays in the browser: it is in no log and in no `Referer`.
        fragment = "" if options.token is not None else f"#token={token}"
        shown = [f"https://{_in_url(entry)}:{port}/{fragment}" for entry in names]
        what = ", which asks for your token." if options.token is not None else " with its access token in it."
        reach = Reach(
            sockets=sockets,
            plain_sockets=plain,
            tls=tls,
            token=token,
            hosts=(*map(_in_url, names), *options.allow_hosts),
            addresses=[*shown, f"http://127.0.0.1:{port}/{fragment}"],
            notes=[
                f"Point a phone's camera at the code: it opens the page{what}",
                *(_warning(tls) if own is None else ()),
            ],
            qr_code=qr_code(shown[0]),
        )
        undone.pop_all()
    return reach


def _close(sockets: Sequence[socket.socket]) -> None:
    for bound in sockets:
        bound.close()


def _warning(tls: Tls) -> list[str]:
    """In plain words: what the browser will say about a certificate of our own making, and how to be rid of it."""
    return [
        "The browser will warn once that the connection is not private: it does not know this machine's certificate.",
        "That is expected here. Choose 'Advanced' (or 'Show details'), then go on to the page. To be sure that it is",
        f"this machine, compare the certificate's SHA-256 fingerprint: it begins {tls.fingerprint[:23]}.",
        "For no warning, and to install the page as an app, give a certificate that the phone trusts, such as one that",
        "mkcert makes, with --tls-cert and --tls-key.",
    ]


def qr_code(text: str) -> str:
    """`text` as a QR code of half blocks. Raises ConfigurationError where the package is missing."""
    try:
        import segno  # noqa: PLC0415 - of an extra
    except ImportError:
        raise lan_needs("segno") from None
    lines = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(lines, border=2, compact=True)
    return lines.getvalue().rstrip("\n")


def addresses(host: str, port: int, token: str | None, *, given: bool, scheme: str = "http") -> list[str]:
    """Where the page can be opened. A token that the user chose is not repeated on the screen."""
    query = "" if token is None else "?token=<your token>" if given else f"?token={token}"
    if is_loopback(host):
        return [f"{scheme}://{_in_url(host)}:{port}/{query}"]
    names = ["127.0.0.1", address_towards_network()] if host in _ALL else [host]
    return [f"{scheme}://{_in_url(name)}:{port}/{query}" for name in names if name]


def notes(host: str) -> list[str]:
    """What else a person should know about being reachable as they asked."""
    if is_loopback(host):
        return []
    return [
        "On other machines browsers allow the microphone over https only: start with --lan, give a certificate with"
        " --tls-cert, or put a TLS proxy in front."
    ]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
