"""The HTTP bodies around ephemeral keys: beta sessions asked for and given, and GA's client secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from antiphon.protocol.dialects.errors import error_to_beta, error_to_ga
from antiphon.protocol.dialects.sessions import (
    echoed_session_to_beta,
    echoed_session_to_ga,
    session_to_beta,
    session_to_ga,
)
from antiphon.protocol.dialects.translation import Dropped
from antiphon.protocol.dialects.vocabulary import BETA_TEMPERATURE, SessionKind

Body = dict[str, Any]

_EXPIRIES: tuple[str, ...] = ("expires_after", "expires_at")
"""Where a beta client says how long the key is to live: the reference used both names for the same object."""


@dataclass(frozen=True, slots=True)
class TranslatedBody:
    """body: what to send on, or to answer. dropped: what had no place in it."""

    body: Body
    dropped: tuple[Dropped, ...] = ()


def secret_request_to_ga(body: Body, kind: SessionKind = "realtime") -> TranslatedBody:
    """The body of the beta's `POST /v1/realtime/sessions` (kind: "realtime") or `…/transcription_sessions`, as the
    body of GA's `POST /v1/realtime/client_secrets`. Raises nothing: what is wrong in it is GA's to refuse.

    A caller that puts its session into an envelope, as GA does, is understood too.
    """
    session = body["session"] if isinstance(body.get("session"), dict) else body
    path = "session" if session is not body else ""
    kept = dict(session)
    secret = kept.pop("client_secret", None)
    translated, dropped = session_to_ga(kept, kind, path)
    result: Body = {"session": translated}
    expiry = body.get("expires_after") if session is not body else None
    if isinstance(secret, dict):
        expiry = next((secret[name] for name in _EXPIRIES if secret.get(name) is not None), expiry)
    if expiry is not None:
        result["expires_after"] = expiry
    return TranslatedBody(result, _without_leading_dot(dropped))


def secret_to_beta(answer: Body, temperature: float = BETA_TEMPERATURE) -> Body:
    """GA's answer `{value, expires_at, session}` as the flat beta session with its `client_secret` inside."""
    session = answer.get("session")
    shown = echoed_session_to_beta(session if isinstance(session, dict) else {}, temperature)
    shown["client_secret"] = {"value": answer.get("value"), "expires_at": answer.get("expires_at")}
    # GA shows 0 here: a session that has not begun does not expire.
    if shown.get("expires_at") == 0:
        del shown["expires_at"]
    return dict(shown)


def secret_request_to_beta(body: Body, *, azure: bool = False) -> TranslatedBody:
    """The body of GA's `POST /v1/realtime/client_secrets` as a beta server's `sessions` endpoint takes it.

    The model stays: it is what a session is made with.
    """
    session = body["session"] if isinstance(body.get("session"), dict) else {}
    model = {"model": session["model"]} if "model" in session else {}
    without_model = {name: value for name, value in session.items() if name != "model"}
    translated, dropped = session_to_beta(without_model, azure=azure)
    result: Body = {**model, **translated}
    if body.get("expires_after") is not None and not azure:
        which = "expires_at" if session.get("type") == "transcription" else "expires_after"
        result["client_secret"] = {which: body["expires_after"]}
    elif body.get("expires_after") is not None:
        dropped.append(Dropped("expires_after", "the Azure preview's keys live for one minute"))
    return TranslatedBody(result, tuple(dropped))


def secret_to_ga(answer: Body, kind: SessionKind = "realtime") -> Body:
    """A beta server's session with its `client_secret` inside, as GA's answer `{value, expires_at, session}`."""
    secret = answer.get("client_secret")
    inner: Body = secret if isinstance(secret, dict) else {}
    session = echoed_session_to_ga(answer, kind)
    session.setdefault("expires_at", 0)
    return {"value": inner.get("value"), "expires_at": inner.get("expires_at"), "session": session}


def secret_for_every_client(answer: Body) -> Body:
    """GA's answer, readable by clients of either dialect: as top-level `value`, and as `client_secret.value`."""
    secret = {"value": answer.get("value"), "expires_at": answer.get("expires_at")}
    return {**answer, "client_secret": secret}


def error_body_to_beta(body: Body) -> Body:
    """An HTTP error `{"error": {…}}` in a beta client's own words. A flat session has no "session." in front."""
    translated = {**body, "error": error_to_beta(body.get("error"))}
    error = translated["error"]
    if isinstance(error, dict) and isinstance(param := error.get("param"), str) and param.startswith("session."):
        flat_param = param.removeprefix("session.")
        message = error.get("message")
        translated["error"] = {
            **error,
            "param": flat_param,
            **({"message": message.replace(f"'{param}'", f"'{flat_param}'")} if isinstance(message, str) else {}),
        }
    return translated


def error_body_to_ga(body: Body) -> Body:
    """A beta server's HTTP error in GA's words. Its flat session's fields are `session.…` in GA."""
    error = body.get("error")
    if isinstance(error, dict) and isinstance(param := error.get("param"), str) and param:
        error = {**error, "param": param if param.startswith("session.") else f"session.{param}"}
    return {**body, "error": error_to_ga(error)}


def _without_leading_dot(dropped: list[Dropped]) -> tuple[Dropped, ...]:
    return tuple(Dropped(entry.param.lstrip("."), entry.why) for entry in dropped)
