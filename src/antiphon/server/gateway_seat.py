"""The agent's client beside a call that was opened with the agent's session already."""

from __future__ import annotations

from antiphon.client import RealtimeClient, differences


class SeatedClient(RealtimeClient):
    """Asks for no session when it enters, as long as what the call was opened with stands.

    An update of its own would be answered by a `session.updated` that the caller takes for the answer to its own. Where
    an upstream shows another session than the agent's (some take none with the offer), it is asked for after all.
    """

    async def _set_up(self) -> None:
        expected, applies = self.expected_session, self.session
        if expected is not None and applies is not None and differences(expected, applies):
            await super()._set_up()


class InnerSeatedClient(SeatedClient):
    """The same beside a call of the engine, which has taken all of the session that it has a use for."""

    async def _set_up(self) -> None:
        """What was asked for has been answered by `Engine.open_call` already."""
