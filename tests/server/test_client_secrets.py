"""Ephemeral keys by themselves: what they carry, and every way in which one is not good."""

from __future__ import annotations

import pytest

from antiphon.protocol import RealtimeSession, TranscriptionSession
from antiphon.server.client_secrets import INLINE_BYTES, ClientSecrets
from antiphon.server.refusals import Refusal

NOW = 1_790_000_000.25
SESSION = RealtimeSession(instructions="Sing.", model="m")
LARGE = RealtimeSession(instructions="la " * INLINE_BYTES)
KEY = "a signing key that is shared by all of them"


def refusal(secrets: ClientSecrets, value: str, now: float = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        secrets.check(value, now)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert value not in caught.value.message
    return caught.value


@pytest.mark.parametrize("session", [SESSION, LARGE, TranscriptionSession()], ids=["small", "large", "transcription"])
def test_a_key_stands_for_its_session_until_it_expires(session: RealtimeSession | TranscriptionSession) -> None:
    secrets = ClientSecrets()
    minted = secrets.mint(session, 600, NOW)
    assert minted.value.startswith("ek_")
    assert minted.expires_at == 1_790_000_601
    for now in (NOW, NOW, NOW + 600):
        found = secrets.check(minted.value, now)
        assert (found.session, found.expires_at) == (session, minted.expires_at)
    assert "expired" in refusal(secrets, minted.value, NOW + 601).message
    assert "expired" in refusal(secrets, minted.value, NOW + 10_000).message


@pytest.mark.parametrize("user", ["Ada", "", "Ünïcode", "\ud800", "x" * 5000, {"id": 7}, 7, None])
def test_a_key_remembers_who_asked_for_it(user: object) -> None:
    secrets = ClientSecrets(KEY)
    value = secrets.mint(SESSION, 600, NOW, user=user).value
    assert secrets.check(value, NOW).user == user
    assert secrets.check(value, NOW).session == SESSION
    assert len(value) < 5 * 1024
    if user == "Ada":
        assert ClientSecrets(KEY).check(value, NOW).user == "Ada"


@pytest.mark.parametrize("length", [0, INLINE_BYTES // 2, INLINE_BYTES - 60, INLINE_BYTES, 20 * INLINE_BYTES])
def test_a_key_fits_into_a_header_and_into_a_subprotocols_name(length: int) -> None:
    secrets = ClientSecrets()
    value = secrets.mint(RealtimeSession(instructions="x" * length), 600, NOW).value
    assert len(value) < 5 * 1024
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in value)
    assert secrets.check(value, NOW)


def test_two_keys_for_one_session_are_two_keys() -> None:
    secrets = ClientSecrets()
    assert secrets.mint(SESSION, 600, NOW).value != secrets.mint(SESSION, 600, NOW).value


def test_every_changed_character_is_noticed() -> None:
    secrets = ClientSecrets()
    value = secrets.mint(RealtimeSession(), 600, NOW).value
    for position in range(len(value)):
        for other in ("A", "B"):
            if value[position] != other:
                refusal(secrets, value[:position] + other + value[position + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1],
        lambda value: value + "A",
        lambda value: value + "=",
        lambda value: value + "\n",
        lambda value: "ek_",
        lambda value: "ek_" + "A" * 100,
        lambda value: "ek_" + "A" * 1_000_000,
        lambda value: "ek_ünïcode",
        lambda value: value.removeprefix("ek_"),
        lambda value: value.upper(),
    ],
)
def test_what_is_no_key_of_ours_is_refused(change: object) -> None:
    secrets = ClientSecrets()
    assert callable(change)
    refusal(secrets, change(secrets.mint(SESSION, 600, NOW).value))


def test_by_default_nobody_else_takes_a_key() -> None:
    refusal(ClientSecrets(), ClientSecrets().mint(SESSION, 600, NOW).value)


def test_processes_with_one_signing_key_take_each_others_keys() -> None:
    one, other = ClientSecrets(KEY), ClientSecrets(KEY)
    assert other.check(one.mint(SESSION, 600, NOW).value, NOW).session == SESSION
    refusal(ClientSecrets(KEY + "!"), one.mint(SESSION, 600, NOW).value)
    assert "known here" in refusal(other, one.mint(LARGE, 600, NOW).value).message


def test_large_sessions_are_kept_within_bounds_and_only_while_their_keys_live() -> None:
    secrets = ClientSecrets(max_kept=2)
    first = secrets.mint(LARGE, 10, NOW)
    secrets.mint(LARGE, 600, NOW)
    with pytest.raises(Refusal) as full:
        secrets.mint(LARGE, 600, NOW)
    assert (full.value.status, full.value.code) == (503, "too_many_client_secrets")
    assert secrets.mint(SESSION, 600, NOW), "a small session needs no place"
    assert secrets.check(first.value, NOW)
    assert secrets.mint(LARGE, 600, NOW + 11), "an expired one has left its place"


def test_a_key_is_not_shown_by_what_holds_it() -> None:
    secrets = ClientSecrets(KEY)
    minted = secrets.mint(SESSION, 600, NOW)
    assert minted.value not in repr(minted)
    assert minted.value not in repr(secrets.check(minted.value, NOW))
    assert KEY not in repr(secrets)
