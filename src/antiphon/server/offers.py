"""Who answers SDP offers: shapes only. `Peers` does with connections of this process, a gateway passes them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from antiphon.server.bodies import CallRequest
    from antiphon.server.calls import Calls
    from antiphon.server.edge import Edge
    from antiphon.server.inspecting import Inspector
    from antiphon.server.peers import Answered
    from antiphon.server.settings import ServerSettings


class Offers(Protocol):
    """Whoever answers SDP offers. `load` takes its time and is called in a thread, before the first offer."""

    def load(self) -> None: ...

    async def answer(self, wanted: CallRequest, *, model: str | None, edge: Edge | None = None) -> Answered:
        """Answer an offer; the call then goes on in a task of its own. Raises Refusal."""
        ...


@runtime_checkable
class TakesOffers(Protocol):
    """An answerer whose WebRTC calls are not connections of this process."""

    def offers(self, calls: Calls, settings: ServerSettings, inspector: Inspector | None = None) -> Offers:
        """inspector: records these calls too, for nobody else stands in their way."""
        ...
