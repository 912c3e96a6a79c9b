"""One response: what it is made from (its plan), what it has produced (its run), how the wire shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from antiphon.audio.formats import FormatEncoder
from antiphon.engine.configuration import DEFAULT_VOICE, voice_name
from antiphon.engine.history import Entry, model_items
from antiphon.engine.stages import ModelDone, ModelRequest, ModelTool
from antiphon.engine.states import RESPONSE, Machine, ResponseState, ResponseTrigger
from antiphon.protocol import (
    AudioConfig,
    AudioFormat,
    AudioOutput,
    CachedTokensDetails,
    FunctionTool,
    InputTokenDetails,
    McpTool,
    OutputTokenDetails,
    PcmFormat,
    RealtimeSession,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseParams,
    StatusDetails,
    StatusError,
    ToolChoiceFunction,
    ToolChoiceMcp,
    Usage,
    invalid_request,
)

ToolChoice = Literal["auto", "none", "required"] | tuple[Literal["function"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePlan:
    """The snapshot of the configuration that a response works on. A later `session.update` does not touch it.

    in_conversation: its output becomes part of the conversation (`conversation: "auto"`).
    """

    modality: Literal["audio", "text"]
    instructions: str
    tools: tuple[ModelTool, ...]
    tool_choice: ToolChoice
    parallel_tool_calls: bool
    voice: str
    speed: float
    audio_format: AudioFormat
    max_output_tokens: int | Literal["inf"]
    metadata: Mapping[str, str] | None
    in_conversation: bool

    def request(self, context: tuple[Entry, ...], context_items: int) -> ModelRequest:
        """What the model is asked, once every transcript in `context` is there."""
        limit = self.max_output_tokens
        return ModelRequest(
            instructions=self.instructions,
            items=model_items(context, context_items),
            tools=self.tools,
            tool_choice=self.tool_choice,
            parallel_tool_calls=self.parallel_tool_calls,
            modality=self.modality,
            max_output_tokens=limit if isinstance(limit, int) else None,
        )


def plan_response(session: RealtimeSession, params: ResponseParams | None) -> ResponsePlan:
    """The session's configuration with this response's own parameters over it. Raises InvalidEvent."""
    given = params if params is not None else ResponseParams()
    output = session.audio.output if isinstance(session.audio, AudioConfig) else UNSET
    assert isinstance(output, AudioOutput)
    own = given.audio.output if isinstance(given.audio, ResponseAudio) else UNSET
    own = own if isinstance(own, ResponseAudioOutput) else ResponseAudioOutput()
    audio_format = _either(own.format, output.format)
    modalities = _either(given.output_modalities, session.output_modalities)
    metadata = _either(given.metadata, None)
    if given.prompt is not UNSET and given.prompt is not None:
        raise invalid_request(
            "invalid_value", "This server has no stored prompts: send instructions.", "response.prompt"
        )
    return ResponsePlan(
        modality="text" if modalities == ["text"] else "audio",
        instructions=_either(given.instructions, session.instructions) or "",
        tools=_tools(_either(given.tools, session.tools)),
        tool_choice=_tool_choice(_either(given.tool_choice, session.tool_choice)),
        parallel_tool_calls=_either(given.parallel_tool_calls, session.parallel_tool_calls) is not False,
        voice=voice_name(own.voice) or voice_name(output.voice) or DEFAULT_VOICE,
        speed=float(output.speed) if isinstance(output.speed, int | float) else 1.0,
        audio_format=PcmFormat(rate=24_000) if audio_format is UNSET or audio_format is None else audio_format,
        max_output_tokens=_limit(_either(given.max_output_tokens, session.max_output_tokens)),
        metadata=metadata,
        in_conversation=given.conversation != "none",
    )


def _either(own: Any, otherwise: Any) -> Any:
    """`own`, or `otherwise` where it was not given; absent counts as None at the end."""
    if own is not UNSET:
        return own
    return None if otherwise is UNSET else otherwise


def _limit(value: object) -> int | Literal["inf"]:
    return value if isinstance(value, int) else "inf"


def _tools(tools: list[FunctionTool | McpTool] | None) -> tuple[ModelTool, ...]:
    functions = []
    for position, tool in enumerate(tools or []):
        if not isinstance(tool, FunctionTool):
            raise invalid_request(
                "invalid_value",
                "This server does not call MCP servers: declare the tools as functions.",
                f"response.tools[{position}]",
            )
        name = tool.name if isinstance(tool.name, str) else ""
        description = tool.description if isinstance(tool.description, str) else ""
        parameters = tool.parameters if isinstance(tool.parameters, dict) else {}
        functions.append(ModelTool(name, description, parameters))
    return tuple(functions)


def _tool_choice(choice: object) -> ToolChoice:
    if isinstance(choice, ToolChoiceFunction):
        return ("function", choice.name)
    if isinstance(choice, ToolChoiceMcp):
        raise invalid_request("invalid_value", "This server does not call MCP servers.", "response.tool_choice")
    return "none" if choice == "none" else "required" if choice == "required" else "auto"


@dataclass(slots=True, eq=False)
class OutputItem:
    """One item that a response produces. text: what its deltas add up to (a message's words, a call's arguments)."""

    index: int
    entry: Entry
    text: str = ""
    closed: bool = False


@dataclass(slots=True, eq=False)
class ResponseRun:
    """A response at work.

    context: what it answers, in order; some of it may still be awaiting its transcript.
    answers_voice: it was made by turn detection, so it says nothing when nothing was recognised.
    """

    id: str
    plan: ResponsePlan
    context: tuple[Entry, ...]
    conversation_id: str
    answers_voice: bool = False
    machine: Machine[ResponseState, ResponseTrigger] = field(
        default_factory=lambda: Machine("response", RESPONSE, ResponseState.WAITING)
    )
    output: list[OutputItem] = field(default_factory=list)
    message: OutputItem | None = None
    calls: dict[int, OutputItem] = field(default_factory=dict)
    encoder: FormatEncoder | None = None
    details: StatusDetails | None = None
    usage: ModelDone | None = None

    @property
    def awaits_input(self) -> bool:
        return any(entry.awaits_text for entry in self.context)

    def wire(self) -> Response:
        """The response object as it stands."""
        state = self.machine.state
        running = not self.machine.final
        return Response(
            object="realtime.response",
            id=self.id,
            status="in_progress" if running else state.value,  # type: ignore[arg-type]
            status_details=self.details,
            output=[output.entry.item for output in self.output],
            conversation_id=self.conversation_id if self.plan.in_conversation else None,
            output_modalities=[self.plan.modality],
            max_output_tokens=self.plan.max_output_tokens,
            audio=ResponseAudio(output=ResponseAudioOutput(format=self.plan.audio_format, voice=self.plan.voice)),
            usage=None if running else _usage(self.usage or ModelDone()),
            metadata=None if self.plan.metadata is None else dict(self.plan.metadata),
        )


def cancelled(reason: Literal["turn_detected", "client_cancelled"]) -> StatusDetails:
    return StatusDetails(type="cancelled", reason=reason)


def incomplete(reason: Literal["max_output_tokens", "content_filter"]) -> StatusDetails:
    return StatusDetails(type="incomplete", reason=reason)


def failed(message: str) -> StatusDetails:
    return StatusDetails(type="failed", error=StatusError(type="server_error", code="server_error", message=message))


def _usage(done: ModelDone) -> Usage:
    """The model's own counts. All are text: these models read and write text, speech is made around them."""
    return Usage(
        total_tokens=done.input_tokens + done.output_tokens,
        input_tokens=done.input_tokens,
        output_tokens=done.output_tokens,
        input_token_details=InputTokenDetails(
            text_tokens=done.input_tokens,
            audio_tokens=0,
            image_tokens=0,
            cached_tokens=done.cached_tokens,
            cached_tokens_details=CachedTokensDetails(text_tokens=done.cached_tokens, audio_tokens=0, image_tokens=0),
        ),
        output_token_details=OutputTokenDetails(text_tokens=done.output_tokens, audio_tokens=0),
    )


def replace_item(output: OutputItem, **changes: Any) -> None:
    """Change fields of the wire item that is being produced."""
    output.entry.item = msgspec.structs.replace(output.entry.item, **changes)
