"""How Schemathesis sends a body of type application/sdp, which it has no serializer for: as text."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp")  # type: ignore[untyped-decorator]
def sdp(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
