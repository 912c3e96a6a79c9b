"""Which checks `antiphon doctor` makes, from what was named and configured, and how it tells what they found."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from antiphon.cli.doctor import keys, machine, network, server
from antiphon.cli.doctor.findings import Check, Finding, Status, lines, run_checks, skip, summary
from antiphon.cli.exits import FAILED, OK
from antiphon.cli.serve import ServeOptions
from antiphon.cli.targets import Target, TargetOptions, target_of
from antiphon.cli.upstream_options import choice_of
from antiphon.errors import ConfigurationError

_ENGINE_SECONDS = 30.0
_SOUND_SECONDS = 15.0
_LARGEST_SESSION_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """What was asked for, besides the options of `antiphon serve`."""

    target: str | None
    session_file: str | None
    offline: bool
    as_json: bool


def run_doctor(options: DoctorOptions, serve: ServeOptions) -> int:
    """Make the checks and print what they find; the exit code. Raises ConfigurationError."""
    findings = asyncio.run(_examine(options, serve))
    if options.as_json:
        passed = not any(finding.status is Status.FAIL for finding in findings)
        click.echo(json.dumps({"ok": passed, "checks": [finding.to_json() for finding in findings]}, indent=2))
    else:
        click.echo(f"\n{summary(findings)}")
    return FAILED if any(finding.status is Status.FAIL for finding in findings) else OK


async def _examine(options: DoctorOptions, serve: ServeOptions) -> list[Finding]:
    width = min(shutil.get_terminal_size().columns, 100)
    found = []
    async for finding in run_checks(plan(options, serve)):
        found.append(finding)
        if not options.as_json:
            click.echo(lines(finding, width, _paint))
            sys.stdout.flush()
    return found


def _paint(text: str, colour: str) -> str:
    return click.style(text, fg=colour)


def plan(options: DoctorOptions, serve: ServeOptions) -> list[Check]:
    """The checks, in the order in which they are told. Raises ConfigurationError."""
    target, key = whom(options, serve)
    session = None if options.session_file is None else _session(Path(options.session_file))
    away = options.offline and not target.is_local
    return [
        Check("packages", machine.check_packages),
        Check("key", _found(key)),
        Check("server", _skipped("server", away) or functools.partial(server.check_server, target)),
        Check("session", _skipped("session", away) or functools.partial(server.check_session, target, session)),
        Check("engine", _engine(target, serve), _ENGINE_SECONDS),
        Check("port", functools.partial(network.check_port, serve.host, serve.port)),
        Check("udp ports", functools.partial(network.check_udp_ports, serve.udp_ports)),
        Check("ice", network.check_ice),
        Check(
            "stun",
            _skipped("stun", _asks(options, serve, "stun")) or functools.partial(network.check_stun, serve.ice_servers),
        ),
        Check(
            "turn",
            _skipped("turn", _asks(options, serve, "turn"))
            or functools.partial(network.check_turn, serve.ice_servers, serve.turn_secret),
        ),
        Check("proxy", functools.partial(network.check_proxy, os.environ, _beyond(target))),
        Check("microphone", machine.check_sound, _SOUND_SECONDS),
    ]


def whom(options: DoctorOptions, serve: ServeOptions) -> tuple[Target, Finding]:
    """Who is called, and what can be said of the key for it. Raises ConfigurationError.

    The one who is named; else whom `antiphon serve` would call; else the server that may run on this machine.
    """
    wanted = TargetOptions(
        url=options.target,
        token=serve.token,
        model=serve.model,
        api_key=serve.api_key,
        upstream_url=serve.upstream_url,
        azure_endpoint=serve.azure_endpoint,
        azure_deployment=serve.azure_deployment,
        azure_key=serve.azure_key,
        azure_api_version=serve.azure_api_version,
    )
    if options.target is None:
        choice = choice_of(serve)
        if choice.name in ("openai", "azure"):
            wanted = replace(wanted, url=choice.name)
        elif choice.name == "url":
            # The key of OPENAI_BASE_URL's owner, which is what `antiphon serve` sends there.
            wanted = replace(wanted, url=serve.upstream_url, token=serve.api_key)
    if wanted.url is None and serve.port:
        # The server that would be started here with these options.
        target = replace(target_of(replace(wanted, url=f"http://127.0.0.1:{serve.port}")), named=False)
    else:
        target = target_of(wanted)
    return target, _key(target)


def _key(target: Target) -> Finding:
    match target.kind:
        case "openai":
            return keys.openai_key(target.key or "")
        case "azure" if target.key:
            return keys.azure_key(target.key)
        case "azure":
            return skip("key", "AZURE_OPENAI_API_KEY is not set: Entra signs in.")
    if target.key:
        return skip("key", f"What a key of {target.shown} looks like is for its owner to say; the session tells.")
    return skip("key", f"No key is needed to talk to {target.shown}, unless it asks for a token.")


def _session(path: Path) -> dict[str, Any]:
    """The session in a file: the object itself, or one that has it under "session". Raises ConfigurationError."""
    try:
        if path.stat().st_size > _LARGEST_SESSION_FILE:
            raise ConfigurationError(f"{path} is too large to be a session.")
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}, line {error.lineno}: this is not JSON: {error.msg}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}.") from None
    if isinstance(value, dict) and isinstance(value.get("session"), dict):
        value = value["session"]
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} holds no JSON object.")
    return value


def _engine(target: Target, serve: ServeOptions) -> Any:
    hosted = choice_of(serve).name != "local"
    if hosted or (target.named and target.kind != "server"):
        return _found(skip("engine", "It is not used: calls are answered elsewhere."))
    return functools.partial(machine.check_engine, serve)


def _asks(options: DoctorOptions, serve: ServeOptions, scheme: str) -> bool:
    """Whether --offline keeps a check from servers that it would ask."""
    return options.offline and any(one.startswith(scheme) for one in serve.ice_servers)


def _skipped(check: str, when: bool) -> Any:
    return _found(skip(check, "Not asked, for --offline.")) if when else None


def _found(finding: Finding) -> Any:
    async def known() -> Finding:
        return finding

    return known


def _beyond(target: Target) -> str | None:
    return None if target.is_local else urlsplit(target.url).hostname
