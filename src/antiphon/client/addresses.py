"""Where a Realtime server listens: addresses as people give them, made those of the WebSocket. Pure functions."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from antiphon.errors import ConfigurationError

OPENAI_URL = "wss://api.openai.com/v1/realtime"

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


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
