"""Whether the one who is called can be: is there a server, what is it, is its clock ours, does it take the key and the
session. The only checks that ask somebody beyond this machine, and only whoever was named or configured."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from antiphon.cli.doctor.findings import Finding, fail, ok, skip, warn
from antiphon.cli.targets import Target, transport_to
from antiphon.client import ClosedError, ConnectError, RefusedError, Transport, UnauthorizedError
from antiphon.client.addresses import is_loopback
from antiphon.errors import AntiphonError
from antiphon.protocol.dialects.vocabulary import SESSION_FIELDS
from antiphon.upstream import UpstreamError

_HTTP_SECONDS = 5.0
_LARGEST_BODY = 64 * 1024
_TRUSTED_SKEW_S, _BAD_SKEW_S = 30, 300
START_ONE = "Start one with `antiphon serve`, or name where yours is: antiphon doctor URL."


def http_root(url: str) -> str:
    """Scheme, host and port of an address, for HTTP."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}"


def http_client(url: str, **more: Any) -> httpx.AsyncClient:
    """A client whose proxies are the environment's, but for this machine itself."""
    return httpx.AsyncClient(timeout=_HTTP_SECONDS, trust_env=not is_loopback(url), follow_redirects=False, **more)


async def check_server(target: Target) -> list[Finding]:
    """Whether there is a server, whether it is well, and whether its clock is ours."""
    root = http_root(target.url)
    headers = {"Authorization": f"Bearer {target.key}"} if target.key and target.kind == "server" else {}
    path = "/health" if target.kind == "server" else "/"
    try:
        async with http_client(root) as http:
            sent = time.time()
            health = await http.get(f"{root}{path}")
            taken = time.time()
            about = await http.get(f"{root}/about", headers=headers) if target.kind == "server" else None
    except httpx.HTTPError as error:
        return [_unreachable(target, error), skip("clock", "Nobody answered whose clock could be compared.")]
    found = [] if about is None else [_what_it_is(target, health, about)]
    return [*found, clock_finding(health.headers.get("date"), (sent + taken) / 2, target.shown)]


def _unreachable(target: Target, error: httpx.HTTPError) -> Finding:
    if isinstance(error, httpx.ConnectError) and target.is_local:
        message = f"No server is running at {target.shown}."
        return fail("server", message, START_ONE) if target.named else skip("server", message, START_ONE)
    if isinstance(error, httpx.TimeoutException):
        return fail("server", f"{target.shown} did not answer within {_HTTP_SECONDS:g} s.", _REACH)
    if isinstance(error, httpx.ConnectError):
        return fail("server", f"{target.shown} cannot be reached: {_reason(error)}.", _REACH)
    return fail("server", f"{target.shown} does not speak HTTP: {_reason(error)}.", "Check the port and http or https.")


_REACH = "Check the address, the network, and the proxy variables."


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text or type(error).__name__


def _what_it_is(target: Target, health: httpx.Response, about: httpx.Response) -> Finding:
    status = _member(health, "status")
    if status is None or _member(health, "version") is None:
        return warn(
            "server",
            f"{target.shown} answers (HTTP {health.status_code}), but is no Antiphon server.",
            "Any other server of the Realtime API will do; whether this is one, the check of the session tells.",
        )
    if status != "ok":
        return fail("server", f"The server at {target.shown} says of itself: {status}.", "Read what it has logged.")
    version = _member(health, "version")
    if about.status_code in (401, 403):
        return ok("server", f"Antiphon {version} runs at {target.shown}.")
    model, voice = _member(about, "model"), _member(about, "voice")
    names = [str(stage["name"]) for stage in (model, voice) if isinstance(stage, dict) and "name" in stage]
    answering = f"; {' and '.join(dict.fromkeys(names))} answer" if names else ""
    return ok("server", f"Antiphon {version} runs at {target.shown}{answering}.")


def _member(response: httpx.Response, name: str) -> Any:
    try:
        body = json.loads(response.content[:_LARGEST_BODY])
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None


def clock_finding(date: str | None, now: float, where: str) -> Finding:
    """How far this machine's clock is from a server's. date: its Date header, of whole seconds; now: unix time here."""
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return skip("clock", f"{where} does not tell its time.")
    # The header was cut to whole seconds.
    skew = now - (theirs + 0.5)
    if abs(skew) < _TRUSTED_SKEW_S:
        return ok("clock", f"This clock and that of {where} agree.")
    direction = "ahead of" if skew > 0 else "behind"
    message = f"This clock is {_span(abs(skew))} {direction} that of {where}."
    advice = "Ephemeral keys and TURN passwords end at a time: have the clock set by NTP (timedatectl set-ntp true)."
    return fail("clock", message, advice) if abs(skew) >= _BAD_SKEW_S else warn("clock", message, advice)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


# ── the key and the session ───────────────────────────────────────────────────────────────────────────────────────────


async def check_session(target: Target, session: dict[str, Any] | None) -> list[Finding]:
    """Open a session, which costs nothing as long as nobody speaks, and have it take these settings."""
    try:
        transport = transport_to(target)
        await transport.connect()
    except UnauthorizedError as error:
        return [fail("session", _sentence(error), _key_advice(target))]
    except RefusedError as error:
        return [fail("session", _sentence(error), _refused_advice(error, target))]
    except (ConnectError, UpstreamError) as error:
        if not target.named and target.is_local:
            return [skip("session", "There is no server to open one at.")]
        return [fail("session", _sentence(error), _REACH)]
    try:
        return await _set_up(transport, target, session)
    except ClosedError as closed:
        return [_closed(closed, target)]
    finally:
        await transport.close()


async def _set_up(transport: Transport, target: Target, session: dict[str, Any] | None) -> list[Finding]:
    created = await _next(transport, "session.created")
    if created["type"] == "error":
        return [session_refusal(created.get("error"), target.shown)]
    model = created.get("session", {}).get("model") if isinstance(created.get("session"), dict) else None
    found = [ok("session", f"{target.shown} takes the call{f' (model {model})' if model else ''}.")]
    if session is None:
        return found
    update = {"type": "session.update", "session": session}
    await transport.send(json.dumps(update))
    answer = await _next(transport, "session.updated")
    if answer["type"] == "error":
        return [*found, session_refusal(answer.get("error"), target.shown)]
    return [*found, ok("settings", f"{target.shown} takes these session settings.")]


async def _next(transport: Transport, wanted: str) -> dict[str, Any]:
    while True:
        try:
            event = json.loads(await transport.receive())
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("type") in (wanted, "error"):
            return event


_GA_NAMES = {field.beta: ".".join(field.ga) for field in SESSION_FIELDS}
_BETA_GONE = "beta_api_shape_disabled"


def session_refusal(error: Any, where: str) -> Finding:
    """What is wrong with a session, from the error that it was answered with; the field at fault by its name."""
    known = error if isinstance(error, dict) else {}
    code, param, message = (str(known.get(name) or "") for name in ("code", "param", "message"))
    field = param.removeprefix("session.")
    ga = _GA_NAMES.get(field)
    if code == _BETA_GONE:
        return fail("settings", f"{where} no longer speaks the beta of the Realtime API.", _GO_GA)
    if field and ga and ga != field:
        return fail(
            "settings",
            f"{where} refuses session.{field}: that is the beta's name.",
            f"Call it session.{ga}. A session with one unknown field is refused whole.",
        )
    if field:
        return fail(
            "settings",
            f"{where} refuses session.{field}{f' ({code})' if code else ''}: {_ended(message)}",
            "Leave it out or correct it. A session with one wrong field is refused whole.",
        )
    return fail("settings", f"{where} refuses the session{f' ({code})' if code else ''}: {_ended(message)}")


_GO_GA = (
    'Leave the header OpenAI-Beta out, give the session a "type": "realtime", and call its fields as GA does'
    " (modalities → output_modalities, voice → audio.output.voice, …)."
)


def _closed(closed: ClosedError, target: Target) -> Finding:
    if "beta" in closed.reason.lower():
        return session_refusal({"code": _BETA_GONE}, target.shown)
    reason = _ended(closed.reason or "no reason was given")
    return fail("session", f"{target.shown} hung up at once (close code {closed.code}): {reason}")


def _sentence(error: AntiphonError) -> str:
    return _ended(str(error))


def _ended(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _key_advice(target: Target) -> str:
    match target.kind:
        case "openai":
            return "Make a new key at platform.openai.com/api-keys and set OPENAI_API_KEY to it."
        case "azure":
            return "Copy a key of this very resource into AZURE_OPENAI_API_KEY, and check AZURE_OPENAI_ENDPOINT."
    return "Give the token that `antiphon serve` printed: --token, or ANTIPHON_TOKEN."


def _refused_advice(error: RefusedError, target: Target) -> str:
    if error.status == 404 and target.kind == "azure":
        return "Check AZURE_OPENAI_DEPLOYMENT: it must be the name of a deployment of a realtime model."
    if error.status == 404:
        return "There is no Realtime API at this address: check it, the path too."
    if error.status == 429:
        return "It has too much to do, or the quota is used up: try again later, or look at the account's limits."
    return "Try again; if it stays so, the reason is at the server." if error.status >= 500 else ""
