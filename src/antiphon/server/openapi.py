"""The HTTP routes described as OpenAPI, kept by hand beside `routes.py`; a test holds the two together.

The WebSocket side of `/v1/realtime` has no place in OpenAPI; its GET is described as what a plain request gets.
"""

from __future__ import annotations

from typing import Any

from antiphon import __version__

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
                "requestBody": {"required": True, "content": _OFFER},
                "responses": {**_CALL_ERRORS, "201": _ANSWER},
            }
        },
        "/v1/realtime": {
            "get": {
                "summary": "Open a call over WebSocket",
                "description": "Upgrade to WebSocket; the subprotocol `realtime` is chosen when it is offered.",
                "parameters": [
                    {"name": "model", "in": "query", "schema": {"type": "string"}},
                    {
                        "name": "intent",
                        "in": "query",
                        "schema": {"type": "string", "enum": ["conversation", "transcription"]},
                    },
                ],
                "responses": {
                    **_DOOR,
                    "101": {"description": "The WebSocket is open; `session.created` is its first event."},
                    "400": _error("The query is not valid."),
                    "404": _error("There is no call of that id."),
                    "426": _error("The request was no WebSocket upgrade."),
                    "503": _NOT_READY,
                },
            }
        },
        "/v1/realtime/calls": {
            "post": {
                "summary": "Open a WebRTC call",
                "parameters": [{"name": "model", "in": "query", "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        **_OFFER,
                        "multipart/form-data": {"schema": _OFFER_AND_SESSION},
                        "application/json": {"schema": _OFFER_AND_SESSION},
                    },
                },
                "responses": {**_CALL_ERRORS, "201": _ANSWER},
            }
        },
        "/v1/realtime/calls/{call_id}/hangup": {
            "post": {
                "summary": "Hang up",
                "parameters": [{"name": "call_id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {
                    **_DOOR,
                    "200": {"description": "The call is being ended."},
                    "404": _error("There is no call of that id."),
                },
            }
        },
    },
    "components": {
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The access token that the server printed; only beyond the server's own machine.",
            }
        },
        "schemas": {
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
