"""The ASGI app that calls come in through: routes, access, limits, the web page, and both transports' drivers."""

from antiphon.server.answering import AnsweredCall, Answerer, Description, Link
from antiphon.server.app import create_app, running
from antiphon.server.calls import Calls, Readiness
from antiphon.server.listening import Listener, bind, listening
from antiphon.server.refusals import Refusal
from antiphon.server.settings import ServerSettings

__all__ = [
    "AnsweredCall",
    "Answerer",
    "Calls",
    "Description",
    "Link",
    "Listener",
    "Readiness",
    "Refusal",
    "ServerSettings",
    "bind",
    "create_app",
    "listening",
    "running",
]
