"""What the conductor wants done, and what it tells of. Plain data, carried out by `runner`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from antiphon.agent.guardrails import Guardrail
from antiphon.agent.tools import Tool
from antiphon.protocol import ClientEvent, ErrorDetail


class Outcome(Enum):
    """How a function call ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


# ── effects ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the server."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class StartTool:
    """Run a tool; report with `tool_done` or `tool_failed`."""

    call_id: str
    tool: Tool
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CancelTool:
    """Stop a tool; nothing that it still gives is wanted."""

    call_id: str


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Ask whoever decides; report with `approve` or `reject`."""

    call_id: str
    tool: Tool
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """Run the guardrails on what a response has said; report with `output_checked`."""

    response_id: str
    text: str
    guardrails: tuple[Guardrail, ...]


# ── notices: what an app may want to know ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool runs."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A function call has its output, or never will (output is None then)."""

    call_id: str
    name: str
    outcome: Outcome
    output: str | None


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """A tool waits for `approve` or `reject`."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HandedOff:
    """The call is another agent's now. Both by name."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class GuardrailTripped:
    """An answer was cut. Whoever plays its audio must stop doing so."""

    response_id: str
    guardrail: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResponseRefused:
    """A response that was wanted will not be made. error: None when the server never said why."""

    error: ErrorDetail | None


Notice = ToolStarted | ToolFinished | ApprovalWanted | HandedOff | GuardrailTripped | ResponseRefused


@dataclass(frozen=True, slots=True)
class Tell:
    """Let the app know."""

    notice: Notice


Effect = Send | StartTool | CancelTool | AskApproval | CheckOutput | Tell
