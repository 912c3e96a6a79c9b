"""Which dialect a request speaks, and the translator that its connection gets."""

from __future__ import annotations

import pytest

from antiphon.protocol.dialects import (
    ADDRESSES,
    AzureCaller,
    BetaCaller,
    BetaUpstream,
    Dialect,
    Purpose,
    Unchanged,
    choose_dialect,
    find_address,
    translator_for_caller,
    translator_for_upstream,
)

REALTIME = "/v1/realtime"


@pytest.mark.parametrize(
    ("headers", "subprotocols", "query", "address", "dialect"),
    [
        ({}, [], {}, ("GET", REALTIME), Dialect.GA),
        ({}, ["realtime", "openai-insecure-api-key.k"], {"model": "m"}, ("GET", REALTIME), Dialect.GA),
        ({"OpenAI-Beta": "realtime=v1"}, [], {}, ("GET", REALTIME), Dialect.BETA),
        ({"openai-beta": "assistants=v2, Realtime=v1"}, [], {}, ("POST", "/v1/realtime/calls"), Dialect.BETA),
        ({"OpenAI-Beta": "assistants=v2"}, [], {}, ("GET", REALTIME), Dialect.GA),
        ([("openai-beta", "assistants=v2"), ("openai-beta", "realtime=v1")], [], {}, ("GET", REALTIME), Dialect.BETA),
        ({}, ["realtime", "openai-beta.realtime-v1"], {}, ("GET", REALTIME), Dialect.BETA),
        ({}, [], {}, ("POST", REALTIME), Dialect.BETA),
        ({}, [], {}, ("POST", "/v1/realtime/sessions"), Dialect.BETA),
        ({}, [], {}, ("POST", "/v1/realtime/sessions/"), Dialect.BETA),
        ({}, [], {}, ("post", "/v1/realtime/transcription_sessions"), Dialect.BETA),
        ({}, [], {}, ("POST", "/v1/realtime/client_secrets"), Dialect.GA),
        ({}, [], {"model": "d"}, ("GET", "/openai/v1/realtime"), Dialect.AZURE),
        ({}, [], {"api-version": "v1"}, ("GET", "/openai/v1/realtime"), Dialect.AZURE),
        ({}, [], {"webrtcfilter": "on"}, ("POST", "/openai/v1/realtime/calls"), Dialect.AZURE),
        ({"OpenAI-Beta": "realtime=v1"}, [], {}, ("GET", "/openai/v1/realtime"), Dialect.BETA),
        ({}, [], {"api-version": "2025-04-01-preview"}, ("GET", "/openai/realtime"), Dialect.AZURE_PREVIEW),
        ({}, [], {"api-version": "2024-12-17"}, ("GET", "/openai/v1/realtime"), Dialect.AZURE_PREVIEW),
        ({}, [], {"api-version": "2024-10-01-preview"}, ("GET", REALTIME), Dialect.AZURE_PREVIEW),
        ({}, [], {"deployment": "d"}, ("GET", "/openai/realtime"), Dialect.AZURE_PREVIEW),
        ({}, [], {}, ("POST", "/openai/realtimeapi/sessions"), Dialect.AZURE_PREVIEW),
        ({"OpenAI-Beta": "realtime=v1"}, [], {}, ("POST", "/v1/realtimertc"), Dialect.AZURE_PREVIEW),
        ({}, [], {}, ("POST", "/session"), Dialect.GA),
    ],
)
def test_a_request_says_what_it_speaks(
    headers: dict[str, str] | list[tuple[str, str]],
    subprotocols: list[str],
    query: dict[str, str],
    address: tuple[str, str],
    dialect: Dialect,
) -> None:
    method, path = address
    assert choose_dialect(headers, subprotocols, query, path, method=method) is dialect


def test_every_address_has_its_own_dialect_without_anything_else_said() -> None:
    for address in ADDRESSES:
        assert find_address(address.method, address.path) is address
        assert choose_dialect({}, [], {}, address.path, method=address.method) is address.dialect
        if address.purpose in (Purpose.BETA_SESSION, Purpose.BETA_TRANSCRIPTION_SESSION):
            assert address.dialect.is_beta
    assert len({(address.method, address.path) for address in ADDRESSES}) == len(ADDRESSES)
    assert find_address("DELETE", "/v1/realtime") is None


def test_each_dialect_gets_its_translator() -> None:
    callers = {dialect: type(translator_for_caller(dialect)) for dialect in Dialect}
    assert callers == {
        Dialect.GA: Unchanged,
        Dialect.AZURE: AzureCaller,
        Dialect.BETA: BetaCaller,
        Dialect.AZURE_PREVIEW: BetaCaller,
    }
    upstreams = {dialect: type(translator_for_upstream(dialect)) for dialect in Dialect}
    assert upstreams == {
        Dialect.GA: Unchanged,
        Dialect.AZURE: Unchanged,
        Dialect.BETA: BetaUpstream,
        Dialect.AZURE_PREVIEW: BetaUpstream,
    }
    off = {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}}
    (told,) = translator_for_upstream(Dialect.AZURE_PREVIEW).from_ga(off).events
    assert told["session"]["turn_detection"] == {"type": "none"}
