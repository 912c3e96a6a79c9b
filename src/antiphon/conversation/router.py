"""From the wire to friendly events. Pure: server events in (and what the app sends), friendly events out.

Each fact is told once, in whatever order and however often the wire tells it: an item starts once, its words are final
once (and again only if they change), and a response is completed exactly once, by `response.done`. Here: the dispatch.
Items are in `items`, responses in `responses`, what is heard in `playout`, poor servers in `mending`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from antiphon import protocol as wire
from antiphon.conversation.events import (
    AssistantDelta,
    AssistantResponseRequested,
    AssistantTruncated,
    Channel,
    CompletionStatus,
    Error,
    FriendlyEvent,
    ItemDeleted,
    RateLimitsUpdated,
    SessionCreated,
    SessionUpdated,
    ToolCallDelta,
    UserAudioCleared,
    UserCompleted,
    UserDelta,
    UserDtmf,
    UserFailed,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTimeout,
)
from antiphon.conversation.items import MOST_ARGUMENTS, Items, KnownItem
from antiphon.conversation.mending import mended
from antiphon.conversation.playout import Playout
from antiphon.conversation.responses import Responses
from antiphon.conversation.sent import SentEvents

ORDINARY_ERRORS = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})
"""Errors that are part of taking turns."""

_FRESH = object()


class Router:
    """Makes friendly events of one conversation's wire, across its sessions. Fed by one driver."""

    def __init__(self) -> None:
        self.items = Items()
        self.playout = Playout()
        self._responses = Responses(self.items, self.playout)
        self._sent = SentEvents()
        self._routes: dict[type, Callable[[Any], list[FriendlyEvent]]] = {
            wire.UnknownEvent: self._unknown,
            wire.SessionCreated: self._session_created,
            wire.SessionUpdated: self._session_updated,
            wire.RateLimitsUpdated: lambda event: [RateLimitsUpdated(rate_limits=event.rate_limits)],
            wire.ErrorEvent: self._error,
            wire.InputAudioBufferSpeechStarted: self._speech_started,
            wire.InputAudioBufferSpeechStopped: lambda event: [
                UserSpeechStopped(item_id=event.item_id, audio_ms=event.audio_end_ms)
            ],
            wire.InputAudioBufferCleared: lambda _: [UserAudioCleared()],
            wire.InputAudioBufferTimeoutTriggered: lambda event: [UserTimeout(item_id=event.item_id)],
            wire.InputAudioBufferDtmfEventReceived: lambda event: [
                UserDtmf(key=event.event, received_at=event.received_at)
            ],
            wire.InputAudioBufferCommitted: self._committed,
            wire.ConversationItemAdded: lambda event: self._item(event, is_announced=True, is_final=False),
            wire.ConversationItemCreated: lambda event: self._item(event, is_announced=True, is_final=False),
            wire.ConversationItemDone: lambda event: self._item(event, is_announced=True, is_final=True),
            wire.ConversationItemRetrieved: self._retrieved,
            wire.ConversationItemDeleted: self._deleted,
            wire.ConversationItemTruncated: self._truncated,
            wire.InputAudioTranscriptionDelta: self._user_delta,
            wire.InputAudioTranscriptionCompleted: self._user_completed,
            wire.InputAudioTranscriptionFailed: self._user_failed,
            wire.ResponseCreated: self._response_created,
            wire.ResponseDone: self._response_done,
            wire.ResponseOutputItemAdded: lambda event: self._output_item(event, is_final=False),
            wire.ResponseOutputItemDone: lambda event: self._output_item(event, is_final=True),
            wire.ResponseContentPartAdded: lambda event: self._assistant(event)[1],
            wire.ResponseContentPartDone: self._part_done,
            wire.ResponseOutputTextDelta: self._text_delta,
            wire.ResponseOutputTextDone: lambda event: self._text_done(event, event.text, "text"),
            wire.ResponseOutputAudioTranscriptDelta: self._transcript_delta,
            wire.ResponseOutputAudioTranscriptDone: lambda event: self._text_done(
                event, event.transcript, "audio_transcript"
            ),
            wire.ResponseOutputAudioDelta: self._audio_delta,
            wire.ResponseFunctionCallArgumentsDelta: lambda event: self._arguments_delta(event, event.call_id),
            wire.ResponseFunctionCallArgumentsDone: lambda event: self._arguments_done(
                event, event.call_id, event.name
            ),
            wire.ResponseMcpCallArgumentsDelta: lambda event: self._arguments_delta(event, event.item_id),
            wire.ResponseMcpCallArgumentsDone: lambda event: self._arguments_done(event, event.item_id, ""),
            wire.OutputAudioBufferStarted: lambda event: self.playout.server_started(event.response_id),
            wire.OutputAudioBufferStopped: lambda event: self.playout.server_stopped(event.response_id),
            wire.OutputAudioBufferCleared: lambda event: self.playout.server_cleared(
                event.response_id, is_active=event.response_id in self._responses.active
            ),
        }

    @property
    def active_responses(self) -> tuple[str, ...]:
        """The responses that are being made, oldest first."""
        return tuple(self._responses.active)

    def receive(self, event: wire.ServerEvent | wire.UnknownEvent) -> list[FriendlyEvent]:
        """What a server event tells; often nothing new."""
        route = self._routes.get(type(event))
        return [] if route is None else route(event)

    def sent(self, event: wire.ClientEvent | wire.UnknownEvent) -> list[FriendlyEvent]:
        """What the app has just sent. A typed message with an id of its own is told at once, its echo is not."""
        if isinstance(event, wire.InputAudioBufferAppend):
            return []
        self._sent.remember(event)
        if isinstance(event, wire.ConversationItemCreate):
            return self.items.place_own(event.item, event.previous_item_id)
        if isinstance(event, wire.ConversationItemTruncate):
            return self.playout.flushed(event.item_id)
        if isinstance(event, wire.ResponseCreate):
            aside = isinstance(event.response, wire.ResponseParams) and event.response.conversation == "none"
            return [] if aside else [AssistantResponseRequested()]
        return []

    def not_sent(self, event: wire.ClientEvent | wire.UnknownEvent, why: str) -> list[FriendlyEvent]:
        """What the app asked to send and could not be sent after all. why: for the user to read."""
        if not isinstance(event, wire.ConversationItemCreate) or not isinstance(event.item.id, str):
            return []
        return self._refused(event.item.id, wire.ErrorDetail(type="client_error", message=why))

    def was_refused(self, item_id: str) -> bool:
        """Whether an item of ours is not in the conversation: the server refused it, or it never went out."""
        item = self.items.get(item_id)
        return item is not None and item.is_own and not item.is_confirmed

    def disconnected(self) -> list[FriendlyEvent]:
        """The connection is gone: what was being made or played ends here."""
        return self.playout.end_session() + self._responses.end_session()

    # ── the session ──────────────────────────────────────────────────────────────────────────────────────────────

    def _session_created(self, event: wire.SessionCreated) -> list[FriendlyEvent]:
        events = self.disconnected()
        self.items.begin_session()
        return [*events, SessionCreated(session=self._format(event.session))]

    def _session_updated(self, event: wire.SessionUpdated) -> list[FriendlyEvent]:
        return [SessionUpdated(session=self._format(event.session))]

    def _format(self, session: wire.SessionConfig) -> wire.SessionConfig:
        audio = session.audio if isinstance(session, wire.RealtimeSession) else UNSET
        output = UNSET if audio is UNSET else audio.output
        form = UNSET if output is UNSET else output.format
        self.playout.begin_session(is_g711=isinstance(form, wire.PcmuFormat | wire.PcmaFormat))
        return session

    def _error(self, event: wire.ErrorEvent) -> list[FriendlyEvent]:
        error = event.error
        about = self._sent.about(error.event_id)
        told: FriendlyEvent = Error(
            scope=about.scope, error=error, event_type=about.event_type, ordinary=error.code in ORDINARY_ERRORS
        )
        return [told] if about.created is None else [told, *self._refused(about.created, error)]

    def _refused(self, item_id: str, error: wire.ErrorDetail) -> list[FriendlyEvent]:
        item = self.items.get(item_id)
        if item is None or item.kind != "user" or not item.is_own or item.is_confirmed:
            return []
        why = wire.TranscriptionError(type=error.type, code=error.code, message=error.message)
        return [UserFailed(item_id=item_id, error=why)]

    def _unknown(self, event: wire.UnknownEvent) -> list[FriendlyEvent]:
        whole = mended(event, self._responses.newest)
        if whole is not None:
            return self.receive(whole)
        item = event.raw.get("item")
        if event.type.startswith("conversation.item.") and isinstance(item, dict) and isinstance(item.get("id"), str):
            # An item of a kind that is not known here still keeps its place.
            previous = event.raw.get("previous_item_id", UNSET)
            named = previous if isinstance(previous, str | None) else UNSET
            return self.items.place_other(item["id"], str(item.get("type", "")), named)
        return []

    # ── the user ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _speech_started(self, event: wire.InputAudioBufferSpeechStarted) -> list[FriendlyEvent]:
        self._spoken(event.item_id).is_heard = True
        return [UserSpeechStarted(item_id=event.item_id, audio_ms=event.audio_start_ms)]

    def _spoken(self, item_id: str) -> KnownItem:
        item = self.items.know(item_id, "user")
        item.is_spoken = True
        return item

    def _committed(self, event: wire.InputAudioBufferCommitted) -> list[FriendlyEvent]:
        item = self._spoken(event.item_id)
        return self.items.announce(item, event.previous_item_id) if item.kind == "user" else []

    def _user_delta(self, event: wire.InputAudioTranscriptionDelta) -> list[FriendlyEvent]:
        item = self._spoken(event.item_id)
        index = event.content_index if isinstance(event.content_index, int) else 0
        if item.kind != "user" or not isinstance(event.delta, str) or item.parts.get(index) is not None:
            return []
        # Words may come while the user still speaks, before there is an item.
        begun = [] if item.is_announced or item.is_heard else self.items.announce(item)
        item.parts[index] = None
        return [*begun, UserDelta(item_id=event.item_id, content_index=index, delta=event.delta)]

    def _user_completed(self, event: wire.InputAudioTranscriptionCompleted) -> list[FriendlyEvent]:
        item = self._spoken(event.item_id)
        if item.kind != "user":
            return []
        begun = [] if item.is_announced else self.items.announce(item)
        item.parts[event.content_index] = event.transcript
        is_told = not (isinstance(event.usage, wire.TranscriptionDurationUsage) and event.usage.seconds == 0)
        told = UserCompleted(
            item_id=event.item_id,
            content_index=event.content_index,
            transcript=event.transcript,
            usage=event.usage if is_told else None,
        )
        return [*begun, told]

    def _user_failed(self, event: wire.InputAudioTranscriptionFailed) -> list[FriendlyEvent]:
        item = self._spoken(event.item_id)
        if item.kind != "user":
            return []
        begun = [] if item.is_announced else self.items.announce(item)
        return [*begun, UserFailed(item_id=event.item_id, error=event.error)]

    # ── items ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _item(
        self,
        event: wire.ConversationItemAdded | wire.ConversationItemCreated | wire.ConversationItemDone,
        *,
        is_announced: bool,
        is_final: bool,
    ) -> list[FriendlyEvent]:
        item = event.item
        response_id: str | None = None
        if item.status == "in_progress" and isinstance(item, wire.Message) and item.role == "assistant":
            response_id = self._responses.only_active
        previous = event.previous_item_id
        return self.items.place(item, previous, response_id, is_announced=is_announced, is_final=is_final)

    def _retrieved(self, event: wire.ConversationItemRetrieved) -> list[FriendlyEvent]:
        if not isinstance(event.item.id, str) or self.items.get(event.item.id) is None:
            return []
        return self.items.place(event.item, UNSET, None, is_announced=False, is_final=True)

    def _deleted(self, event: wire.ConversationItemDeleted) -> list[FriendlyEvent]:
        item = self.items.know(event.item_id, "deleted")
        item.kind = "deleted"
        return [ItemDeleted(item_id=event.item_id)]

    def _truncated(self, event: wire.ConversationItemTruncated) -> list[FriendlyEvent]:
        known = self.playout.received_ms(event.item_id, event.content_index)
        return [
            *self.playout.flushed(event.item_id),
            AssistantTruncated(
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
                audio_ms=known,
            ),
        ]

    # ── responses ────────────────────────────────────────────────────────────────────────────────────────────────

    def _response_created(self, event: wire.ResponseCreated) -> list[FriendlyEvent]:
        if not isinstance(event.response.id, str):
            return []
        return self._responses.begin(event.response.id, aside=event.response.conversation_id is None)

    def _response_done(self, event: wire.ResponseDone) -> list[FriendlyEvent]:
        response = event.response
        if not isinstance(response.id, str):
            return []
        events = self._responses.begin(response.id, aside=response.conversation_id is None)
        if response.id not in self._responses.active:
            return events
        for item in response.output if isinstance(response.output, list) else ():
            events += self.items.place(item, UNSET, response.id, is_announced=True, is_final=True)
        details = response.status_details if isinstance(response.status_details, wire.StatusDetails) else None
        failure = details.error if details is not None and isinstance(details.error, wire.StatusError) else None
        status: CompletionStatus = "completed"
        if response.status is not UNSET and response.status != "in_progress":
            status = response.status
        return events + self._responses.end(
            response.id,
            status,
            reason=details.reason if details is not None and isinstance(details.reason, str) else None,
            error=failure.message if failure is not None and isinstance(failure.message, str) else None,
            usage=response.usage if isinstance(response.usage, wire.Usage) else None,
        )

    def _output_item(
        self, event: wire.ResponseOutputItemAdded | wire.ResponseOutputItemDone, *, is_final: bool
    ) -> list[FriendlyEvent]:
        begun = self._responses.begin(event.response_id)
        return begun + self.items.place(
            event.item, UNSET, event.response_id or None, is_announced=False, is_final=is_final
        )

    # ── the assistant's words ────────────────────────────────────────────────────────────────────────────────────

    def _assistant(self, event: Any) -> tuple[KnownItem, list[FriendlyEvent]]:
        """The item that content came for, and what is new by that."""
        item = self.items.get(event.item_id)
        if item is not None and item.is_announced:
            return item, []
        begun = self._responses.begin(event.response_id)
        item = self.items.know(event.item_id, "assistant", event.response_id or None)
        return item, begun + (self.items.announce(item) if item.kind == "assistant" else [])

    def _text_delta(self, event: wire.ResponseOutputTextDelta) -> list[FriendlyEvent]:
        return self._delta(event, "text")

    def _transcript_delta(self, event: wire.ResponseOutputAudioTranscriptDelta) -> list[FriendlyEvent]:
        return self._delta(event, "audio_transcript")

    def _delta(
        self, event: wire.ResponseOutputTextDelta | wire.ResponseOutputAudioTranscriptDelta, channel: Channel
    ) -> list[FriendlyEvent]:
        item, events = self._assistant(event)
        index = event.content_index
        if item.is_done or item.kind != "assistant":
            return events
        words = item.parts.get(index, _FRESH)
        if words is _FRESH:
            item.parts[index] = None
        elif words is not None:
            return events  # a straggler after the final words
        told = AssistantDelta(
            response_id=event.response_id,
            item_id=event.item_id,
            content_index=index,
            delta=event.delta,
            channel=channel,
        )
        if events:
            return [*events, told]
        return [told]

    def _text_done(self, event: Any, text: str, channel: Channel) -> list[FriendlyEvent]:
        item, events = self._assistant(event)
        return events + self.items.settle(item, event.content_index, text, channel)

    def _part_done(self, event: wire.ResponseContentPartDone) -> list[FriendlyEvent]:
        part = event.part
        text = part.text if isinstance(part, wire.TextPart) else part.transcript
        channel: Channel = "text" if isinstance(part, wire.TextPart) else "audio_transcript"
        return self._text_done(event, text, channel) if isinstance(text, str) else []

    def _audio_delta(self, event: wire.ResponseOutputAudioDelta) -> list[FriendlyEvent]:
        _, events = self._assistant(event)
        return events + self.playout.receive(event.response_id, event.item_id, event.content_index, len(event.delta))

    # ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _arguments_delta(self, event: Any, call_id: str) -> list[FriendlyEvent]:
        item, events = self._call(event, call_id, "")
        if item.kind != "call" or item.is_done or not isinstance(event.delta, str):
            return events
        if len(item.arguments) < MOST_ARGUMENTS:
            item.arguments += event.delta
        if not item.is_announced:
            return events  # a call whose name is not known yet; the whole arguments will come with it
        return [*events, ToolCallDelta(call_id=call_id, item_id=item.id, name=item.name, delta=event.delta)]

    def _arguments_done(self, event: Any, call_id: str, name: str) -> list[FriendlyEvent]:
        item, events = self._call(event, call_id, name)
        if item.kind == "call" and not item.is_announced:
            events += self.items.announce(item)
        return events + self.items.call_done(item, event.arguments)

    def _call(self, event: Any, call_id: str, name: str) -> tuple[KnownItem, list[FriendlyEvent]]:
        begun = self._responses.begin(event.response_id)
        item = self.items.know(event.item_id, "call", event.response_id or None)
        item.call_id = item.call_id or call_id
        item.name = item.name or name
        if item.kind == "call" and item.name and not item.is_announced:
            begun += self.items.announce(item)
        return item, begun
