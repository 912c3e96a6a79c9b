"""An agent with two tools. They are slow on purpose: hear how the call goes on while they work.

Say "add two and five slowly", or "echo hello in capitals".
"""

import asyncio

from antiphon.agent import Agent, tool


@tool
async def delayed_add(a: float, b: float) -> dict[str, float]:
    """Add two numbers slowly.

    Args:
        a: The first number.
        b: The second number.
    """
    await asyncio.sleep(0.8)
    return {"sum": a + b}


@tool
async def echo_upper(text: str) -> dict[str, str]:
    """Uppercase a string.

    Args:
        text: The words to put into capitals.
    """
    await asyncio.sleep(0.4)
    return {"result": text.upper()}


agent = Agent(
    name="tools",
    instructions="You are a helpful voice assistant. Use your tools when they fit, and say their results in words.",
    tools=[delayed_add, echo_upper],
)
