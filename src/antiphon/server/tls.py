"""The certificate that this server shows: an own one, or one that this machine makes for itself and keeps.

What is done with it is uvicorn's business; which names it must hold is the command line's.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon.errors import ConfigurationError
from antiphon.server.local_networks import lan_needs

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 397
"""What browsers accept of any certificate, and the systems of phones of one that a person trusts by hand."""
RENEW_DAYS = 30
MOST_NAMES = 32
_FILE = "certificate.pem"


@dataclass(frozen=True, slots=True)
class Tls:
    """Where certificate and key are (PEM); key None: in the certificate's file. fingerprint: SHA-256, "3A:9F:…"."""

    certificate: Path
    key: Path | None = field(default=None, repr=False)
    fingerprint: str = ""


def given_certificate(certificate: Path, key: Path) -> Tls:
    """A certificate of one's own, tried at once. Raises ConfigurationError."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
        first = ssl.PEM_cert_to_DER_cert(_first_certificate(certificate.read_text()))
    except FileNotFoundError:
        missing = certificate if not certificate.exists() else key
        raise ConfigurationError(f"There is no file {missing}, which was named as certificate or key.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"The certificate {certificate} and the key {key} cannot be used: {why}."
            " Both must be PEM files that belong together, the key without a password."
        ) from None
    return Tls(certificate, key, _fingerprint(first))


def local_certificate(folder: Path, names: Sequence[str], now: datetime.datetime) -> Tls:
    """The certificate of this machine for `names`, kept in `folder`; made anew when it is old or lacks a name.

    names: host names and addresses. now: with a time zone. A new one also holds the old one's names, so that a machine
    that goes to and fro between two networks is not a stranger each time. Raises ConfigurationError.
    """
    try:
        from cryptography import x509  # noqa: PLC0415 - of an extra
    except ImportError:
        raise lan_needs("cryptography") from None
    path = folder / _FILE
    kept: x509.Certificate | None = None
    try:
        text = path.read_bytes()
        kept = x509.load_pem_x509_certificate(text)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, password=_no_password)
    except (OSError, ValueError):
        kept = None  # none yet, or one that is broken: a new one does
    held = [] if kept is None else _names_of(kept)
    if (
        kept is not None
        and set(names) <= set(held)
        and kept.not_valid_before_utc <= now < kept.not_valid_after_utc - datetime.timedelta(days=RENEW_DAYS)
    ):
        path.chmod(0o600)
    else:
        wanted = list(dict.fromkeys([*names, *held]))[: max(MOST_NAMES, len(names))]
        write_private(path, _make(wanted, now))
    return Tls(path, None, _fingerprint(ssl.PEM_cert_to_DER_cert(_first_certificate(path.read_text()))))


def write_private(path: Path, data: bytes) -> None:
    """Put `data` in place at once, for this user's eyes only. Raises ConfigurationError."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None


def _make(names: Sequence[str], now: datetime.datetime) -> bytes:
    """A key and a self-signed certificate for it, as one PEM text."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Antiphon on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A phone whose clock is a little behind must not call it one of the future.
        .not_valid_before(now - datetime.timedelta(hours=12))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_general_name(entry) for entry in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + secret


def _general_name(name: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _first_certificate(pem: str) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in pem or end not in pem:
        raise ValueError("there is no certificate in it")
    return pem[pem.index(begin) : pem.index(end) + len(end)] + "\n"


def _fingerprint(der: bytes) -> str:
    return hashlib.sha256(der).digest().hex(":").upper()


def _no_password() -> str:
    # Without this OpenSSL asks on the terminal, which hangs a service.
    raise ValueError("the key has a password")
