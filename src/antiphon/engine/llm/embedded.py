"""The language model of a server that has none: a small script that says so. Thin: `mind` decides, this streams it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final, Literal

from antiphon.engine.llm.mind import images_to_look_at, plan_answer
from antiphon.engine.llm.tool_phrases import tool_phrases
from antiphon.engine.stages import (
    ImageContent,
    ModelDone,
    ModelEvent,
    ModelMessage,
    ModelRequest,
    ModelTool,
    ModelToolResult,
    StageDescription,
    StageOptions,
    TextContent,
    TextDelta,
    ToolCallDelta,
    Vision,
)
from antiphon.errors import StageError

NO_VISION: Final = "I have no part that looks at pictures here, so I cannot tell anything of this one."
_WORD: Final = re.compile(r"\s*\S+")
_PIECE: Final = 12  # characters of arguments in one delta


def _local_time() -> datetime:
    return datetime.now().astimezone()


def open_model(
    options: StageOptions, vision: Vision | None = None, *, clock: Callable[[], datetime] = _local_time
) -> EmbeddedModel:
    """The factory of the `embedded` provider. It needs no setting; `options` are not looked at.

    vision: describes the pictures; without it the model says that it cannot. clock: the local time.
    """
    return EmbeddedModel(vision=vision, clock=clock)


class EmbeddedModel:
    """Holds the vision stage (not its owner: whoever made it closes it) and a clock. One for all sessions."""

    def __init__(self, *, vision: Vision | None, clock: Callable[[], datetime]) -> None:
        self._vision = vision
        self._clock = clock

    def describe(self) -> StageDescription:
        return StageDescription(
            name="built-in script",
            summary="not a language model; repeats what it heard, calls a tool whose words are said, measures photos",
            improve="Start Ollama (found by itself), or give any OpenAI-compatible model: --llm URL --llm-model NAME.",
        )

    async def start(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to stop."""

    def hints(self, tools: Sequence[ModelTool]) -> Sequence[str]:
        return tool_phrases(tools)

    async def respond(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream the answer word by word. This model's tokens are words: limits and counts are in words."""
        wanted = images_to_look_at(request)
        seen = [await self._look_at(image) for image in wanted]
        # About a millisecond with a few tools, so it needs no thread.
        plan = plan_answer(request, now=self._clock(), seen=seen)
        limit = request.max_output_tokens
        used = 0
        finish: Literal["stop", "length"] = "stop"
        for word in _WORD.findall(plan.text):
            if limit is not None and used >= limit:
                finish = "length"
                break
            used += 1
            yield TextDelta(word)
            await asyncio.sleep(0)  # let the clause just completed go to the voice
        else:
            for index, call in enumerate(plan.calls):
                yield ToolCallDelta(index, "", name=call.name)
                for start in range(0, len(call.arguments), _PIECE):
                    yield ToolCallDelta(index, call.arguments[start : start + _PIECE])
                    await asyncio.sleep(0)
                used += 1 + len(call.arguments.split())
        yield ModelDone(finish, input_tokens=_words_in(request), output_tokens=used)

    async def _look_at(self, image: ImageContent) -> str:
        if self._vision is None:
            return NO_VISION
        try:
            return await self._vision.look(image)
        except StageError as error:
            return f"I could not look at the picture. {error}"


def _words_in(request: ModelRequest) -> int:
    texts = [request.instructions]
    for item in request.items:
        if isinstance(item, ModelMessage):
            texts += [part.text for part in item.content if isinstance(part, TextContent)]
        else:
            texts.append(item.output if isinstance(item, ModelToolResult) else item.arguments)
    return sum(len(text.split()) for text in texts)
