"""The HTTP routes described as OpenAPI, kept by hand beside `routes.py`; a test holds the two together.

The WebSocket side of `/v1/realtime` has no place in OpenAPI; its GET is described as what a plain request gets.
"""

from __future__ import annotations

from typing import Any

from antiphon import __version__
from antiphon.protocol.dialects import ADDRESSES, Address, Dialect, Purpose
from antiphon.server.client_secrets import LEAST_SECONDS, MOST_SECONDS

Schema = dict[str, Any]


def _error(description: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _ok_json(description: str, schema: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


_DOOR = {
    "401": _error("The access token is missing or wrong (only where the server asks for one)."),
    "403": _error("The host or the web origin is not allowed."),
}
_NOT_READY = _error("Still loading, out of places for calls, or going down; see `code` and `Retry-After`.")
_TOO_OFTEN = _error("The caller's address asked for too much in a minute, or the call has too many peers.")
_ANSWER = {
    "description": "The call is answered.",
    "headers": {
        "Location": {"description": "The call's address; its last part is its id.", "schema": {"type": "string"}}
    },
    "content": {"application/sdp": {"schema": {"type": "string"}}},
}
_OFFER = {"application/sdp": {"schema": {"type": "string", "description": "The SDP offer."}}}
_OFFER_AND_SESSION: Schema = {
    "type": "object",
    "required": ["sdp"],
    "properties": {
        "sdp": {"type": "string", "description": "The SDP offer."},
        "session": {"type": "object", "description": "A GA session; its `type` is required."},
    },
}
_CALL_ERRORS = {
    **_DOOR,
    "400": _error("The offer, the session or the body is not valid."),
    "408": _error("The body took too long to arrive."),
    "413": _error("The offer, the session or the body is too large."),
    "415": _error("The body is of a kind that is not read."),
    "429": _TOO_OFTEN,
    "501": _error("WebRTC is not installed on this server."),
    "503": _NOT_READY,
}
_HEALTH: Schema = {
    "get": {
        "summary": "Whether calls can be taken",
        "responses": {
            "200": _ok_json("They can.", "Health"),
            "403": _DOOR["403"],
            "503": _ok_json("Not yet, or no more.", "Health"),
        },
    }
}
_STAGE: Schema = {
    "type": "object",
    "required": ["name", "summary", "improve", "embedded"],
    "properties": {
        "name": {"type": "string"},
        "summary": {"type": "string"},
        "improve": {"type": ["string", "null"], "description": "How to get a better one."},
        "embedded": {"type": "boolean", "description": "Whether no other server is involved."},
    },
}

_HANG_UP: Schema = {
    "post": {
        "summary": "Hang up",
        "parameters": [{"name": "call_id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": {
            **_DOOR,
            "200": {"description": "The call is being ended."},
            "404": _error("There is no call of that id."),
        },
    }
}
_CALLERS_SECURITY: list[Schema] = [{}, {"token": []}, {"secret": []}]
"""An ephemeral key alone lets its holder call."""

_KEY_ERRORS = {
    **_DOOR,
    "400": _error("The session, the expiry or the body is not valid."),
    "408": _error("The body took too long to arrive."),
    "413": _error("The body is too large."),
    "429": _TOO_OFTEN,
    "503": _NOT_READY,
}
_SPOKEN = {
    Dialect.GA: "",
    Dialect.BETA: ", in the beta's dialect",
    Dialect.AZURE: ", as Azure has it",
    Dialect.AZURE_PREVIEW: ", as Azure's preview has it",
}


def _query(name: str, *, required: bool = False, **schema: Any) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": {"type": "string", **schema}}


def _addresses() -> Schema:
    """The Realtime API's own addresses, OpenAI's and Azure's."""
    paths: Schema = {}
    for address in ADDRESSES:
        paths.setdefault(address.path, {})[address.method.lower()] = _operation(address)
    return paths


def _operation(address: Address) -> Schema:
    version = [_query("api-version", required=True)] if address.needs_version else []
    spoken = _SPOKEN[address.dialect]
    match address.purpose:
        case Purpose.SOCKET:
            return {
                "summary": f"Open a call over WebSocket, or join a running one{spoken}",
                "description": "Upgrade to WebSocket; the subprotocol `realtime` is chosen when it is offered. With "
                "`call_id` the connection is a further peer of that call: it sees every event, and may send any.",
                "security": _CALLERS_SECURITY,
                "parameters": [
                    *version,
                    _query(address.model),
                    _query("call_id"),
                    _query("intent", enum=["conversation", "transcription"]),
                ],
                "responses": {
                    **_DOOR,
                    "101": {"description": "The WebSocket is open; `session.created` is its first event."},
                    "400": _error("The query is not valid."),
                    "404": _error("There is no call of that id, or an ephemeral key asks for it."),
                    "426": _error("The request was no WebSocket upgrade."),
                    "429": _TOO_OFTEN,
                    "503": _NOT_READY,
                },
            }
        case Purpose.CALL:
            content = {
                **_OFFER,
                "multipart/form-data": {"schema": _OFFER_AND_SESSION},
                "application/json": {"schema": _OFFER_AND_SESSION},
            }
            return {
                "summary": f"Open a WebRTC call{spoken}",
                "security": _CALLERS_SECURITY,
                "parameters": [*version, _query(address.model)],
                "requestBody": {"required": True, "content": content},
                "responses": {**_CALL_ERRORS, "201": _ANSWER},
            }
    flat = address.purpose is not Purpose.KEY
    return {
        "summary": f"Make an ephemeral key that is bound to a session{spoken}",
        "parameters": version,
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{_KEY_REQUEST[flat]}"}}},
        },
        "responses": {**_KEY_ERRORS, "200": _ok_json("The key.", "BetaSession" if flat else "ClientSecret")},
    }


_KEY_REQUEST = {False: "ClientSecretRequest", True: "BetaSessionRequest"}


def _page_key(summary: str) -> Schema:
    errors = {status: _KEY_ERRORS[status] for status in ("401", "403", "429", "503")}
    return {
        "summary": summary,
        "description": "Its WebRTC calls are told of events that the beta named otherwise under both names.",
        "responses": {**errors, "200": _ok_json("The key.", "ClientSecretForEveryClient")},
    }


_SECRET_VALUE: Schema = {
    "type": "object",
    "required": ["value", "expires_at"],
    "properties": {
        "value": {"type": "string", "description": "The key: ek_…"},
        "expires_at": {"type": "integer", "description": "Unix seconds."},
    },
}
_SECRET_ANSWER: Schema = {
    "type": "object",
    "required": ["value", "expires_at", "session"],
    "properties": {
        **_SECRET_VALUE["properties"],
        "session": {"type": "object", "description": "What a call with this key begins with."},
    },
}
_KEY_SCHEMAS: Schema = {
    "ClientSecretRequest": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "expires_after": {
                "type": ["object", "null"],
                "properties": {
                    "anchor": {"const": "created_at"},
                    "seconds": {"type": "integer", "minimum": LEAST_SECONDS, "maximum": MOST_SECONDS},
                },
            },
            "session": {"type": ["object", "null"], "description": "A GA session; its `type` is required."},
        },
    },
    "BetaSessionRequest": {"type": "object", "description": "A session in the beta's flat shape."},
    "ClientSecret": _SECRET_ANSWER,
    "ClientSecretForEveryClient": {
        **_SECRET_ANSWER,
        "required": [*_SECRET_ANSWER["required"], "client_secret"],
        "properties": {**_SECRET_ANSWER["properties"], "client_secret": _SECRET_VALUE},
    },
    "BetaSession": {
        "type": "object",
        "description": "The session in the beta's flat shape.",
        "required": ["client_secret"],
        "properties": {"client_secret": _SECRET_VALUE},
    },
    "IceServers": {
        "type": "object",
        "required": ["iceServers"],
        "properties": {
            "iceServers": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["urls"],
                    "properties": {
                        "urls": {"type": "array", "items": {"type": "string"}},
                        "username": {"type": "string"},
                        "credential": {"type": "string"},
                    },
                },
            }
        },
    },
}

DOCUMENT: Schema = {
    "openapi": "3.1.0",
    "info": {
        "title": "Antiphon",
        "version": __version__,
        "description": "A Realtime voice server: events travel over a WebSocket or a WebRTC data channel.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "."}],
    "security": [{}, {"token": []}],
    "paths": {
        "/health": _HEALTH,
        "/api/health": _HEALTH,
        "/about": {
            "get": {
                "summary": "What answers: recognizer, model, voice, detector, vision",
                "responses": {**_DOOR, "200": _ok_json("The stages.", "About"), "503": _NOT_READY},
            }
        },
        "/openapi.json": {
            "get": {
                "summary": "This document",
                "responses": {
                    **_DOOR,
                    "200": {"description": "OpenAPI", "content": {"application/json": {"schema": {"type": "object"}}}},
                },
            }
        },
        "/session": {
            "post": {
                "summary": "Open a WebRTC call with the server's own session: an SDP offer in, the answer out",
                "description": "What is spoken is told as text as well, and events that the beta named otherwise under"
                " both names, for apps that listen for those.",
                "requestBody": {"required": True, "content": _OFFER},
                "responses": {**_CALL_ERRORS, "201": _ANSWER},
            }
        },
        "/ice-servers": {
            "get": {
                "summary": "The ICE servers of a call, with credentials that are good for a time",
                "security": [{}, {"token": []}, {"secret": []}],
                "responses": {**_DOOR, "200": _ok_json("For an RTCPeerConnection's configuration.", "IceServers")},
            }
        },
        "/realtime/session": {"get": _page_key("An ephemeral key with the server's own session")},
        "/api/realtime/token": {"post": _page_key("The same key, asked for with a POST")},
        **_addresses(),
        "/v1/realtime/calls/{call_id}/hangup": _HANG_UP,
        "/openai/v1/realtime/calls/{call_id}/hangup": _HANG_UP,
    },
    "components": {
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The access token that the server printed; only beyond the server's own machine.",
            },
            "secret": {
                "type": "http",
                "scheme": "bearer",
                "description": "An ephemeral key (ek_…): good for calls that begin with its session, until it expires.",
            },
        },
        "schemas": {
            **_KEY_SCHEMAS,
            "Error": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["message", "type", "code", "param"],
                        "properties": {
                            "message": {"type": "string"},
                            "type": {"type": "string"},
                            "code": {"type": "string"},
                            "param": {"type": ["string", "null"]},
                        },
                    }
                },
            },
            "Health": {
                "type": "object",
                "required": ["status", "version", "calls"],
                "properties": {
                    "status": {"enum": ["ok", "idle", "starting", "failed", "closing"]},
                    "version": {"type": "string"},
                    "calls": {"type": "integer", "description": "Calls at this moment."},
                },
            },
            "Stage": _STAGE,
            "About": {
                "type": "object",
                "required": ["name", "version", "recognizer", "model", "voice", "detector", "vision"],
                "properties": {
                    "name": {"const": "antiphon"},
                    "version": {"type": "string"},
                    **{
                        stage: {"$ref": "#/components/schemas/Stage"}
                        for stage in ("recognizer", "model", "voice", "detector")
                    },
                    "vision": {"anyOf": [{"$ref": "#/components/schemas/Stage"}, {"type": "null"}]},
                },
            },
        },
    },
}
