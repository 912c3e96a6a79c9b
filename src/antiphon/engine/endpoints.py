"""The base URL of a stage that is another server, as people give it. No network."""

from __future__ import annotations

import httpx

from antiphon.errors import ConfigurationError

_ENDINGS = ("/chat/completions", "/audio/transcriptions", "/audio/speech", "/audio")


def base_url(text: str | None, what: str) -> httpx.URL:
    """A scheme, "/v1" and the path of the one endpoint may be missing or there; a query is kept.

    what: the command line option that the text came from. Raises ConfigurationError, which never repeats the URL: it
    may hold a key.
    """
    if not text:
        raise ConfigurationError(f"{what} needs a URL such as http://127.0.0.1:8000/v1")
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        raise ConfigurationError(f"the URL of {what} cannot be read; it looks like http://HOST:PORT/v1") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError(f"the URL of {what} must begin with http:// or https:// and name a host")
    if url.userinfo:
        raise ConfigurationError(f"the URL of {what} must not hold a key; give that as the API key")
    path = url.path.rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    return url.copy_with(path=path or "/v1", fragment=None)


def place(url: httpx.URL) -> str:
    """Where the server is, in words: its host, and its port where that is not the usual one."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def is_loopback(url: httpx.URL) -> bool:
    """Whether the server is on this very machine: a proxy of the environment is then not meant for it."""
    return url.host in ("localhost", "::1", "0.0.0.0") or url.host.startswith("127.")  # noqa: S104
