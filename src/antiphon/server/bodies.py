"""What a request that opens a call carries, in the three bodies that the Realtime API and its SDKs use.

Only reading and bounding happens here; whether the offer can be answered is the transport's to say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec
from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from antiphon.protocol import InvalidEvent, SessionConfig, decode_session
from antiphon.protocol.dialects import Dialect, error_body_to_beta, session_to_ga
from antiphon.server.refusals import Refusal
from antiphon.server.settings import KIB, ServerSettings

_SDP_TYPES = frozenset({"application/sdp", "text/plain", ""})
_FRAMING_BYTES = 8 * KIB
"""What a multipart body may add to its parts: boundaries and part headers."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """offer: the caller's SDP. session: the session that it asks for, or None."""

    offer: str
    session: SessionConfig | None = None


class _JsonBody(msgspec.Struct):
    sdp: str
    session: msgspec.Raw = msgspec.Raw(b"")


async def read_call_request(request: Request, settings: ServerSettings, dialect: Dialect = Dialect.GA) -> CallRequest:
    """Read any of the three bodies: raw SDP, multipart with `sdp` and `session`, or JSON of the two. Raises Refusal.

    dialect: of the session; the one that is returned is GA.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        return await _read_multipart(request, settings, dialect)
    if kind == "application/json":
        return await _read_json(request, settings, dialect)
    return CallRequest(await read_offer(request, settings))


async def read_offer(request: Request, settings: ServerSettings) -> str:
    """Read a body that is the SDP itself. Raises Refusal."""
    if media_type(request) not in _SDP_TYPES:
        raise Refusal(415, "unsupported_media_type", "Send the SDP offer as application/sdp.", param="Content-Type")
    return _offer(await read_body(request, settings.max_sdp_bytes, settings.body_seconds), settings)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _offer(sdp: bytes, settings: ServerSettings) -> str:
    if len(sdp) > settings.max_sdp_bytes:
        raise Refusal(
            413, "sdp_too_large", f"The SDP offer is larger than {settings.max_sdp_bytes} bytes.", param="sdp"
        )
    if not sdp.strip():
        raise Refusal(400, "missing_required_parameter", "The request carries no SDP offer.", param="sdp")
    try:
        return sdp.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "invalid_offer", "The SDP offer is not UTF-8 text.", param="sdp") from None


def _session(data: bytes, settings: ServerSettings, dialect: Dialect) -> SessionConfig | None:
    if len(data) > settings.max_session_bytes:
        raise Refusal(
            413, "session_too_large", f"The session is larger than {settings.max_session_bytes} bytes.", param="session"
        )
    if data.strip() in (b"", b"null"):
        return None
    try:
        if dialect.is_beta and isinstance(flat := json_value(data), dict):
            return decode_session(session_to_ga(flat)[0])
        return decode_session(data)
    except InvalidEvent as error:
        raise in_dialect(session_refusal(error), dialect) from None


def json_value(data: bytes) -> object:
    """The body as JSON. Raises Refusal."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal(400, "invalid_json", "The body is not valid JSON.") from None


def in_dialect(refusal: Refusal, dialect: Dialect) -> Refusal:
    """The refusal in the words of the caller's dialect: its message and `param` name the fields that it sent."""
    if not dialect.is_beta:
        return refusal
    body = error_body_to_beta({"error": {"message": refusal.message, "param": refusal.param}})
    return Refusal(
        refusal.status,
        refusal.code,
        str(body["error"]["message"]),
        param=body["error"].get("param"),
        headers=refusal.headers,
    )


def session_refusal(error: InvalidEvent) -> Refusal:
    """The protocol's own error about a session, as an HTTP one."""
    code, param = error.error.code, error.error.param
    return Refusal(
        400,
        code if isinstance(code, str) else "invalid_value",
        error.error.message,
        param=param if isinstance(param, str) else None,
    )


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body, given up as soon as it is known to be too large or too slow."""
    # Closing is the only way not to be sent the rest: without it the server would read on, and throw away.
    close = {"Connection": "close"}
    too_large = Refusal(413, "body_too_large", f"The request's body is larger than {limit} bytes.", headers=close)
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise too_large
    chunks = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise Refusal(
            408, "body_too_slow", f"The request's body took longer than {seconds:g} seconds.", headers=close
        ) from None
    except ClientDisconnect:
        raise Refusal(400, "body_incomplete", "The request's body ended early.") from None
    return b"".join(chunks)


async def _read_json(request: Request, settings: ServerSettings, dialect: Dialect) -> CallRequest:
    # In JSON a character can take six bytes ("\u00e9"), a line break of the SDP four ("\r\n").
    limit = 2 * settings.max_sdp_bytes + settings.max_session_bytes
    data = await read_body(request, limit, settings.body_seconds)
    try:
        body = msgspec.json.decode(data, type=_JsonBody)
    except msgspec.ValidationError as error:
        raise Refusal(400, "invalid_value", f"The body must be an object with `sdp` and `session`: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal(400, "invalid_json", "The body is not valid JSON.") from None
    return CallRequest(
        _offer(body.sdp.encode(errors="replace"), settings), _session(bytes(body.session), settings, dialect)
    )


async def _read_multipart(request: Request, settings: ServerSettings, dialect: Dialect) -> CallRequest:
    limit = settings.max_sdp_bytes + settings.max_session_bytes + _FRAMING_BYTES
    data = await read_body(request, limit, settings.body_seconds)

    async def replay() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    whole = Request(request.scope, replay)
    try:
        async with whole.form(max_files=4, max_fields=8, max_part_size=limit) as form:
            offer = await _part(form, "sdp")
            session = await _part(form, "session")
    except (HTTPException, FormParserError):  # which of the two depends on Starlette's version
        raise Refusal(400, "invalid_multipart", "The multipart body is malformed.") from None
    if offer is None:
        raise Refusal(400, "missing_required_parameter", "The multipart body has no part `sdp`.", param="sdp")
    return CallRequest(_offer(offer, settings), _session(session or b"", settings, dialect))


async def _part(form: FormData, name: str) -> bytes | None:
    """A part's bytes, whether it was sent as a field or, as some SDKs do, as a file."""
    part = form.get(name)
    if isinstance(part, UploadFile):
        return await part.read()
    return None if part is None else part.encode()
