"""Where a Realtime server listens: addresses as people give them, made those of its socket or of its WebRTC calls.

Pure functions.
"""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from antiphon.errors import ConfigurationError

OPENAI_URL = "wss://api.openai.com/v1/realtime"

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def realtime_url(url: str, *, model: str | None = None, call_id: str | None = None) -> str:
    """The WebSocket's address. url: of the server ("http://host:3000"), its API ("…/v1") or the socket itself.

    call_id: joins that call, and then no model may be named. Raises ConfigurationError.
    """
    parts = _split(url)
    path = parts.path.rstrip("/")
    if path == "":
        path = "/v1/realtime"
    elif path.endswith("/v1"):
        path += "/realtime"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if call_id is not None:
        query.pop("model", None)
        query["call_id"] = call_id
    elif model is not None:
        query.setdefault("model", model)
    return parts._replace(scheme=_SCHEMES[parts.scheme], path=path, query=urlencode(query), fragment="").geturl()


def calls_url(url: str) -> str:
    """Where a WebRTC offer is posted. url: of the server, its API, its socket, or already that of its calls.

    An address that is none of these is taken as it is: some servers take offers at one of their own. A model in the
    query is left out, for the session or the key names it. Raises ConfigurationError.
    """
    parts = _split(url)
    path = parts.path.rstrip("/")
    if path == "" or path.endswith("/v1"):
        path = (path or "/v1") + "/realtime/calls"
    elif path.endswith("/v1/realtime"):
        path += "/calls"
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "model"]
    query = urlencode(kept) if path.endswith("/realtime/calls") else parts.query
    return parts._replace(scheme=_HTTP_SCHEMES[parts.scheme], path=path, query=query, fragment="").geturl()


def beta_calls_url(url: str, *, model: str | None = None) -> str:
    """Where servers of the beta take offers: at the address of the socket. Raises ConfigurationError."""
    parts = _split(realtime_url(url, model=model))
    return parts._replace(scheme=_HTTP_SCHEMES[parts.scheme]).geturl()


def shown(url: str) -> str:
    """The address as a message may show it: without the query and credentials, where keys can be."""
    parts = _split(url)
    host = parts.hostname or ""
    return (
        f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{parts.port}' if parts.port else ''}{parts.path}"
    )


def is_loopback(url: str) -> bool:
    """Whether the address is this machine, by name."""
    host = _split(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigurationError(
            "This is no address of a server. Allowed are http://, https://, ws:// and wss:// ones."
        )
    return parts
