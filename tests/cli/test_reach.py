"""`antiphon serve --lan` and `--tls-cert`: what is bound, asked for, answered to and printed."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.cli.commands import serve
from antiphon.cli.reach import Reach, reach_of
from antiphon.cli.serve import ServeOptions
from antiphon.cli.state_folder import kept_token
from antiphon.errors import ConfigurationError
from antiphon.server.local_networks import local_addresses

pytest.importorskip("segno", reason="antiphon[lan] is not installed")
pytest.importorskip("cryptography", reason="antiphon[lan] is not installed")


def options_of(*arguments: str) -> ServeOptions:
    with serve.make_context("serve", [*arguments, "--port", "0"]) as context:
        return ServeOptions(**context.params)


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Reach]:
    """A server's reach into the local network of this machine, its state in the test's own folder."""
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(tmp_path))
    try:
        local_addresses()
    except ConfigurationError as error:
        pytest.skip(str(error))
    reach = reach_of(options_of("--lan"))
    yield reach
    reach.close()


def test_it_listens_on_the_local_addresses_and_on_loopback_and_nowhere_else(lan: Reach) -> None:
    bound = [bound.getsockname()[0] for bound in lan.sockets]
    assert bound == local_addresses()
    assert [(bound.getsockname()[:2]) for bound in lan.plain_sockets] == [("127.0.0.1", lan.port)]
    assert lan.tls is not None


def test_it_answers_to_those_addresses_and_no_other_name(lan: Reach) -> None:
    assert "*" not in lan.hosts
    assert {host.strip("[]") for host in lan.hosts if not host.endswith(".local")} == set(local_addresses())


def test_the_token_is_in_the_fragment_and_kept_for_the_next_time(lan: Reach, tmp_path: Path) -> None:
    assert lan.token is not None
    assert lan.addresses[0].startswith("https://")
    assert all(address.endswith(f":{lan.port}/#token={lan.token}") for address in lan.addresses)
    assert lan.addresses[-1].startswith("http://127.0.0.1:")
    assert lan.token not in repr(lan)
    assert kept_token(tmp_path) == lan.token
    assert stat.S_IMODE((tmp_path / "access-token").stat().st_mode) == 0o600
    assert len(lan.qr_code.splitlines()) > 10


def test_the_warning_is_told_beforehand_with_the_fingerprint(lan: Reach) -> None:
    assert lan.tls is not None
    told = " ".join(lan.notes)
    assert lan.tls.fingerprint[:23] in told
    assert "mkcert" in told
    assert "--tls-cert" in told


def test_a_token_of_ones_own_is_neither_printed_nor_in_the_code(monkeypatch: pytest.MonkeyPatch, lan: Reach) -> None:
    reach = reach_of(options_of("--lan", "--token", "my-own-token-of-24-letters"))
    reach.close()
    assert reach.token == "my-own-token-of-24-letters"
    assert not any("token=" in address for address in reach.addresses)
    assert "asks for your token" in reach.notes[0]


def test_an_own_certificate_is_used_and_nothing_is_said_of_warnings(lan: Reach) -> None:
    assert lan.tls is not None
    pem = str(lan.tls.certificate)
    reach = reach_of(options_of("--lan", "--tls-cert", pem, "--tls-key", pem))
    reach.close()
    assert reach.tls is not None
    assert reach.tls.key == lan.tls.certificate
    assert "mkcert" not in " ".join(reach.notes)
    plain = reach_of(options_of("--tls-cert", pem, "--tls-key", pem))
    assert plain.addresses == [f"https://127.0.0.1:{plain.port}/"]
    plain.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--lan", "--host", "192.0.2.9"), "leave --host away"),
        (("--tls-cert", "a.pem"), "give both"),
        (("--tls-key", "a.pem"), "give both"),
        (("--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"), "no file nowhere.pem"),
    ],
)
def test_what_cannot_be_is_said_in_words(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        reach_of(options_of(*arguments))


def test_a_port_that_is_taken_on_loopback_leaves_nothing_bound(monkeypatch: pytest.MonkeyPatch, lan: Reach) -> None:
    with serve.make_context("serve", ["--lan", "--port", str(lan.port)]) as context:
        options = ServeOptions(**context.params)
    with pytest.raises(ConfigurationError, match=f"Port {lan.port} is already in use"):
        reach_of(options)


@pytest.mark.parametrize("package", ["ifaddr", "cryptography", "segno"])
def test_without_the_extra_it_is_named(package: str, monkeypatch: pytest.MonkeyPatch, lan: Reach) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=rf"{package}: install antiphon\[lan\]"):
        reach_of(options_of("--lan"))
