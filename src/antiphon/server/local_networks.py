"""Which of this machine's addresses belong to a local network, and what it is called there.

Whether the server listens on them is not decided here.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping

from antiphon.errors import ConfigurationError

_INNER = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "cni", "flannel", "lxc", "podman")
"""Networks between this machine and its own containers and guests: nobody's phone is in them."""


def choose_addresses(interfaces: Mapping[str, Iterable[str]], towards_network: str = "") -> list[str]:
    """The addresses at which others in the same house reach this machine, the likeliest first.

    interfaces: each interface's name and its addresses. towards_network: the address from which this machine reaches
    others, if it is known. Public addresses are left out: who opens a server to the internet should say so (`--host`).
    """
    found = [
        address
        for name, addresses in interfaces.items()
        if not name.startswith(_INNER)
        for address in addresses
        if _is_local(address)
    ]
    # People read IPv4 addresses more easily, and phones always have them.
    return sorted(dict.fromkeys(found), key=lambda address: (address != towards_network, ":" in address))


def _is_local(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip.is_private and not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast)


def local_addresses() -> list[str]:
    """`choose_addresses` of this machine as it is now. Raises ConfigurationError when there is none."""
    try:
        import ifaddr  # noqa: PLC0415 - of an extra
    except ImportError:
        raise lan_needs("ifaddr") from None
    interfaces: dict[str, list[str]] = {}
    for adapter in ifaddr.get_adapters():
        # An IPv6 address comes as (address, flow info, scope).
        addresses = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips]
        interfaces.setdefault(adapter.name, []).extend(addresses)
    found = choose_addresses(interfaces, address_towards_network())
    if not found:
        raise ConfigurationError(
            "This machine has no address in a local network: join one (Wi-Fi, cable) and start again,"
            " or name an address with --host."
        )
    return found


def address_towards_network() -> str:
    """This machine's address towards its network, or "" when it has none. Connecting a UDP socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


def local_name() -> str:
    """What this machine is called by its neighbours (mDNS, RFC 6762): "desk.local"; "" where it cannot be one."""
    label = socket.gethostname().partition(".")[0].lower()
    valid = 0 < len(label) <= 63 and label.isascii() and label.replace("-", "").isalnum() and label != "localhost"
    return f"{label}.local" if valid else ""


def lan_needs(package: str) -> ConfigurationError:
    """What to tell where the extra is not installed."""
    return ConfigurationError(f"--lan needs the Python package {package}: install antiphon[lan].")
