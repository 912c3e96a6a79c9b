"""WebSocket requests: a new call, or a further peer's seat at a running one. How events travel is not known here."""

from __future__ import annotations

from starlette.websockets import WebSocket

from antiphon.protocol import InvalidEvent, TranscriptionSession
from antiphon.protocol.dialects import Address, choose_dialect, find_address
from antiphon.server.answering import CallKind
from antiphon.server.bodies import in_dialect, session_refusal
from antiphon.server.callers import CallerRates
from antiphon.server.calls import Calls
from antiphon.server.client_secrets import ClientSecret
from antiphon.server.door import presented_secret, route_path
from antiphon.server.edge import Edge
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings
from antiphon.server.socket_call import GOING_AWAY, SocketLink, run_socket_call


class Sockets:
    """Opens WebSocket calls and sidebands. The calls themselves live in `Calls`."""

    def __init__(self, calls: Calls, rates: CallerRates, settings: ServerSettings) -> None:
        self._calls = calls
        self._rates = rates
        self._settings = settings

    async def serve(self, websocket: WebSocket) -> None:
        """One connection from its request to its end. Raises Refusal, which becomes its denial."""
        path = route_path(websocket.scope)
        address = find_address("GET", path)
        assert address is not None, f"{path} is routed and unknown"
        query = websocket.query_params
        if address.needs_version and not query.get("api-version"):
            raise version_wanted()
        offered = websocket.scope.get("subprotocols", ())
        edge = Edge(choose_dialect(websocket.headers.items(), offered, query, path))
        # Only `realtime` is ever chosen: echoing a client's key back would put it into its logs.
        subprotocol = "realtime" if "realtime" in offered else None
        if "call_id" in query:
            await self._join(websocket, address, edge, subprotocol)
        else:
            await self._call(websocket, address, edge, subprotocol)

    async def _call(self, websocket: WebSocket, address: Address, edge: Edge, subprotocol: str | None) -> None:
        query, secret = websocket.query_params, presented_secret(websocket.scope)
        session = None if secret is None else secret.session
        kind = _kind(query.get("intent"), secret)
        self._rates.may_call(websocket)
        await self._calls.ready()
        link = SocketLink(self._settings.max_unsent_bytes, edge)
        with self._calls.slot():
            try:
                call = self._calls.answerer.open_call(
                    link, model=query.get(address.model) or None, session=session, kind=kind
                )
            except InvalidEvent as error:
                raise in_dialect(session_refusal(error), edge.dialect) from None
            with self._calls.listed(call, lambda reason: link.close(GOING_AWAY, reason)):
                await run_socket_call(
                    websocket,
                    link,
                    call,
                    subprotocol=subprotocol,
                    opened=call.opened,
                    max_seconds=self._settings.max_call_seconds,
                )

    async def _join(self, websocket: WebSocket, address: Address, edge: Edge, subprotocol: str | None) -> None:
        query = websocket.query_params
        if query.get(address.model):
            raise Refusal(
                400, "invalid_value", f"`{address.model}` and `call_id` exclude each other.", param=address.model
            )
        call = self._calls.find(query["call_id"])
        # An ephemeral key opens calls and does not reach into them, its own neither; the hosted service says the same.
        if call is None or presented_secret(websocket.scope) is not None:
            raise unknown_call()
        # A call can have a few of these, which together may cost as much as the caller.
        link = SocketLink(max(1, self._settings.max_unsent_bytes // 4), edge)
        try:
            seat = call.attach(link)
        except InvalidEvent as error:
            if error.error.code == "call_id_not_found":
                raise unknown_call() from None
            raise Refusal(429, "too_many_peers", error.error.message, param="call_id") from None
        await run_socket_call(websocket, link, seat, subprotocol=subprotocol)


def unknown_call() -> Refusal:
    return Refusal(404, "call_id_not_found", "No session found for the provided call_id", param="call_id")


def version_wanted() -> Refusal:
    return Refusal(400, "missing_required_parameter", "This address takes a dated `api-version`.", param="api-version")


def _kind(intent: str | None, secret: ClientSecret | None) -> CallKind:
    if intent not in (None, "transcription", "conversation"):
        raise Refusal(400, "invalid_value", "`intent` must be 'conversation' or 'transcription'.", param="intent")
    if secret is not None:
        return "transcription" if isinstance(secret.session, TranscriptionSession) else "realtime"
    return "transcription" if intent == "transcription" else "realtime"
