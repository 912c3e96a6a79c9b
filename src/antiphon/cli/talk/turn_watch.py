"""Whether a turn has been answered for good: no response is being made, and none is still owed for a tool. Pure.

The client knows that of the tools that it runs itself; this also knows it of tools that run beside the call, at the
server.
"""

from __future__ import annotations

from antiphon.conversation import FriendlyEvent, events


class TurnWatch:
    """Follows the turns of a conversation, one after the other."""

    def __init__(self) -> None:
        self._active: set[str] = set()
        self._calling: set[str] = set()
        self._owed: dict[str, str] = {}
        self._answered = False

    def begin(self) -> None:
        """A new turn: it is not answered yet."""
        self._answered = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self._answered and not self._active and not self._owed

    @property
    def owed(self) -> tuple[str, ...]:
        """Names of the tools that were called and have given nothing back yet."""
        return tuple(self._owed.values())

    def receive(self, event: FriendlyEvent) -> None:
        """Something happened in the conversation."""
        match event:
            case events.AssistantResponseStarted(response_id=response_id, aside=False):
                self._active.add(response_id)
            case events.ToolCallStarted(call_id=call_id, name=name, response_id=response_id):
                self._owed[call_id] = name
                self._calling.add(response_id or "")
            case events.ToolOutput(call_id=call_id):
                self._owed.pop(call_id, None)
            case events.AssistantCompleted(response_id=response_id, status=status) if response_id in self._active:
                self._active.discard(response_id)
                # After a call the model is asked again; one that was stopped is asked nothing more.
                self._answered = response_id not in self._calling or status != "completed"
                if status != "completed" and response_id in self._calling:
                    self._owed.clear()
                self._calling.discard(response_id)
            case _:
                pass
