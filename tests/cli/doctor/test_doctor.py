"""`antiphon doctor` against what can be wrong: each fault is named in one sentence, and nobody unnamed is asked."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from antiphon.cli.commands import serve as serve_command
from antiphon.cli.doctor.doctor import DoctorOptions, plan, whom
from antiphon.cli.doctor.findings import Finding, Status, run_checks
from antiphon.cli.doctor.network import check_port, check_stun, check_turn, check_udp_ports
from antiphon.cli.doctor.server import check_server, check_session
from antiphon.cli.serve import ServeOptions
from antiphon.cli.targets import Target, TargetOptions, target_of
from antiphon.engine import Engine, Stages
from antiphon.engine.llm.embedded import open_model
from antiphon.engine.stages import StageOptions
from antiphon.rtc.probing import allocate_turn
from antiphon.rtc.settings import IceServer
from antiphon.server import ServerSettings
from antiphon_process import antiphon
from engine_bench import Detector, Recognizer, Voice
from fakes.hosted import KEY, hosted_fake
from live_server import LiveServer, live_app, live_server
from turn_relay import PASSWORD, USER, turn_relay

WRONG_KEY = "sk-proj-0000000000000000000000000000000000000000"


def small_engine() -> Engine:
    return Engine(Stages(Detector(), Recognizer(), open_model(StageOptions()), Voice(seconds=0.05)))  # type: ignore[arg-type]


@asynccontextmanager
async def a_server(**settings: Any) -> AsyncIterator[LiveServer]:
    async with live_server(small_engine(), ServerSettings(**settings)) as server:
        yield server


def to(url: str, **more: Any) -> Target:
    return target_of(TargetOptions(url=url, **more))


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def serve_options(*args: str) -> ServeOptions:
    with serve_command.make_context("serve", list(args)) as context:
        return ServeOptions(**context.params)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


# ── the server ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_healthy_server_is_told_with_what_answers() -> None:
    async with a_server() as server:
        found = by_name(await check_server(to(server.base_url)))
        assert found["server"].status is Status.OK
        assert "built-in script" in found["server"].message
        assert found["clock"].status is Status.OK
        (session,) = await check_session(to(server.base_url), None)
        assert session.status is Status.OK
        assert "antiphon-embedded" in session.message


async def test_where_nothing_listens_a_named_server_fails_and_the_default_one_is_left_out() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    found = by_name(await check_server(to(url)))
    assert found["server"].status is Status.FAIL
    assert "No server is running at" in found["server"].message
    assert "antiphon serve" in found["server"].advice
    nobody = Target(kind="server", url=url, shown="x", named=False)
    assert {finding.status for finding in await check_server(nobody)} == {Status.SKIP}
    assert {finding.status for finding in await check_session(nobody, None)} == {Status.SKIP}


async def test_a_server_that_is_no_antiphon_is_told_as_such_and_the_session_says_that_it_is_none() -> None:
    async def page(_request: object) -> Response:
        return PlainTextResponse("Welcome to nginx!")

    async with live_app(Starlette(routes=[Route("/", page)])) as url:
        found = by_name(await check_server(to(url)))
        (session,) = await check_session(to(url), None)
    assert found["server"].status is Status.WARN
    assert "is no Antiphon server" in found["server"].message
    assert session.status is Status.FAIL


async def test_something_that_speaks_no_http_is_told() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as babbler:
        port = babbler.sockets[0].getsockname()[1]
        found = by_name(await check_server(to(f"http://127.0.0.1:{port}")))
    assert found["server"].status is Status.FAIL
    assert "does not speak HTTP" in found["server"].message


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [(-7200, Status.FAIL, "2 hours ahead of"), (86_400 * 3, Status.FAIL, "3 days behind"), (60, Status.WARN, "behind")],
)
async def test_a_skewed_clock_is_told_by_how_much(seconds: int, status: Status, words: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"status": "ok", "version": "1"}'
        date = formatdate(time.time() + seconds, usegmt=True)
        head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        clock = by_name(await check_server(to(f"http://127.0.0.1:{port}")))["clock"]
    assert clock.status is status
    assert words in clock.message
    assert "NTP" in clock.advice


# ── key and session ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_key_is_told_without_showing_it() -> None:
    async with hosted_fake() as fake:
        wrong = Target(kind="openai", url=fake.base_url, shown="OpenAI", key=WRONG_KEY, model="gpt-realtime-2.1")
        (refused,) = await check_session(wrong, None)
        right = Target(kind="openai", url=fake.base_url, shown="OpenAI", key=KEY, model="gpt-realtime-2.1")
        (taken,) = await check_session(right, None)
    assert refused.status is Status.FAIL
    assert "does not accept the key" in refused.message
    assert "platform.openai.com" in refused.advice
    assert WRONG_KEY not in str(refused)
    assert taken.status is Status.OK


async def test_a_missing_token_of_our_own_server_is_told() -> None:
    async with a_server(access_token="a-token-of-our-own-0") as server:
        (refused,) = await check_session(to(server.base_url), None)
        (taken,) = await check_session(to(f"{server.base_url}/?token=a-token-of-our-own-0"), None)
    assert refused.status is Status.FAIL
    assert "--token" in refused.advice
    assert taken.status is Status.OK


@pytest.mark.parametrize(
    ("session", "words"),
    [
        ({"type": "realtime", "modalities": ["text"]}, ["session.modalities", "beta", "session.output_modalities"]),
        ({"type": "realtime", "voice": "ash"}, ["session.voice", "session.audio.output.voice"]),
        ({"type": "realtime", "temprature": 1}, ["session.temprature", "unknown_parameter"]),
        ({"instructions": "no type"}, ["session.type"]),
    ],
)
async def test_the_field_that_a_session_is_refused_for_is_named(session: dict[str, Any], words: list[str]) -> None:
    async with hosted_fake() as fake:
        target = Target(kind="openai", url=fake.base_url, shown="OpenAI", key=KEY, model="gpt-realtime-2.1")
        taken, settings = await check_session(target, session)
    assert taken.status is Status.OK
    assert settings.status is Status.FAIL
    told = f"{settings.message} {settings.advice}"
    for word in words:
        assert word in told


async def test_a_session_that_is_taken_is_told_too() -> None:
    async with a_server() as server:
        found = await check_session(to(server.base_url), {"type": "realtime", "instructions": "Be brief."})
    assert [finding.status for finding in found] == [Status.OK, Status.OK]


def test_the_beta_that_was_switched_off_is_named() -> None:
    from antiphon.cli.doctor.server import session_refusal

    found = session_refusal({"code": "beta_api_shape_disabled", "message": "x"}, "OpenAI")
    assert "no longer speaks the beta" in found.message
    assert "output_modalities" in found.advice


# ── network ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class StunServer(asyncio.DatagramProtocol):
    """Answers a binding request with where it came from. broken: answers with garbage."""

    def __init__(self, broken: bool) -> None:
        self.broken = broken
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        from aioice import stun

        if self.broken:
            self.transport.sendto(b"what?", addr)
            return
        asked = stun.parse_message(data)
        answer = stun.Message(
            message_method=asked.message_method,
            message_class=stun.Class.RESPONSE,
            transaction_id=asked.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = addr[:2]
        self.transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def stun_server(*, broken: bool = False) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: StunServer(broken), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_a_stun_server_that_answers_and_one_where_nothing_listens() -> None:
    async with stun_server() as port:
        works, dead = await check_stun([f"stun:127.0.0.1:{port}", f"stun:127.0.0.1:{free_port()}"])
    assert works.status is Status.OK
    assert "127.0.0.1:" in works.message
    assert dead.status is Status.FAIL
    assert "does not answer as a STUN server" in dead.message


async def test_a_stun_server_that_talks_nonsense_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.rtc.probing._ANSWER_S", 0.3)
    async with stun_server(broken=True) as port:
        (found,) = await check_stun([f"stun:127.0.0.1:{port}"])
    assert found.status is Status.FAIL


async def test_turn_that_cannot_be_used_is_told() -> None:
    (missing,) = await check_turn(["turn:127.0.0.1:1"], None)
    assert "--turn-secret" in missing.advice
    (dead,) = await check_turn([f"turn:127.0.0.1:{free_port()}?transport=tcp"], "secret")
    assert dead.status is Status.FAIL
    assert "cannot be reached" in dead.message


async def test_a_turn_server_that_relays_and_one_with_another_secret() -> None:
    async with turn_relay("127.0.0.1") as relay:
        url = f"turn:127.0.0.1:{relay.port}"
        reached = await allocate_turn(IceServer(url=url, username=USER, credential=PASSWORD))
        assert reached.address.startswith("127.0.0.1:")
        assert not relay.allocations, "what was allocated is given back"
        (refused,) = await check_turn([url], "another-secret")
    assert refused.status is Status.FAIL
    assert "401" in refused.message
    assert "--turn-secret" in refused.advice


async def test_without_ice_servers_both_checks_are_left_out() -> None:
    assert [(await check_stun([]))[0].status, (await check_turn([], None))[0].status] == [Status.SKIP] * 2


async def test_a_port_in_use_is_told_and_our_own_server_on_it_is_no_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = await check_port("127.0.0.1", other.getsockname()[1])
    assert taken.status is Status.WARN
    assert "in use by another program" in taken.message
    async with a_server() as server:
        assert (await check_port("127.0.0.1", server.port)).status is Status.OK
    assert (await check_port("192.0.2.77", 3000)).status is Status.FAIL


async def test_a_range_of_udp_ports_that_is_all_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("", 0))
        port = held.getsockname()[1]
        assert (await check_udp_ports((port, port))).status is Status.FAIL


# ── all together ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_is_configured_is_called_and_whoever_is_named_before_that(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = DoctorOptions(target=None, session_file=None, offline=False, as_json=False)
    target, _ = whom(nobody, serve_options("--port", "4000"))
    assert (target.kind, target.shown, target.named) == ("server", "127.0.0.1:4000", False)
    target, key = whom(nobody, serve_options("--api-key", WRONG_KEY))
    assert (target.kind, key.status) == ("openai", Status.OK)
    named = DoctorOptions(target="http://127.0.0.1:9", session_file=None, offline=False, as_json=False)
    target, _ = whom(named, serve_options("--api-key", WRONG_KEY))
    assert (target.kind, target.key) == ("server", None)


async def test_offline_asks_nobody_beyond_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    options = DoctorOptions(target="openai", session_file=None, offline=True, as_json=False)
    checks = plan(options, serve_options("--api-key", WRONG_KEY, "--ice-server", "stun:stun.example"))
    asked = {check.name: check.run for check in checks}
    for name in ("server", "session", "stun"):
        found = await asked[name]()
        assert isinstance(found, Finding)
        assert found.status is Status.SKIP


async def test_a_check_that_hangs_is_given_up_and_one_that_breaks_hides_no_other() -> None:
    from antiphon.cli.doctor.findings import Check, ok

    async def hang() -> Finding:
        await asyncio.Event().wait()
        raise AssertionError

    async def break_() -> Finding:
        raise RuntimeError("broken")

    async def well() -> Finding:
        return ok("well", "fine")

    checks = [Check("hangs", hang, 0.01), Check("breaks", break_), Check("well", well)]
    found = [finding async for finding in run_checks(checks)]
    assert [finding.status for finding in found] == [Status.FAIL, Status.FAIL, Status.OK]
    assert "given up" in found[0].message


async def test_the_command_ends_with_one_and_names_the_fault(tmp_path: Path) -> None:
    port = free_port()
    ended = await antiphon("doctor", f"http://127.0.0.1:{port}", "--json", "--port", "0", folder=tmp_path)
    assert ended.code == 1
    report = json.loads(ended.out)
    assert report["ok"] is False
    failed = [check for check in report["checks"] if check["status"] == "fail"]
    assert [check["check"] for check in failed] == ["server", "session"]
    assert "Traceback" not in ended.err


async def test_the_command_is_content_with_a_server_that_is_well(tmp_path: Path) -> None:
    async with a_server() as server:
        ended = await antiphon("doctor", server.base_url, "--port", "0", folder=tmp_path)
    assert ended.code == 0, ended.out
    assert "takes the call" in ended.out
    assert "spea" in ended.out


@pytest.mark.parametrize(("text", "words"), [("{", "line 1"), ("[1]", "no JSON object"), ('{"a": ', "is not JSON")])
async def test_a_session_file_that_is_none_is_told(tmp_path: Path, text: str, words: str) -> None:
    from click.testing import CliRunner

    from antiphon.cli import main

    path = tmp_path / "session.json"
    path.write_text(text)
    result = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "--session", str(path)])
    assert result.exit_code == 1
    assert words in result.output
