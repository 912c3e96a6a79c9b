"""Finds a language model server that already runs on this machine, at the usual ports of the usual servers.

A server is known by what it answers, not by its port alone: 8000 and 8080 belong to all kinds of web programs. Only
loopback addresses are asked, and only with GET.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from antiphon.engine.llm.models import choose_model, model_names

_LONGEST_ANSWER: Final = 1024 * 1024

OLLAMA: Final = "Ollama"
LM_STUDIO: Final = "LM Studio"
LLAMA_CPP: Final = "llama.cpp"
VLLM: Final = "vLLM"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look. usual: the server that mostly listens there (it breaks a tie, it proves nothing)."""

    port: int
    usual: str
    host: str = "127.0.0.1"


USUAL_PLACES: Final = (
    Place(11434, OLLAMA), Place(1234, LM_STUDIO), Place(8080, LLAMA_CPP), Place(8000, VLLM), Place(8001, VLLM),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that was found. url: its base URL for `open_model`; chosen: the model to use, None when it has none
    that talks."""

    kind: str
    url: str
    models: tuple[str, ...]
    chosen: str | None


def identify(place: Place, answers: Mapping[str, Any]) -> str | None:
    """Which server answered, from the parsed JSON bodies by path (only those that were answered with success).

    None when it is something else: another web program, or another Realtime server.
    """
    version = answers.get("/api/version")
    tags = answers.get("/api/tags")
    if isinstance(version, dict) and "version" in version and isinstance(tags, dict) and "models" in tags:
        return OLLAMA
    entries = _entries(answers.get("/v1/models"))
    if entries is None:
        return None
    props = answers.get("/props")
    if isinstance(props, dict) and ("default_generation_settings" in props or "build_info" in props):
        return LLAMA_CPP
    native = _entries(answers.get("/api/v0/models"))
    if native and any("state" in entry and "compatibility_type" in entry for entry in native):
        return LM_STUDIO
    owners = {str(entry.get("owned_by", "")).casefold() for entry in entries}
    if "llamacpp" in owners:
        return LLAMA_CPP
    if "vllm" in owners:
        return VLLM
    if "organization_owner" in owners and place.usual == LM_STUDIO:
        return LM_STUDIO
    return None


def found_server(place: Place, answers: Mapping[str, Any]) -> FoundServer | None:
    """The server at a place and the model to talk to, from what it answered; None when it is not one."""
    kind = identify(place, answers)
    if kind is None:
        return None
    listing = answers.get("/api/v0/models") if kind == LM_STUDIO else None
    names = model_names(listing) or model_names(answers.get("/v1/models")) or model_names(answers.get("/api/tags"))
    running = model_names(answers.get("/api/ps")) if kind == OLLAMA else []
    names = [name for name in running if name in names] + [name for name in names if name not in running]
    chosen = choose_model([name for name in names if name in running]) or choose_model(names)
    return FoundServer(kind, f"http://{place.host}:{place.port}/v1", tuple(names), chosen)


async def find_local_server(
    places: Sequence[Place] = USUAL_PLACES, *, time_limit: float = 0.3, without_ports: Sequence[int] = ()
) -> FoundServer | None:
    """Ask all places at once; the first in their order that is a model server with a model to talk to.

    A server without a usable model is returned only when there is no other, so that its owner can be told.
    time_limit: seconds for everything together. without_ports: not asked (this program's own).
    """
    asked = [place for place in places if place.port not in without_ports]
    # Only plain HTTP is spoken here, and loading the certificate store takes longer than all the asking.
    no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(
        verify=no_certificates, trust_env=False, follow_redirects=False, timeout=time_limit
    ) as client:
        tasks = [asyncio.create_task(_ask(client, place, time_limit)) for place in asked]
        try:
            found = [server for server in await asyncio.gather(*tasks) if server is not None]
        finally:
            for task in tasks:
                task.cancel()
    return next((server for server in found if server.chosen), found[0] if found else None)


async def _ask(client: httpx.AsyncClient, place: Place, time_limit: float) -> FoundServer | None:
    paths = ["/v1/models", "/api/version", "/api/tags", "/api/ps", "/props", "/api/v0/models"]
    answers: dict[str, Any] = {}

    async def get(path: str) -> None:
        body = await _json(client, f"http://{place.host}:{place.port}{path}")
        if body is not None:
            answers[path] = body

    tasks = [asyncio.create_task(get(path)) for path in paths]
    try:
        await asyncio.wait(tasks, timeout=time_limit)  # what has come by then counts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return found_server(place, answers)


async def _json(client: httpx.AsyncClient, url: str) -> Any:
    """The parsed body of a successful JSON answer, else None: a closed port is the usual case, not an error."""
    try:
        async with client.stream("GET", url) as response:
            if response.status_code != 200 or "json" not in response.headers.get("content-type", ""):
                return None
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    return None
            return json.loads(bytes(body))
    except (httpx.HTTPError, ValueError, RecursionError):
        return None


def _entries(listing: Any) -> list[dict[str, Any]] | None:
    if not isinstance(listing, dict) or not isinstance(listing.get("data"), list):
        return None
    return [entry for entry in listing["data"] if isinstance(entry, dict)]
