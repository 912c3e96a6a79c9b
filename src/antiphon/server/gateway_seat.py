"""The agent's client beside a call that was opened with the agent's session already."""

from __future__ import annotations

import logging

from antiphon.client import RealtimeClient, differences

logger = logging.getLogger("antiphon.server")


class SeatedClient(RealtimeClient):
    """Asks for no session when it enters: what the call was opened with stands.

    An update of its own would be answered by a `session.updated` that the caller takes for the answer to its own.
    """

    async def _set_up(self) -> None:
        expected, applies = self.expected_session, self.session
        if expected is None or applies is None:
            return
        self.differences = differences(expected, applies)
        for difference in self.differences:
            logger.warning("the session was not opened as the agent has it: %s", difference)
