"""Antiphon: the Realtime voice stack in Python.

What an app developer needs first is here; everything else is in its room (`antiphon.engine`, `antiphon.server`, …).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antiphon.agent import Agent, CallContext, CallLimits, Tool, ToolContext, ToolError, tool
    from antiphon.client import (
        STOP,
        ClientError,
        ClientSettings,
        ClosedError,
        ConnectError,
        ConnectionState,
        Fault,
        RealtimeClient,
        RejectedError,
        Target,
    )
    from antiphon.conversation import CONSUME
    from antiphon.errors import AntiphonError
    from antiphon.protocol import RealtimeSession

__version__ = "0.1.0"

_HOMES = {
    "antiphon.agent": ("Agent", "CallContext", "CallLimits", "Tool", "ToolContext", "ToolError", "tool"),
    "antiphon.client": (
        "STOP",
        "ClientError",
        "ClientSettings",
        "ClosedError",
        "ConnectError",
        "ConnectionState",
        "Fault",
        "RealtimeClient",
        "RejectedError",
        "Target",
    ),
    "antiphon.conversation": ("CONSUME",),
    "antiphon.errors": ("AntiphonError",),
    "antiphon.protocol": ("RealtimeSession",),
}

__all__ = [
    "CONSUME",
    "STOP",
    "Agent",
    "AntiphonError",
    "CallContext",
    "CallLimits",
    "ClientError",
    "ClientSettings",
    "ClosedError",
    "ConnectError",
    "ConnectionState",
    "Fault",
    "RealtimeClient",
    "RealtimeSession",
    "RejectedError",
    "Target",
    "Tool",
    "ToolContext",
    "ToolError",
    "__version__",
    "tool",
]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for (PEP 562): whoever wants one room does not pay for the others.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
