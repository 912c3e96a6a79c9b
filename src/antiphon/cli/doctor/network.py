"""Whether calls can get through from this machine: ports, the addresses of ICE, STUN, TURN, and proxy variables."""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import socket
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from antiphon.cli.doctor.findings import Finding, fail, ok, skip, warn
from antiphon.cli.doctor.server import http_client
from antiphon.cli.logs import redact

if TYPE_CHECKING:
    from antiphon.rtc.settings import IceServer

_NO_MEDIA = "WebRTC is not installed, so that calls go over WebSocket."
_INSTALL_MEDIA = "pip install 'antiphon[local]'"


async def check_port(host: str, port: int) -> Finding:
    """Whether `antiphon serve` could listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return fail(
                "port", f"Port {port} may only be used by root.", f"Choose one above 1023: --port {port + 8000}."
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE and await _is_antiphon(host, port):
                return ok("port", f"Antiphon itself listens on port {port}.")
            return _no_port(host, port, error)
    return ok("port", f"Port {port} is free for `antiphon serve`.")


def _no_port(host: str, port: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        return warn(
            "port", f"Port {port} is in use by another program.", f"Have `antiphon serve` use --port {port + 1}."
        )
    return fail("port", f"{host} is no address of this machine.", "Give --host one, or 0.0.0.0 for all of them.")


async def _is_antiphon(host: str, port: int) -> bool:
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - only compared
    root = f"http://{f'[{name}]' if ':' in name else name}:{port}"
    try:
        async with http_client("http://127.0.0.1") as http:
            health = (await http.get(f"{root}/health", timeout=1.0)).json()
    except Exception:  # noqa: BLE001 - whatever else it is, it is not ours
        return False
    return isinstance(health, dict) and {"status", "version", "calls"} <= health.keys()


async def check_udp_ports(ports: tuple[int, int] | None) -> Finding:
    """Whether calls could bind the UDP ports that are set for them."""
    if ports is None:
        return skip("udp ports", "Calls take any free UDP port; a firewall may want a range: --udp-ports 50000-50100.")
    first, last = ports
    busy = 0
    for number in range(first, last + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", number))
            except OSError:
                busy += 1
    free = last - first + 1 - busy
    if free == 0:
        return fail("udp ports", f"None of the UDP ports {first}-{last} is free.", "Choose another range: --udp-ports.")
    if busy:
        return warn("udp ports", f"Of the UDP ports {first}-{last}, {busy} are in use: {free} calls at most.")
    return ok("udp ports", f"The UDP ports {first}-{last} are free, for as many calls.")


async def check_ice() -> Finding:
    """Which addresses of this machine a call would offer."""
    if importlib.util.find_spec("aiortc") is None:
        return skip("ice", _NO_MEDIA, _INSTALL_MEDIA)
    from antiphon.rtc.probing import host_addresses  # noqa: PLC0415 - heavy, and an extra

    addresses = host_addresses()
    if not addresses:
        return warn("ice", "This machine has no address but its own loopback: only it can call itself.")
    private = all(_is_private(address) for address in addresses)
    reach = " All are private: from beyond this network it takes TURN or --advertise-address." if private else ""
    return ok("ice", f"Calls offer {', '.join(addresses)}.{reach}")


def _is_private(address: str) -> bool:
    import ipaddress  # noqa: PLC0415

    return ipaddress.ip_address(address).is_private


async def check_stun(servers: Sequence[str]) -> list[Finding]:
    """Whether the STUN servers that are configured answer."""
    stun = [server for server in servers if server.startswith("stun")]
    if not stun:
        return [skip("stun", "No STUN server is configured.")]
    if importlib.util.find_spec("aiortc") is None:
        return [skip("stun", _NO_MEDIA, _INSTALL_MEDIA)]
    from antiphon.rtc.probing import ask_stun  # noqa: PLC0415 - heavy, and an extra
    from antiphon.rtc.settings import IceServer, TransportUnavailable  # noqa: PLC0415

    async def ask(url: str) -> Finding:
        try:
            reached = await ask_stun(IceServer(url=url))
        except TransportUnavailable as error:
            return fail("stun", f"{error}.", "Check its address, and whether a firewall lets UDP through.")
        return ok("stun", f"{_plain(url)} sees this machine as {reached.address} ({reached.ms:.0f} ms).")

    return list(await asyncio.gather(*map(ask, stun)))


async def check_turn(servers: Sequence[str], secret: str | None) -> list[Finding]:
    """Whether the TURN servers that are configured relay for us."""
    turn = [server for server in servers if server.startswith("turn")]
    if not turn:
        return [skip("turn", "No TURN server is configured.")]
    if importlib.util.find_spec("aiortc") is None:
        return [skip("turn", _NO_MEDIA, _INSTALL_MEDIA)]
    if secret is None:
        advice = "Set --turn-secret to the static-auth-secret of the server."
        return [fail("turn", "A TURN server is configured without the secret that its passwords are made of.", advice)]
    from antiphon.rtc.settings import IceServer  # noqa: PLC0415 - heavy, and an extra
    from antiphon.server.turn import turn_credential  # noqa: PLC0415

    credential = turn_credential(secret, "doctor", 60, time.time())
    return list(
        await asyncio.gather(
            *(
                _relays(IceServer(url=url, username=credential.username, credential=credential.credential))
                for url in turn
            )
        )
    )


async def _relays(server: IceServer) -> Finding:
    from antiphon.rtc.probing import allocate_turn  # noqa: PLC0415 - heavy, and an extra
    from antiphon.rtc.settings import TransportUnavailable  # noqa: PLC0415

    try:
        reached = await allocate_turn(server)
    except TransportUnavailable as error:
        refused = "(401" in str(error)
        advice = (
            "Its secret is not --turn-secret, or its clock is not ours: compare static-auth-secret and the time."
            if refused
            else "Check its address, and whether a firewall lets UDP through."
        )
        return fail("turn", f"{error}.", advice)
    return ok("turn", f"{_plain(server.url)} relays at {reached.address} ({reached.ms:.0f} ms).")


def _plain(url: str) -> str:
    return url.partition("?")[0]


# ── proxies ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_PROXIES = ("https_proxy", "http_proxy", "all_proxy")


async def check_proxy(environment: Mapping[str, str], host: str | None) -> list[Finding]:
    """What the proxy variables mean for us. host: of the one who is called, beyond this machine; None for nobody."""
    found = []
    for name in _PROXIES:
        lower, upper = environment.get(name), environment.get(name.upper())
        value = lower or upper
        if lower and upper and lower != upper:
            found.append(
                warn("proxy", f"{name} and {name.upper()} differ; which of them is taken depends on the program.")
            )
        if value:
            found.append(_one_proxy(name if lower else name.upper(), value))
    if not found:
        return [ok("proxy", "No proxy variable is set.")]
    excepted = (environment.get("no_proxy") or environment.get("NO_PROXY") or "").split(",")
    if host is not None and any(_covers(one.strip(), host) for one in excepted):
        found.append(ok("proxy", f"NO_PROXY lets calls to {host} go straight."))
    elif all(finding.status.value == "ok" for finding in found):
        found.append(
            warn("proxy", "A proxy carries WebSocket, but no WebRTC: sound then goes over WebSocket, or through TURN.")
        )
    return found


def _one_proxy(name: str, value: str) -> Finding:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    try:
        whole = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole:
        return fail("proxy", f"{name} is no address of a proxy.", "Write it as http://host:port, or unset it.")
    if parts.scheme.startswith("socks") and importlib.util.find_spec("python_socks") is None:
        return fail("proxy", f"{name} names a SOCKS proxy, for which a package is missing.", "pip install python-socks")
    return ok(
        "proxy",
        f"{name} is {redact(f'{parts.scheme}://{parts.netloc}')}; this machine itself is never asked for by it.",
    )


def _covers(rule: str, host: str) -> bool:
    return rule == "*" or (rule != "" and (host == rule.lstrip(".") or host.endswith(f".{rule.lstrip('.')}")))
