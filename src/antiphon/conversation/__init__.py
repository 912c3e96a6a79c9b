"""What was said, from events: the wire in; friendly events, a chat, activity, latencies, usage and a record out.

No I/O, no clock. `Conversation` is all of it; each part stands alone, too. The friendly events are in `events`.
"""

from antiphon.conversation.activity import Activity, Phase, SpeechActivity
from antiphon.conversation.chat import Chat, ChatSettings
from antiphon.conversation.conversation import Conversation, ConversationSettings
from antiphon.conversation.events import FRIENDLY_TYPES, Friendly, FriendlyEvent, to_wire
from antiphon.conversation.export import from_json, to_json, to_markdown
from antiphon.conversation.handlers import CONSUME, Handler, HandlerFailure, Handlers
from antiphon.conversation.messages import ChatChange, ChatMessage, MessagePart, ToolUse, UIMessage
from antiphon.conversation.microphone import MicrophoneActivity, MicrophoneMode, MicrophoneSettings
from antiphon.conversation.prices import OPENAI_PRICES, PRICES_AS_OF, Price
from antiphon.conversation.record import Record
from antiphon.conversation.router import Router
from antiphon.conversation.turns import ToolTime, Turn, Turns
from antiphon.conversation.usage import Tokens, UsageMeter

__all__ = [
    "CONSUME",
    "FRIENDLY_TYPES",
    "OPENAI_PRICES",
    "PRICES_AS_OF",
    "Activity",
    "Chat",
    "ChatChange",
    "ChatMessage",
    "ChatSettings",
    "Conversation",
    "ConversationSettings",
    "Friendly",
    "FriendlyEvent",
    "Handler",
    "HandlerFailure",
    "Handlers",
    "MessagePart",
    "MicrophoneActivity",
    "MicrophoneMode",
    "MicrophoneSettings",
    "Phase",
    "Price",
    "Record",
    "Router",
    "SpeechActivity",
    "Tokens",
    "ToolTime",
    "ToolUse",
    "Turn",
    "Turns",
    "UIMessage",
    "UsageMeter",
    "from_json",
    "to_json",
    "to_markdown",
    "to_wire",
]
