"""What an app developer writes: who answers a call, with which words, tools, voice and limits. Data, and no more."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from msgspec import UNSET, UnsetType

from antiphon.agent.fields import FIELDS, fields_set, session_of
from antiphon.agent.guardrails import Guardrail, Verdict, as_guardrail
from antiphon.agent.tools import LONGEST_DESCRIPTION, CallContext, Tool, as_tool
from antiphon.errors import ConfigurationError
from antiphon.protocol import (
    AudioFormat,
    FunctionTool,
    InputTranscription,
    MaxOutputTokens,
    McpTool,
    Modality,
    NoiseReduction,
    RealtimeSession,
    Reasoning,
    ResponseParams,
    ToolChoice,
    Tracing,
    Truncation,
    TurnDetection,
    VoiceId,
)

DEFAULT_CLIENT_MAY = frozenset({"voice", "turn_detection", "speed", "transcription", "modalities"})
"""What a caller may change although the agent sets it: how one hears and speaks, never what the agent is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """The bounds of one call.

    max_call_s: seconds after which whoever answers hangs up; None for the upstream's own limit. max_output_chars: of
    what a tool gives back, the rest is cut. approval_timeout_s: how long a tool waits to be approved.
    max_corrections: how often in a row a guardrail may make the model answer anew.
    """

    max_call_s: float | None = None
    max_parallel_tools: int = 16
    max_output_chars: int = 16_000
    approval_timeout_s: float = 120.0
    max_corrections: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent. What is left UNSET stays open: the server's default, or the caller's choice.

    instructions: text, or a function of the call that gives it. tools: `@tool` functions, or plain ones.
    handoffs: agents that this one may pass the call on to (a function of no arguments for one that is defined later);
    the model sees a tool `transfer_to_<name>`. greeting: words to begin with; greeting_instructions: how to begin.
    guardrails: functions of the answer so far, checked every guardrail_debounce_chars characters.
    turn_detection: None for push-to-talk. transcription: a model's name will do. filler: what bridges a tool that takes
    longer than filler_after_s; None for silence. client_may: names of `FIELDS` that a caller may change in spite of it.

    Raises ConfigurationError, which names what is wrong and what is allowed.
    """

    name: str = "assistant"
    instructions: str | Callable[[CallContext], str] | None = None
    tools: Sequence[Tool | Callable[..., Any]] = ()
    mcp: Sequence[McpTool] = ()
    handoffs: Sequence[Agent | Callable[[], Agent]] = ()
    handoff_description: str = ""
    greeting: str | None = None
    greeting_instructions: str | None = None
    guardrails: Sequence[Guardrail | Callable[[str], Verdict | Awaitable[Verdict]]] = ()
    guardrail_debounce_chars: int = 100
    filler: str | None = "One moment, please."
    filler_after_s: float = 2.5
    client_may: frozenset[str] = DEFAULT_CLIENT_MAY
    limits: CallLimits = field(default_factory=CallLimits)

    model: str | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET
    speed: float | UnsetType = UNSET
    modalities: Sequence[Modality] | UnsetType = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    transcription: InputTranscription | str | UnsetType | None = UNSET
    noise_reduction: NoiseReduction | UnsetType | None = UNSET
    input_format: AudioFormat | UnsetType = UNSET
    output_format: AudioFormat | UnsetType = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET
    tracing: Tracing | str | UnsetType | None = UNSET

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "tools", tuple(as_tool(candidate) for candidate in self.tools))
        put(self, "guardrails", tuple(as_guardrail(candidate) for candidate in self.guardrails))
        put(self, "handoffs", tuple(self.handoffs))
        put(self, "mcp", tuple(self.mcp))
        put(self, "client_may", frozenset(self.client_may))
        if isinstance(self.transcription, str):
            put(self, "transcription", InputTranscription(model=self.transcription))
        self._check()

    def _check(self) -> None:
        unknown = sorted(self.client_may - FIELDS.keys())
        if unknown:
            raise ConfigurationError(f"client_may: there is no '{unknown[0]}'. Allowed are: {', '.join(FIELDS)}.")
        if self.greeting is not None and self.greeting_instructions is not None:
            raise ConfigurationError("greeting and greeting_instructions exclude each other: give one of them")
        if self.speed is not UNSET and not 0.25 <= self.speed <= 1.5:
            raise ConfigurationError(f"speed is {self.speed}; allowed are 0.25 to 1.5")
        if self.modalities is not UNSET and list(self.modalities) not in (["audio"], ["text"]):
            raise ConfigurationError(f"modalities is {list(self.modalities)}; allowed are ['audio'] and ['text']")
        if isinstance(self.tracing, str) and self.tracing != "auto":
            raise ConfigurationError(f"tracing is '{self.tracing}'; allowed are 'auto', None and a Tracing")
        names = [known.name for known in self.functions]
        names += [transfer_name(agent) for agent in self.handoffs if isinstance(agent, Agent)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"agent '{self.name}' has two tools named '{twice}'")

    @property
    def functions(self) -> tuple[Tool, ...]:
        """The tools, each made a `Tool`."""
        return tuple(as_tool(candidate) for candidate in self.tools)

    @property
    def checks(self) -> tuple[Guardrail, ...]:
        """The guardrails, each made a `Guardrail`."""
        return tuple(as_guardrail(candidate) for candidate in self.guardrails)

    def transfers(self) -> dict[str, Agent]:
        """The agents that the call may be passed on to, by the names of their tools. Raises ConfigurationError."""
        found: dict[str, Agent] = {}
        taken = {known.name for known in self.functions}
        for candidate in self.handoffs:
            agent = candidate if isinstance(candidate, Agent) else candidate()
            name = transfer_name(agent)
            if name in taken or name in found:
                raise ConfigurationError(f"agent '{self.name}' has two tools named '{name}'")
            found[name] = agent
        return found

    def instructions_for(self, call: CallContext) -> str | None:
        """The instructions as they are for this call; None when the agent leaves them open."""
        return self.instructions(call) if callable(self.instructions) else self.instructions

    def session(self, call: CallContext | None = None) -> RealtimeSession:
        """What the agent sets of a session, and nothing else."""
        instructions = self.instructions_for(call or CallContext())
        values: dict[str, Any] = {name: getattr(self, name) for name in _SETTINGS}
        values["instructions"] = UNSET if instructions is None else instructions
        values["modalities"] = UNSET if self.modalities is UNSET else list(self.modalities)
        tools = self.tool_definitions()
        values["tools"] = tools or UNSET
        return session_of(values)

    def tool_definitions(self) -> list[Any]:
        """All tools as a session tells the model of them, handoffs included."""
        transfers = [_transfer_tool(name, agent) for name, agent in self.transfers().items()]
        return [*(known.definition() for known in self.functions), *transfers, *self.mcp]

    @property
    def fields_set(self) -> frozenset[str]:
        """Names (of `FIELDS`) of what the agent sets, whoever calls."""
        always = frozenset() if self.instructions is None else frozenset({"instructions"})
        values: dict[str, Any] = {name: getattr(self, name) for name in _SETTINGS}
        values["tools"] = [] if self.tools or self.handoffs or self.mcp else UNSET
        return fields_set(session_of(values)) | always


_SETTINGS = tuple(one.name for one in fields(Agent) if one.name in FIELDS and one.name not in ("instructions", "tools"))


def transfer_name(agent: Agent) -> str:
    """The name of the tool that passes a call on to this agent."""
    return f"transfer_to_{re.sub(r'[^A-Za-z0-9_-]+', '_', agent.name.strip()).strip('_').lower() or 'agent'}"[:64]


def _transfer_tool(name: str, agent: Agent) -> FunctionTool:
    words = f"Hand the conversation over to {agent.name}. {agent.handoff_description}".strip()
    return FunctionTool(
        name=name,
        description=words[:LONGEST_DESCRIPTION],
        parameters={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    )


def taken_over(agent: Agent, call: CallContext) -> RealtimeSession:
    """What changes in a running session when `agent` takes it over: what is said to the model, and its tools.

    Voice and formats stay: a session's voice cannot change once it has spoken, and an update that tries is refused
    whole. Whatever the agent before set is cleared, so that nothing of it is left in force.
    """
    return RealtimeSession(
        instructions=agent.instructions_for(call) or "",
        tools=agent.tool_definitions(),
        tool_choice=agent.tool_choice or "auto",
    )


def words_to_say(text: str) -> ResponseParams:
    """A response that says just this. The model is asked to, and may still choose other words."""
    quoted = text.replace('"', "'").replace("“", "'").replace("”", "'")
    return ResponseParams(instructions=f"Say exactly: “{quoted}” and nothing else.", tool_choice="none")


def first_response(agent: Agent, call: CallContext) -> ResponseParams | None:
    """What opens the call, None when the caller is to speak first.

    A response's own instructions replace the session's, so that the agent's are repeated before how to begin.
    """
    if agent.greeting is not None:
        return words_to_say(agent.greeting)
    if agent.greeting_instructions is None:
        return None
    instructions = agent.instructions_for(call)
    return ResponseParams(instructions="\n\n".join(filter(None, [instructions, agent.greeting_instructions])))
