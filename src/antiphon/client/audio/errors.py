"""What goes wrong with sound devices, seen from the client. Part of the tree of `client/errors.py`."""

from __future__ import annotations

from antiphon.client.errors import ClientError


class AudioError(ClientError):
    """Base of all that sound in and out can raise."""


class AudioUnavailable(AudioError):
    """Something that sound needs is not installed: the message names it, and how to get it."""


class DeviceError(AudioError):
    """A microphone or loudspeaker cannot be opened, or there is none of that name. The message says which, and why."""
