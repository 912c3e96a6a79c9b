"""What every object on the wire has in common: absent fields, and fields that this version does not know.

The objects themselves live in `items`, `sessions`, `responses`, `client_events`, `server_events` and `faults`.

Three values are different on the wire and stay different here: a field that is absent (`UNSET`), one that is `null`
(`None`), and one that holds something. Encoding leaves absent fields out, so a partial `session.update` and a full
effective configuration are the same class.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType, field


class UnknownFields:
    """The members of one JSON object that its class has no field for, kept as they came.

    It is no dict on purpose: the JSON decoder then refuses every wire value for it, and the JSON encoder refuses to
    write it, so that neither fast path can mistake it for an ordinary member (see `decoding` and `encoding`).
    """

    __slots__ = ("members",)

    def __init__(self, members: dict[str, Any]) -> None:
        self.members = members

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownFields) and other.members == self.members

    __hash__ = None  # type: ignore[assignment]  # mutable, like the dict inside

    def __repr__(self) -> str:
        # The names only: what a peer put into a field nobody knows is no business of a log.
        return f"UnknownFields({', '.join(sorted(self.members))})"


class Wire(Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of every object on the wire.

    unknown_fields: set by the lenient decoders only; `encode` writes them back beside the known ones.
    """

    unknown_fields: UnknownFields | UnsetType = field(default=UNSET, name="unknown fields")

    SECRET_FIELDS: ClassVar[frozenset[str]] = frozenset()
    """Fields whose values never appear in a repr, so never in a log or a traceback."""

    @property
    def type(self) -> str:
        """The object's `type` on the wire; "" for the few objects that have none (such as `AudioConfig`)."""
        tag = self.__struct_config__.tag
        return tag if isinstance(tag, str) else ""

    def __repr__(self) -> str:
        shown = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is UNSET:
                continue
            if name in self.SECRET_FIELDS and value is not None:
                shown.append(f"{name}=…")
            elif isinstance(value, bytes):
                # Audio: its length tells all that a reader of a log can use.
                shown.append(f"{name}=<{len(value)} bytes>")
            else:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"
