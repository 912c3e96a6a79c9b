"""A front desk: state of its own, a tool that works in the background, a second agent, and a guardrail.

Try "book table four", "check the kitchen", or "transfer to the manager".
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from antiphon import Agent, ToolContext, ToolError, tool


@dataclass
class Desk:
    """What this restaurant knows. One for all calls; a call's own state would be given to its client instead."""

    booked: dict[int, str] = field(default_factory=dict)


desk = Desk()


@tool
def book_table(context: ToolContext, number: int) -> str:
    """Book a table.

    Args:
        number: Which table, 1 to 9.
    """
    if number in desk.booked:
        raise ToolError(f"Table {number} is taken. Offer another one.")
    desk.booked[number] = context.call.call_id or "somebody"
    return f"Table {number} is booked."


@tool(background=True, timeout_s=60)
async def check_kitchen() -> str:
    """Check the kitchen for how long a meal takes now."""
    await asyncio.sleep(2)
    return "A meal takes about twenty minutes."


def no_discounts(answer: str) -> str | None:
    """The model must not promise money back, whatever it is told."""
    return "Do not promise discounts." if "discount" in answer.lower() else None


manager = Agent(
    name="manager",
    instructions="You are the manager of a restaurant. Listen, apologise, and take a note.",
    handoff_description="For complaints.",
)

agent = Agent(
    name="front desk",
    instructions="You answer the phone of a small restaurant. Be brief and kind.",
    greeting="Good evening, this is the front desk.",
    tools=[book_table, check_kitchen],
    handoffs=[manager],
    guardrails=[no_discounts],
    voice="marin",
)
