"""The messages of a conversation, made from friendly events. Pure: events and the time in, messages out.

Messages are keyed by item and content part and stand where the conversation has them, however late their words come.
An app's own messages stand among them and are known to nobody else. Bounded: the oldest messages leave the chat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from antiphon.conversation import events as friendly
from antiphon.conversation.entries import Showing, Tool
from antiphon.conversation.events import FriendlyEvent
from antiphon.conversation.export import to_json, to_markdown
from antiphon.conversation.heard import Pace
from antiphon.conversation.messages import ChatChange, ChatMessage, MessageStatus, UIMessage
from antiphon.conversation.placing import ListenerFailed, PlacedEntries

IsMeaningful = Callable[[str], bool]


def has_words(text: str) -> bool:
    """Whether there is anything but white space: what is worth a message unless a policy says otherwise."""
    return bool(text.strip())


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """When messages appear, and how many are kept.

    *_placeholder_on_start: before their first word. *_add_on_delta: while words stream; else when they are final.
    is_meaningful: which text is worth a message; None for the conversation's own policy. show_tools: calls are
    messages. show_aside: so are answers beside the conversation (`conversation: "none"`). show_system: so are
    instructions put into it. keep_on_disconnect: what was said outlives the connection. most_messages: of the
    conversation; most_added: an app's own; most_image_characters: of all data URLs. The oldest give way.
    """

    user_placeholder_on_start: bool = False
    user_add_on_delta: bool = True
    assistant_placeholder_on_start: bool = False
    assistant_add_on_delta: bool = True
    is_meaningful: IsMeaningful | None = None
    show_tools: bool = True
    show_aside: bool = False
    show_system: bool = False
    keep_on_disconnect: bool = True
    most_messages: int = 1000
    most_added: int = 500
    most_image_characters: int = 32 * 1024 * 1024


class Chat:
    """The chat of one conversation. Fed by its conversation; apps read it and add messages of their own."""

    def __init__(self, settings: ChatSettings | None = None, *, policy: IsMeaningful | None = None) -> None:
        self.settings = settings = settings or ChatSettings()
        showing = Showing(
            is_meaningful=settings.is_meaningful or policy or has_words,
            user_placeholder=settings.user_placeholder_on_start,
            user_deltas=settings.user_add_on_delta,
            assistant_placeholder=settings.assistant_placeholder_on_start,
            assistant_deltas=settings.assistant_add_on_delta,
            tools=settings.show_tools,
            aside=settings.show_aside,
        )
        self._entries = PlacedEntries(
            showing,
            most=settings.most_messages,
            most_added=settings.most_added,
            most_image_characters=settings.most_image_characters,
        )
        self._aside: dict[str, None] = {}
        self._pace = Pace()
        self._playing: tuple[str, float] | None = None
        self._transcribes = True
        self._routes: dict[type, Callable[[Any], None]] = {
            friendly.SessionCreated: self._session_created,
            friendly.SessionUpdated: lambda event: self._session(event.session),
            friendly.UserSpeechStarted: self._speech_started,
            friendly.UserAudioCleared: lambda _: self._drop_hearing(None),
            friendly.UserItemStarted: self._user_item_started,
            friendly.UserDelta: self._user_delta,
            friendly.UserCompleted: self._user_completed,
            friendly.UserFailed: self._user_failed,
            friendly.UserMessage: self._user_message,
            friendly.AssistantResponseStarted: self._response_started,
            friendly.AssistantItemStarted: self._assistant_item_started,
            friendly.AssistantDelta: self._assistant_delta,
            friendly.AssistantTextDone: self._text_done,
            friendly.AssistantItemDone: self._item_done,
            friendly.AssistantAudioStarted: self._audio_started,
            friendly.AssistantAudioStopped: self._audio_stopped,
            friendly.AssistantInterrupted: self._interrupted,
            friendly.AssistantTruncated: self._truncated,
            friendly.AssistantCompleted: self._completed,
            friendly.ToolCallStarted: self._call_started,
            friendly.ToolCallDelta: self._call_delta,
            friendly.ToolCallDone: self._call_done,
            friendly.ToolApprovalRequested: lambda event: self._entries.place_hidden(
                event.item_id, event.previous_item_id
            ),
            friendly.ToolOutput: self._output,
            friendly.ItemAdded: self._item_added,
            friendly.ItemMoved: lambda event: self._entries.place(event.item_id, event.previous_item_id),
            friendly.ItemDeleted: self._deleted,
        }

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """What the chat shows, oldest first."""
        return self._entries.shown()

    @property
    def inverted(self) -> tuple[ChatMessage, ...]:
        """The same, newest first, for lists that grow upwards."""
        return self.messages[::-1]

    def get(self, message_id: str) -> ChatMessage | None:
        """The message with this id, or of this item, if it is shown."""
        entry = self._entries.find(message_id)
        return entry.look() if entry is not None and entry.is_shown else None

    def heard_of(self, item_id: str) -> str | None:
        """What was heard of an interrupted answer; None when nothing was cut off, or the item is not known."""
        entry = self._entries.get(item_id)
        return None if entry is None else entry.heard

    def text_of(self, item_id: str) -> str:
        """All the words of an item, shown or not; "" when it is not known."""
        entry = self._entries.get(item_id)
        return "" if entry is None else entry.text

    def next_seq(self) -> int:
        """The `seq` that the next message will have."""
        return self._entries.next_seq

    def report_to(self, failed: ListenerFailed | None) -> None:
        """Who is told of listeners that raised; without one, what a listener raises reaches whoever told the event."""
        self._entries.failed = failed

    def on_change(self, listener: Callable[[ChatChange], object]) -> Callable[[], None]:
        """Calls the listener after every change, with what changed; what is returned ends that.

        A listener reads `messages` when it wants to draw: between two looks nothing is copied.
        """
        return self._entries.on_change(listener)

    def to_json(self, *, indent: int | None = 2) -> str:
        """What the chat shows, as a JSON array of messages."""
        return to_json(self.messages, indent=indent)

    def to_markdown(self, *, title: str | None = None, times: bool = True) -> str:
        """What the chat shows, for people to read. times: say when each message was made, in UTC."""
        return to_markdown(self.messages, title=title, times=times)

    # ── an app's own messages ────────────────────────────────────────────────────────────────────────────────────

    def add(self, messages: UIMessage | Iterable[UIMessage], now_ms: float | None = None) -> list[str]:
        """Adds messages of the app's own, and returns their ids. now_ms: the time of those that have none.

        Raises LocalProtocolError for an id that the conversation has.
        """
        return [
            self._entries.add(message, now_ms)
            for message in ([messages] if isinstance(messages, UIMessage) else messages)
        ]

    def clear_added(self) -> None:
        """Removes the app's own messages."""
        self._entries.clear_added()

    def clear(self) -> None:
        """Removes the conversation's messages; the app's own stay. What follows in the call is shown again."""
        self._entries.clear()

    # ── driving ──────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: FriendlyEvent, now_ms: float) -> None:
        """Takes in a friendly event. now_ms: milliseconds, on a clock that does not go back."""
        self._entries.now_ms = now_ms
        route = self._routes.get(type(event))
        if route is not None:
            route(event)

    def disconnected(self, now_ms: float) -> None:
        """The connection is gone: nothing more will come for what was still open."""
        self._entries.now_ms = now_ms
        self._playing = None
        self._drop_hearing(None)
        for entry in self._entries:
            if entry.status == "streaming" and not entry.is_hidden:
                self._entries.change(entry, status="done" if entry.role == "user" else "cancelled")
        if not self.settings.keep_on_disconnect:
            self.clear()

    def cut_off(self, now_ms: float) -> list[ChatMessage]:
        """The connection goes: the answers that were not written, or not heard, to their end."""
        playing, self._playing = self._playing, None
        for entry in [] if playing is None else self._entries.of_response(playing[0]):
            heard_ms = now_ms - playing[1] if playing is not None else 0.0
            for _, part in sorted(entry.parts.items()) if entry.is_spoken else ():
                heard = self._pace.heard(part.text, heard_ms, None)
                heard_ms = max(0.0, heard_ms - part.length * 1000 / self._pace.characters_a_second)
                if part.heard is None and len(heard) < len(part.text.rstrip()):
                    part.heard = heard
                    entry.is_interrupted = True
            self._entries.change(entry)
        return [
            entry.look()
            for entry in self._entries
            if entry.role == "assistant"
            and entry.type == "text"
            and (entry.status == "streaming" or (playing is not None and entry.response_id == playing[0]))
            and not entry.is_hidden
        ]

    # ── the session ──────────────────────────────────────────────────────────────────────────────────────────────

    def _session_created(self, event: friendly.SessionCreated) -> None:
        self._entries.order.begin_session()
        self._session(event.session)

    def _session(self, session: Any) -> None:
        audio = getattr(session, "audio", None)
        listening = getattr(audio, "input", None)
        self._transcribes = getattr(listening, "transcription", True) is not None

    # ── the user ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _speech_started(self, event: friendly.UserSpeechStarted) -> None:
        self._drop_hearing(event.item_id)
        if event.item_id not in self._entries:
            self._entries.enter(event.item_id, "user", status="hearing", is_spoken=True)

    def _drop_hearing(self, but: str | None) -> None:
        """What was begun and never committed was nothing."""
        for entry in self._entries:
            if entry.status == "hearing" and entry.key != but:
                entry.status = "done"
                self._entries.hide(entry)

    def _user_item_started(self, event: friendly.UserItemStarted) -> None:
        entry = self._entries.entry(event.item_id, "user", event.previous_item_id)
        entry.is_spoken = True
        if entry.is_hidden and entry.status == "done" and not entry.parts and entry.role == "user":
            entry.is_hidden = False  # it was taken for a false start
            entry.status = "hearing"
        if entry.status in ("hearing", "streaming"):
            self._entries.change(entry, status="streaming" if self._transcribes else "done")
        self._entries.illustrate(entry, event.images)

    def _user_delta(self, event: friendly.UserDelta) -> None:
        entry = self._entries.entry(event.item_id, "user")
        part = entry.part(event.content_index)
        if not part.is_final:
            part.append(event.delta)
            self._entries.words(entry)

    def _user_completed(self, event: friendly.UserCompleted) -> None:
        entry = self._entries.entry(event.item_id, "user")
        entry.part(event.content_index).settle(event.transcript, may_be_shortened=False)
        self._entries.change(entry, status="done")

    def _user_failed(self, event: friendly.UserFailed) -> None:
        entry = self._entries.entry(event.item_id, "user")
        entry.problem = event.error.message if isinstance(event.error.message, str) else ""
        self._entries.change(entry, status="failed")

    def _user_message(self, event: friendly.UserMessage) -> None:
        entry = self._entries.entry(event.item_id, "user", event.previous_item_id)
        if event.text:
            entry.part(0).settle(event.text, may_be_shortened=False)
        self._entries.illustrate(entry, event.images)
        self._entries.change(entry, status="done")

    # ── the assistant ────────────────────────────────────────────────────────────────────────────────────────────

    def _response_started(self, event: friendly.AssistantResponseStarted) -> None:
        if event.aside:
            self._aside[event.response_id] = None
            while len(self._aside) > self.settings.most_messages:
                del self._aside[next(iter(self._aside))]
        elif self.settings.assistant_placeholder_on_start and event.response_id not in self._entries:
            self._entries.enter(event.response_id, "assistant", response_id=event.response_id, item_id=None)

    def _assistant_item_started(self, event: friendly.AssistantItemStarted) -> None:
        response_id = event.response_id
        placeholder = None if response_id is None else self._entries.get(response_id)
        if placeholder is not None and placeholder.item_id is None and event.item_id not in self._entries:
            self._entries.adopt(placeholder, event.item_id)
        is_aside = response_id in self._aside and event.previous_item_id is UNSET
        entry = self._entries.entry(
            event.item_id, "assistant", event.previous_item_id, response_id=response_id, is_aside=is_aside
        )
        self._entries.change(entry)

    def _assistant_delta(self, event: friendly.AssistantDelta) -> None:
        entry = self._entries.get(event.item_id)
        if entry is None:
            entry = self._entries.entry(event.item_id, "assistant", response_id=event.response_id)
        part = entry.part(event.content_index)
        if part.is_final or entry.is_hidden:
            return
        if part.channel is None:
            part.channel = event.channel
            entry.is_spoken = entry.is_spoken or event.channel == "audio_transcript"
        part.append(event.delta)
        self._entries.words(entry)

    def _text_done(self, event: friendly.AssistantTextDone) -> None:
        entry = self._entries.entry(event.item_id, "assistant", response_id=event.response_id)
        part = entry.part(event.content_index)
        part.channel = event.channel
        entry.is_spoken = entry.is_spoken or event.channel == "audio_transcript"
        part.settle(event.text, may_be_shortened=True)
        self._entries.change(entry)

    def _item_done(self, event: friendly.AssistantItemDone) -> None:
        entry = self._entries.entry(event.item_id, "assistant", response_id=event.response_id)
        if event.status == "completed" and entry.status == "streaming":
            self._entries.change(entry, status="done")
        elif event.status == "incomplete" and event.response_id is None:
            entry.is_interrupted = True  # of any other, its response will tell why
            self._entries.change(entry, status="cancelled")

    def _completed(self, event: friendly.AssistantCompleted) -> None:
        status: MessageStatus = "done"
        if event.status in ("cancelled", "failed"):
            status = "cancelled" if event.status == "cancelled" else "failed"
        problem = event.error or (event.reason if event.status == "incomplete" else None)
        entries = self._entries.of_response(event.response_id)
        if status == "failed" and not any(entry.type == "text" for entry in entries):
            entries.append(
                self._entries.enter(event.response_id, "assistant", response_id=event.response_id, item_id=None)
            )
        for entry in entries:
            if entry.item_id is None and status != "failed":
                self._entries.hide(entry)  # a placeholder for words that never came
            elif entry.type == "tool":
                is_whole = entry.tool is not None and (entry.tool.arguments is not None or event.status == "completed")
                self._entries.change(entry, status=entry.status if is_whole or entry.status == "done" else "cancelled")
            elif entry.status == "streaming" or status == "failed":
                entry.problem = problem or entry.problem
                self._entries.change(entry, status=status)
        self._aside.pop(event.response_id, None)

    # ── what was heard ───────────────────────────────────────────────────────────────────────────────────────────

    def _audio_started(self, event: friendly.AssistantAudioStarted) -> None:
        self._playing = (event.response_id, self._entries.now_ms)

    def _audio_stopped(self, event: friendly.AssistantAudioStopped) -> None:
        playing, self._playing = self._playing, None
        if playing is not None and playing[0] == event.response_id:
            said = sum(len(entry.text) for entry in self._entries.of_response(event.response_id) if entry.is_spoken)
            self._pace.learn(said, self._entries.now_ms - playing[1])

    def _interrupted(self, event: friendly.AssistantInterrupted) -> None:
        if self._playing is not None and self._playing[0] == event.response_id:
            self._playing = None  # how long it sounded says nothing about its words
        for entry in self._entries.of_response(event.response_id):
            if entry.type == "text":
                entry.is_interrupted = True
                self._entries.change(entry)

    def _truncated(self, event: friendly.AssistantTruncated) -> None:
        entry = self._entries.get(event.item_id)
        if entry is None:
            return
        entry.is_interrupted = True
        part = entry.parts.get(event.content_index)
        if part is not None and part.heard is None:
            part.heard = self._pace.heard(part.text, event.audio_end_ms, event.audio_ms)
        self._entries.change(entry)

    # ── tools and the rest ───────────────────────────────────────────────────────────────────────────────────────

    def _call_started(self, event: friendly.ToolCallStarted) -> None:
        if event.item_id not in self._entries:
            tool = Tool(event.call_id, event.name, self._entries.now_ms, event.server_label)
            self._entries.enter(event.item_id, "tool", event.previous_item_id, response_id=event.response_id, tool=tool)

    def _call_delta(self, event: friendly.ToolCallDelta) -> None:
        entry = self._entries.get(event.item_id)
        if entry is not None and entry.tool is not None and entry.tool.arguments is None:
            entry.tool.text.append(event.delta)
            self._entries.change(entry)

    def _call_done(self, event: friendly.ToolCallDone) -> None:
        entry = self._entries.get(event.item_id)
        if entry is not None and entry.tool is not None:
            entry.tool.name = event.name or entry.tool.name
            entry.tool.text.settle(event.text, may_be_shortened=False)
            entry.tool.arguments = event.arguments
            self._entries.change(entry)

    def _output(self, event: friendly.ToolOutput) -> None:
        if event.item_id is not None:
            self._entries.place_hidden(event.item_id, event.previous_item_id)
        entry = self._entries.of_call(event.call_id)
        if entry is not None and entry.tool is not None and entry.tool.output is None:
            entry.tool.output = event.output
            entry.tool.is_error = event.error
            entry.tool.ended_at = self._entries.now_ms
            self._entries.change(entry, status="failed" if event.error else "done")

    def _item_added(self, event: friendly.ItemAdded) -> None:
        if event.kind != "system" or not self.settings.show_system:
            self._entries.place_hidden(event.item_id, event.previous_item_id)
            return
        entry = self._entries.entry(event.item_id, "system", event.previous_item_id)
        entry.part(0).settle(event.text, may_be_shortened=False)
        self._entries.change(entry, status="done")

    def _deleted(self, event: friendly.ItemDeleted) -> None:
        entry = self._entries.get(event.item_id)
        if entry is not None:
            self._entries.hide(entry)
