"""OpenAI as an upstream, against a stand-in that is as strict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from antiphon.agent import Agent
from antiphon.client import (
    CallNotFoundError,
    ClientSettings,
    Patience,
    RealtimeClient,
    UnauthorizedError,
    WebSocketTransport,
)
from antiphon.errors import ConfigurationError
from antiphon.protocol import AudioConfig, AudioOutput, RealtimeSession, SessionCreated
from antiphon.upstream import (
    DEFAULT_MODEL,
    OpenAIUpstream,
    UpstreamError,
    UpstreamRefusal,
    UpstreamSettings,
    UpstreamTimeout,
    UpstreamUnreachable,
    open_url_upstream,
)
from fakes.hosted import ANSWER, KEY, OFFER, HostedFake, Wire, hosted_fake

QUICK = UpstreamSettings(first_wait_s=0.01)
SESSION = RealtimeSession(instructions="Be brief.", audio=AudioConfig(output=AudioOutput(voice="marin")))


@asynccontextmanager
async def upstream_of(
    fake: HostedFake, *, key: str = KEY, settings: UpstreamSettings = QUICK
) -> AsyncIterator[OpenAIUpstream]:
    upstream = OpenAIUpstream(key, base_url=fake.base_url, settings=settings)
    await upstream.start()
    try:
        yield upstream
    finally:
        await upstream.aclose()


async def test_an_offer_is_answered_with_the_session_and_the_key() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        created = await upstream.create_call(OFFER, SESSION)
        assert created.answer_sdp == ANSWER
        assert created.call_id == fake.last.id
        assert fake.last.session["instructions"] == "Be brief."
        assert fake.last.session["model"] == DEFAULT_MODEL
        await upstream.hang_up(created.call_id)
        assert fake.last.hung_up.is_set()
        await upstream.hang_up(created.call_id)


async def test_what_only_servers_say_is_not_sent_back_to_them() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        shown = RealtimeSession(id="sess_1", object="realtime.session", expires_at=3, model="m-1")
        await upstream.create_call(OFFER, shown)
        assert fake.last.session == {"type": "realtime", "model": "m-1"}


async def test_a_refused_session_tells_the_field() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        with pytest.raises(UpstreamRefusal) as caught:
            await upstream.create_call(OFFER, RealtimeSession(output_modalities=["audio", "text"]))
        assert caught.value.status == 400
        assert caught.value.param == "session.output_modalities"


async def test_the_key_is_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with hosted_fake() as fake:
        async with upstream_of(fake) as upstream:
            for status in (400, 429, 500, 502, 503):
                fake.create_errors.extend([(status, "trouble", {"Retry-After": "60"})])
                with pytest.raises(UpstreamError) as caught:
                    await upstream.create_call(OFFER, SESSION)
                assert KEY not in str(caught.value)
                assert "internal.example" not in str(caught.value)
            assert KEY not in repr(upstream)
        async with upstream_of(fake, key="sk-wrongSECRET000") as stranger:
            with pytest.raises(UpstreamError) as caught:
                await stranger.create_call(OFFER, SESSION)
            assert caught.value.code == "upstream_key_refused"
            assert "sk-wrong" not in str(caught.value)
            with pytest.raises(UnauthorizedError) as refused:
                await stranger.connect().connect()
            assert "sk-wrong" not in str(refused.value)
    ours = [record for record in caplog.records if record.name.startswith("antiphon")]
    assert not [record for record in ours if KEY in record.getMessage() or "sk-wrong" in record.getMessage()]


async def test_what_is_safe_is_tried_again() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        fake.create_errors.extend([(429, "rate_limit_exceeded", {"Retry-After": "0"}), (500, "server_error", {})])
        assert (await upstream.create_call(OFFER, SESSION)).answer_sdp == ANSWER
        assert fake.offers == 3
        assert len(fake.calls) == 1


async def test_an_upstream_that_goes_on_failing_is_given_up() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        fake.create_errors.extend([(500, "server_error", {})] * 5)
        with pytest.raises(UpstreamRefusal) as caught:
            await upstream.create_call(OFFER, SESSION)
        assert (caught.value.status, caught.value.code) == (502, "upstream_error")
        assert fake.offers == 3


async def test_what_a_proxy_does_not_know_is_not_tried_again() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        fake.create_errors.append((504, "gateway_timeout", {}))
        with pytest.raises(UpstreamRefusal):
            await upstream.create_call(OFFER, SESSION)
        assert fake.offers == 1


async def test_a_long_pause_is_told_and_not_waited_for() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        fake.create_errors.append((429, "rate_limit_exceeded", {"Retry-After": "30"}))
        with pytest.raises(UpstreamRefusal) as caught:
            await upstream.create_call(OFFER, SESSION)
        assert (caught.value.status, caught.value.retry_after_s) == (429, 30.0)


async def test_a_late_answer_is_a_timeout_and_its_call_is_hung_up() -> None:
    settings = UpstreamSettings(answer_s=0.2)
    async with hosted_fake() as fake, upstream_of(fake, settings=settings) as upstream:
        fake.hold_answer = asyncio.Event()
        with pytest.raises(UpstreamTimeout) as caught:
            await upstream.create_call(OFFER, SESSION)
        assert (caught.value.status, caught.value.code) == (504, "upstream_timeout")
        fake.hold_answer.set()
        async with asyncio.timeout(10):
            await fake.opened.wait()
            await fake.last.hung_up.wait()


async def test_a_caller_that_gives_up_leaves_no_call_behind() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        fake.hold_answer = asyncio.Event()
        creating = asyncio.create_task(upstream.create_call(OFFER, SESSION))
        async with asyncio.timeout(10):
            await fake.asked.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        fake.hold_answer.set()
        async with asyncio.timeout(10):
            await fake.opened.wait()
            await fake.last.hung_up.wait()


async def test_nobody_there_is_said_in_plain_words() -> None:
    upstream = OpenAIUpstream(KEY, base_url="http://127.0.0.1:1/v1", settings=QUICK)
    await upstream.start()
    with pytest.raises(UpstreamUnreachable) as caught:
        await upstream.create_call(OFFER, SESSION)
    await upstream.aclose()
    assert str(caught.value) == "OpenAI cannot be reached."


async def test_the_sideband_runs_the_agents_tools_beside_the_call() -> None:
    ran: list[tuple[float, float]] = []

    async def delayed_add(a: float, b: float) -> float:
        """Add two numbers slowly."""
        ran.append((a, b))
        return a + b

    agent = Agent(instructions="Use your tools.", tools=[delayed_add])
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        created = await upstream.create_call(OFFER, agent.session())
        fake.not_found = 3
        transport = upstream.attach(created.call_id)
        async with RealtimeClient(call_id=created.call_id, transport=transport, agent=agent) as sideband:
            assert fake.sideband_attempts == 4, "the race was lost three times"
            words = {"type": "input_text", "text": "add two and five slowly"}
            fake.last.from_browser(
                {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [words]}}
            )
            fake.last.from_browser({"type": "response.create"})
            await sideband.response()
            answer = await sideband.response()
            assert ran == [(2, 5)]
            assert answer.status == "completed"
            said = await fake.last.browser.seen("response.output_audio_transcript.done", 1)
            assert "7" in said["transcript"] or "seven" in said["transcript"]


async def test_a_call_cannot_be_joined_with_its_own_ephemeral_key() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        secret = await upstream.mint_secret(SESSION, expires_s=600)
        assert secret.value.startswith("ek_")
        assert secret.value not in repr(secret)
        created = await upstream._api.post(
            "/realtime/calls",
            authorization=f"Bearer {secret.value}",
            content=OFFER,
            headers={"Content-Type": "application/sdp"},
        )
        call_id = created.headers["location"].rpartition("/")[2]
        wrong = WebSocketTransport(f"{fake.base_url}/realtime", api_key=secret.value, call_id=call_id)
        with pytest.raises(CallNotFoundError):
            await wrong.connect()
        right = upstream.attach(call_id)
        await right.connect()
        await right.close()


async def test_a_dropped_sideband_is_attached_again() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        created = await upstream.create_call(OFFER, SESSION)
        transport = upstream.attach(created.call_id)
        async with RealtimeClient(call_id=created.call_id, transport=transport) as sideband:
            again = asyncio.create_task(sideband.wait_for(SessionCreated))
            await asyncio.sleep(0)
            await fake.drop_sidebands(fake.last)
            await again
            assert fake.sideband_attempts == 2
            assert await sideband.ask("hello", timeout_s=15)


async def test_a_half_open_socket_is_noticed_and_replaced() -> None:
    async with hosted_fake() as fake, Wire(int(fake.base_url.split(":")[2].split("/")[0])) as wire:
        upstream = OpenAIUpstream(
            KEY, base_url=f"http://127.0.0.1:{wire.port}/v1", settings=UpstreamSettings(ping_s=0.2)
        )
        await upstream.start()
        created = await upstream.create_call(OFFER, SESSION)
        transport = upstream.attach(created.call_id)
        settings = ClientSettings(reattach=Patience(within_s=10))
        async with RealtimeClient(call_id=created.call_id, transport=transport, settings=settings) as sideband:
            fake.attached.clear()
            wire.dead = True
            async with asyncio.timeout(10):
                await fake.attached.wait()
            assert sideband.closed is None
        await upstream.aclose()


async def test_a_relay_session_names_the_model() -> None:
    async with hosted_fake() as fake, upstream_of(fake) as upstream:
        async with RealtimeClient(transport=upstream.connect()) as client:
            assert await client.ask("hello")
        assert f"model={DEFAULT_MODEL}" in fake.seen[-1][1]
        assert "openai-beta" not in fake.seen[-1][2]


@pytest.mark.parametrize("url", ["", "api.openai.com", "ftp://x/v1", "https://key@x/v1", "https://x/v1?api-key=1"])
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_url_upstream(url)
    assert "key" not in str(caught.value)


async def test_a_server_by_url_needs_no_key() -> None:
    upstream = open_url_upstream("http://127.0.0.1:9/v1/", model="own-model")
    described = upstream.describe()
    assert (described.name, described.where, described.model) == ("url", "127.0.0.1:9", "own-model")
    assert described.max_session_minutes is None
    assert await upstream._credentials() == {}
