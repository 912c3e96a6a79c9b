"""What the options and environment variables of `antiphon serve` make of the server's settings."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from antiphon.cli import main, serve
from antiphon.cli.serve import CALLS_PER_MINUTE, ServeOptions, server_settings
from antiphon.errors import ConfigurationError
from antiphon.server import ServerSettings

TOKENS = ("token-of-the-first-app", "token-of-the-second-app")


@pytest.fixture
def options_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The options that a command line and an environment come to, without serving anything."""
    taken: list[ServeOptions] = []

    def keep(options: ServeOptions) -> int:
        taken.append(options)
        return 0

    monkeypatch.setattr(serve, "run_serve", keep)

    def read(*args: str, **env: str) -> ServeOptions:
        result = CliRunner().invoke(main, ["serve", *args], env=env)
        assert result.exit_code == 0, result.output
        return taken[-1]

    return read


def test_on_this_machine_alone_nothing_is_counted_and_peers_are_made_as_usual(options_of: Any) -> None:
    settings = server_settings(options_of(), None)
    assert settings == ServerSettings(inspect=True)


@pytest.mark.parametrize(
    ("args", "inspects"),
    [
        ((), True),
        (("--no-inspect",), False),
        (("--lan",), False),
        (("--host", "192.0.2.9"), False),
        (("--lan", "--inspect"), True),
    ],
)
def test_calls_are_inspected_where_only_this_machine_can_call_or_where_it_is_wished(
    options_of: Any, args: tuple[str, ...], inspects: bool
) -> None:
    assert server_settings(options_of(*args), "t" * 16).inspect is inspects


def test_beyond_it_calls_are_counted(options_of: Any) -> None:
    assert server_settings(options_of("--host", "0.0.0.0"), "t" * 16).calls_per_minute == CALLS_PER_MINUTE  # noqa: S104
    assert server_settings(options_of("--max-calls-per-minute", "7"), None).calls_per_minute == 7


def test_the_way_of_calls_comes_from_options_or_the_environment(options_of: Any) -> None:
    pytest.importorskip("antiphon.rtc", reason="WebRTC is not installed")
    by_options = options_of(
        "--ice-server", "stun:a", "--ice-server", "turn:b", "--turn-secret", "s", "--udp-ports", "50000-50100",
        "--advertise-address", "192.0.2.1", "--app-token", TOKENS[0], "--app-token", TOKENS[1],
        "--signing-key", "k" * 32,
    )  # fmt: skip
    by_environment = options_of(
        ANTIPHON_ICE_SERVERS="stun:a turn:b",
        ANTIPHON_TURN_SECRET="s",
        ANTIPHON_UDP_PORTS="50000-50100",
        ANTIPHON_ADVERTISE_ADDRESS="192.0.2.1",
        ANTIPHON_APP_TOKENS=" ".join(TOKENS),
        ANTIPHON_SIGNING_KEY="k" * 32,
    )
    assert by_options == by_environment
    settings = server_settings(by_options, None)
    assert (settings.ice_servers, settings.turn_secret) == (("stun:a", "turn:b"), "s")
    assert (settings.bearer_tokens, settings.signing_key) == (TOKENS, "k" * 32)
    assert settings.rtc is not None
    assert (settings.rtc.udp_ports, settings.rtc.advertised_address) == ((50000, 50100), "192.0.2.1")
    for secret in ("k" * 32, *TOKENS):
        assert secret not in repr(by_options)
        assert secret not in repr(settings)


@pytest.mark.parametrize("ports", ["50000", "50100-50000", "0-10", "1-70000", "a-b", "-", "50000-50100-50200"])
def test_ports_that_are_no_range_are_named(ports: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--udp-ports", ports])
    assert result.exit_code == 2
    assert "--udp-ports" in result.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--ice-server", "turn:b"], "turn_secret"),
        (["--ice-server", "http://b"], "ICE server"),
        (["--advertise-address", "my.host.example"], "not a name"),
        (["--signing-key", "short"], "32 characters"),
        (["--app-token", "short"], "16 characters"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(options_of: Any, args: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        server_settings(options_of(*args), None)
