"""The names that `import antiphon` offers: pinned, all there, and none loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import antiphon

PUBLIC = [
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


def test_the_public_names_are_pinned() -> None:
    assert antiphon.__all__ == PUBLIC
    assert dir(antiphon) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(antiphon, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        antiphon.Agnet  # noqa: B018


def test_importing_the_package_loads_no_room() -> None:
    program = "import sys, antiphon; print(sorted(name for name in sys.modules if name.startswith('antiphon.')))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "[]"
