"""The ASGI app: routes, door and lifespan put together. It can be served alone or mounted in anybody's app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from antiphon.server.answering import Answerer
from antiphon.server.calls import Calls
from antiphon.server.client_secrets import ClientSecrets
from antiphon.server.door import Door
from antiphon.server.offers import TakesOffers
from antiphon.server.peers import Peers
from antiphon.server.refusals import Refusal, on_http_exception, on_refusal
from antiphon.server.routes import make_routes
from antiphon.server.rtc_call import OpenTransport
from antiphon.server.settings import ServerSettings


def create_app(
    answerer: Answerer, settings: ServerSettings | None = None, *, open_transport: OpenTransport | None = None
) -> Starlette:
    """One ASGI app around whoever answers the calls, such as `antiphon.engine.build_engine(...)`.

    The app starts and stops the answerer in its lifespan, so an answerer belongs to one app and an app runs once.
    `app.state.calls` is its `Calls`.

    answerer: an engine that has not been started, or a gateway to an upstream (`antiphon.server.gateway`).
    settings: defaults fit a server that only this machine reaches.
    open_transport: makes the peer connections of WebRTC calls; None takes `antiphon.rtc`'s.

    To mount it, enter its lifespan too (Starlette and FastAPI do not do that for a mounted app):

        @asynccontextmanager
        async def lifespan(outer):
            async with running(voice):
                yield

        voice = create_app(engine, ServerSettings(allowed_hosts=("voice.example",)))
        outer = Starlette(routes=[Mount("/voice", voice)], lifespan=lifespan)
    """
    settings = settings or ServerSettings()
    inspector = None
    if settings.inspect:
        from antiphon.server.inspecting import Inspector  # noqa: PLC0415 - only where it is wanted
        from antiphon.server.inspection import inspected  # noqa: PLC0415

        inspector = Inspector(settings.inspection)
        answerer = inspected(answerer, inspector)
    calls = Calls(answerer, max_calls=settings.max_calls, ready_seconds=settings.ready_seconds)
    peers = (
        answerer.offers(calls, settings)
        if isinstance(answerer, TakesOffers)
        else Peers(calls, settings, open_transport)
    )
    client_secrets = ClientSecrets(settings.signing_key)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with calls.running(prepare=peers.load):
            yield

    app = Starlette(
        routes=make_routes(calls, peers, client_secrets, settings, inspector),
        middleware=[Middleware(Door, settings, client_secrets)],
        exception_handlers={
            Refusal: on_refusal,
            HTTPException: on_http_exception,
        },
        lifespan=lifespan,
    )
    app.state.calls = calls
    return app


def running(app: Starlette) -> AbstractAsyncContextManager[object]:
    """The app's lifespan, for those who mount it: its answerer runs while the block does."""
    return app.router.lifespan_context(app)
