"""The agent beside a call: what an app developer writes, and the machine that does as written.

Pure at the core: `Conductor` takes events in and hands effects out, with the time passed in; `ToolRunner` drives it on
asyncio. No network here: whoever holds the connection passes events in and sends what comes out.
"""

from antiphon.agent.agent import (
    DEFAULT_CLIENT_MAY,
    Agent,
    CallLimits,
    first_response,
    words_to_say,
)
from antiphon.agent.conductor import Conductor
from antiphon.agent.effects import (
    ApprovalWanted,
    GuardrailTripped,
    HandedOff,
    Notice,
    Outcome,
    ResponseRefused,
    ToolFinished,
    ToolStarted,
)
from antiphon.agent.fields import FIELDS, field_of, fields_set, overlaid, session_of
from antiphon.agent.guardrails import Guardrail, Verdict
from antiphon.agent.policy import Permitted, agrees, apply_policy, locked_fields, permit, to_restore
from antiphon.agent.runner import Approver, ToolRunner
from antiphon.agent.sequencer import ResponseSequencer, SequencerState
from antiphon.agent.signatures import BadArgumentsError
from antiphon.agent.tools import CallContext, Tool, ToolContext, ToolError, tool

__all__ = [
    "DEFAULT_CLIENT_MAY",
    "FIELDS",
    "Agent",
    "ApprovalWanted",
    "Approver",
    "BadArgumentsError",
    "CallContext",
    "CallLimits",
    "Conductor",
    "Guardrail",
    "GuardrailTripped",
    "HandedOff",
    "Notice",
    "Outcome",
    "Permitted",
    "ResponseRefused",
    "ResponseSequencer",
    "SequencerState",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolFinished",
    "ToolRunner",
    "ToolStarted",
    "Verdict",
    "agrees",
    "apply_policy",
    "field_of",
    "fields_set",
    "first_response",
    "locked_fields",
    "overlaid",
    "permit",
    "session_of",
    "to_restore",
    "tool",
    "words_to_say",
]
