"""Voice in an app of one's own: Antiphon mounted under /voice in a Starlette app (FastAPI works the same way).

    uvicorn --ws websockets-sansio --ws-max-size 33554432 --ws-per-message-deflate false examples.mounted_app:app

The page is then at /voice/, and stock Realtime clients use /voice/v1 as their base URL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from antiphon.engine import build_engine
from antiphon.server import create_app, running

voice = create_app(build_engine())


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    # Starlette and FastAPI do not run the lifespan of an app that is mounted in them.
    async with running(voice):
        yield


async def home(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("My own app. Talk at /voice/")


app = Starlette(routes=[Route("/", home), Mount("/voice", voice)], lifespan=lifespan)
