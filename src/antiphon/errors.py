"""The exceptions of the whole house, one small tree. Nothing else lives here.

AntiphonError
├── ConfigurationError     a setting is wrong: names it and what is allowed
├── ProtocolError
│   ├── LocalProtocolError   you misused an object (a bug on this side)
│   └── RemoteProtocolError  the peer sent something the protocol does not allow
└── StageError             a recognizer, model, voice or detector failed
    └── StageUnavailable   it cannot be used here at all: says what is missing
"""

from __future__ import annotations


class AntiphonError(Exception):
    """Base of every exception that Antiphon raises on purpose."""


class ConfigurationError(AntiphonError):
    """A setting is wrong; the message names it and what is allowed."""


class ProtocolError(AntiphonError):
    """Base of the two sides' violations of the Realtime protocol."""


class LocalProtocolError(ProtocolError):
    """This side used an object in a state that does not allow it: a programming error."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow."""


class StageError(AntiphonError):
    """A recognizer, language model, synthesizer, detector or vision stage failed on one piece of work.

    The message is shown to the caller, so it never holds a secret, an address with credentials, or a raw upstream body.
    """


class StageUnavailable(StageError):
    """A stage cannot be used on this machine: the message says what is missing and how to get it."""
