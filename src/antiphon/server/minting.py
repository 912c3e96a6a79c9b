"""The HTTP side of ephemeral keys: what a request for one holds, and how each kind of client reads the answer."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from antiphon.protocol import InvalidEvent, RealtimeSession, SessionConfig, decode_session, to_builtins
from antiphon.protocol.dialects import (
    Dialect,
    Purpose,
    secret_for_every_client,
    secret_request_to_ga,
    secret_to_beta,
)
from antiphon.server.answering import CURRENT_USER
from antiphon.server.bodies import in_dialect, json_value, read_body, session_refusal
from antiphon.server.callers import CallerRates
from antiphon.server.calls import Calls
from antiphon.server.client_secrets import LEAST_SECONDS, MOST_SECONDS, USUAL_SECONDS, ClientSecrets
from antiphon.server.refusals import Refusal
from antiphon.server.settings import KIB, ServerSettings

_ENVELOPE_BYTES = 4 * KIB


class Mint:
    """Mints keys for requests. Holds what that takes; the keys themselves are `ClientSecrets`'s."""

    def __init__(
        self, calls: Calls, client_secrets: ClientSecrets, rates: CallerRates, settings: ServerSettings
    ) -> None:
        self._calls = calls
        self._client_secrets = client_secrets
        self._rates = rates
        self._settings = settings

    async def mint(self, request: Request, purpose: Purpose, dialect: Dialect) -> Response:
        """Answer a request at one of the Realtime API's own addresses for keys. Raises Refusal."""
        await self._calls.ready()
        self._rates.may_have_key(request)
        body = await self._read(request)
        if purpose is Purpose.KEY:
            return _answer(self._mint(body))
        kind: Literal["realtime", "transcription"] = (
            "transcription" if purpose is Purpose.BETA_TRANSCRIPTION_SESSION else "realtime"
        )
        try:
            minted = self._mint(secret_request_to_ga(body, kind).body)
        except Refusal as refusal:
            raise in_dialect(refusal, dialect) from None
        return _answer(secret_to_beta(minted))

    async def mint_for_page(self, request: Request, session: SessionConfig) -> Response:
        """Answer a page of the server's own app, whose session is not the page's to say. Raises Refusal.

        The founding apps ask here. Some of them open the call as GA does and listen for the beta's names.
        """
        await self._calls.ready()
        self._rates.may_have_key(request)
        return _answer(secret_for_every_client(self._issue(session, USUAL_SECONDS, old_names=True)))

    async def _read(self, request: Request) -> dict[str, Any]:
        limit = self._settings.max_session_bytes + _ENVELOPE_BYTES
        data = await read_body(request, limit, self._settings.body_seconds)
        body = json_value(data) if data.strip() else {}
        if not isinstance(body, dict):
            raise Refusal(400, "invalid_value", "The body must be a JSON object.")
        return body

    def _mint(self, body: dict[str, Any]) -> dict[str, Any]:
        """GA's request for a key, answered. Raises Refusal."""
        for name in body:
            if name not in ("expires_after", "session"):
                raise Refusal(400, "unknown_parameter", f"Unknown parameter: '{name[:64]}'.", param=name[:64])
        seconds = _seconds(body.get("expires_after"))
        session = body.get("session")
        if session is None:
            return self._issue(RealtimeSession(), seconds)
        if not isinstance(session, dict):
            raise Refusal(400, "invalid_value", "`session` must be an object.", param="session")
        try:
            return self._issue(decode_session(session), seconds)
        except InvalidEvent as error:
            raise session_refusal(error) from None

    def _issue(self, session: SessionConfig, seconds: int, *, old_names: bool = False) -> dict[str, Any]:
        shown = self._calls.answerer.effective_session(session)
        minted = self._client_secrets.mint(session, seconds, time.time(), old_names=old_names, user=CURRENT_USER.get())
        return {
            "value": minted.value,
            "expires_at": minted.expires_at,
            "session": {**to_builtins(shown), "expires_at": 0},
        }


def _seconds(expires_after: object) -> int:
    """How long the key is to live. Raises Refusal."""
    if expires_after is None:
        return USUAL_SECONDS
    if not isinstance(expires_after, dict):
        raise Refusal(400, "invalid_value", "`expires_after` must be an object.", param="expires_after")
    anchor = expires_after.get("anchor", "created_at")
    if anchor != "created_at":
        raise Refusal(
            400, "invalid_value", "`expires_after.anchor` must be 'created_at'.", param="expires_after.anchor"
        )
    seconds = expires_after.get("seconds", USUAL_SECONDS)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise Refusal(
            400,
            "invalid_value",
            f"`expires_after.seconds` must be a whole number from {LEAST_SECONDS} to {MOST_SECONDS}.",
            param="expires_after.seconds",
        )
    return seconds


def _answer(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), 200, {"Cache-Control": "no-store"}, media_type="application/json")
