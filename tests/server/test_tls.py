"""The certificate that a machine makes for itself: for whom, for how long, for whose eyes; and one of one's own."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest

from antiphon.errors import ConfigurationError
from antiphon.server.tls import RENEW_DAYS, VALID_DAYS, Tls, given_certificate, local_certificate

x509 = pytest.importorskip("cryptography.x509", reason="antiphon[lan] is not installed")

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
NAMES = ["192.168.7.20", "fd12::20", "desk.local", "localhost", "127.0.0.1"]


def names_in(tls: Tls) -> list[str]:
    certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def test_it_holds_every_name_and_is_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    tls = local_certificate(folder, NAMES, NOW)
    assert names_in(tls) == NAMES
    assert stat.S_IMODE(tls.certificate.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(tls.fingerprint) == 95
    assert [path.name for path in folder.iterdir()] == ["certificate.pem"]


def test_it_is_kept_until_it_grows_old(tmp_path: Path) -> None:
    first = local_certificate(tmp_path, NAMES, NOW)
    days = datetime.timedelta(days=VALID_DAYS - RENEW_DAYS - 2)
    assert local_certificate(tmp_path, NAMES[:1], NOW + days).fingerprint == first.fingerprint
    later = local_certificate(tmp_path, NAMES, NOW + days + datetime.timedelta(days=2))
    assert later.fingerprint != first.fingerprint


def test_a_new_network_makes_a_new_one_that_is_good_for_the_old_one_too(tmp_path: Path) -> None:
    first = local_certificate(tmp_path, NAMES, NOW)
    moved = local_certificate(tmp_path, ["10.1.1.1", "desk.local"], NOW)
    assert moved.fingerprint != first.fingerprint
    assert set(names_in(moved)) == {"10.1.1.1", *NAMES}
    assert local_certificate(tmp_path, NAMES, NOW).fingerprint == moved.fingerprint


def test_one_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    first = local_certificate(tmp_path, NAMES, NOW)
    text = first.certificate.read_text()
    first.certificate.write_text(text.partition("-----BEGIN PRIVATE")[0])
    assert local_certificate(tmp_path, NAMES, NOW).fingerprint != first.fingerprint
    first.certificate.write_text("nothing of the kind")
    assert names_in(local_certificate(tmp_path, NAMES, NOW)) == NAMES


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        local_certificate(tmp_path / "file" / "state", NAMES, NOW)


def test_an_own_certificate_is_tried_at_once(tmp_path: Path) -> None:
    made = local_certificate(tmp_path / "a", NAMES, NOW)
    other = local_certificate(tmp_path / "b", NAMES, NOW)
    assert given_certificate(made.certificate, made.certificate).fingerprint == made.fingerprint
    with pytest.raises(ConfigurationError, match="belong together"):
        given_certificate(made.certificate, other.certificate)
    with pytest.raises(ConfigurationError, match=r"no file .*nowhere\.pem"):
        given_certificate(made.certificate, tmp_path / "nowhere.pem")
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(ConfigurationError, match="PEM"):
        given_certificate(tmp_path / "text.pem", made.certificate)


def test_a_key_with_a_password_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    made = local_certificate(tmp_path, NAMES, NOW)
    key = serialization.load_pem_private_key(made.certificate.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(ConfigurationError, match="password"):
        given_certificate(made.certificate, tmp_path / "locked.pem")
