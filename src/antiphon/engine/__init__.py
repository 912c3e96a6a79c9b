"""The embedded half of a call: the server side of the Realtime protocol, and the stages that listen and speak.

`Session` is the pure state machine, `Call` its driver, `Engine` what all calls of a process share.
"""

from antiphon.engine.attachment import Attachment
from antiphon.engine.call import Call
from antiphon.engine.configuration import SessionSettings
from antiphon.engine.engine import (
    Engine,
    EngineDescription,
    EngineSettings,
    StageChoice,
    Stages,
    build_engine,
    providers,
)
from antiphon.engine.link import Link, Policy
from antiphon.engine.session import Session
from antiphon.engine.stages import StageDescription, StageOptions

__all__ = [
    "Attachment",
    "Call",
    "Engine",
    "EngineDescription",
    "EngineSettings",
    "Link",
    "Policy",
    "Session",
    "SessionSettings",
    "StageChoice",
    "StageDescription",
    "StageOptions",
    "Stages",
    "build_engine",
    "providers",
]
