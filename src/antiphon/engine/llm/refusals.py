"""Why a language model's server refused, in words for the caller. Pure functions.

A server's own message is only searched for what it names; it is never passed on, as some repeat the key in it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Final

_LISTED_MODELS: Final = 12
_HOW_TO_START: Final = {
    11434: "Ollama (`ollama serve`)",
    1234: "the server in LM Studio",
    8080: "`llama-server`",
    8000: "`vllm serve`",
}
# The longer names first: a message may name both ("use max_completion_tokens instead of max_tokens").
_LEFT_OUT_WHEN_REFUSED: Final = (
    "stream_options",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "max_completion_tokens",
    "max_tokens",
)
_REFUSES: Final = re.compile(
    r"un(?:supported|known|recogni[sz]ed|expected)|not (?:supported|permitted|allowed|a valid)|"
    r"does not support|extra|instead|invalid (?:parameter|field|argument)|no such"
)
_NO_TOOLS: Final = re.compile(
    r"(?:not|n't) support (?:tool|function)|tools? (?:is|are|use is|calling is) not|tools? (?:choice|param) requires|"
    r"requires --(?:jinja|enable-auto-tool-choice)"
)


def refused_field(refusal: str, body: Container[str]) -> str | None:
    """The field of the request that the refusal names as unknown to the server, "tools" when the model cannot call
    any, or None. A field whose value is refused ("max_tokens is too large") is not meant."""
    told = refusal.casefold()
    if "tools" in body and _NO_TOOLS.search(told):
        return "tools"
    if not _REFUSES.search(told):
        return None
    return next((field for field in _LEFT_OUT_WHEN_REFUSED if field in body and _names(told, field)), None)


def _names(told: str, field: str) -> bool:
    return re.search(rf"(?<![a-z_]){field}(?![a-z_])", told) is not None


def names_the_model(status: int, refusal: str) -> bool:
    """Whether the refusal says that the server does not have the model."""
    told = refusal.casefold()
    return "model" in told and (status == 404 or "not found" in told or "does not exist" in told)


def explain_refusal(status: int, refusal: str, *, place: str, path: str, model: str, with_image: bool) -> str:
    """One or two plain sentences for an HTTP status and the body that came with it."""
    told = refusal.casefold()
    if status in (401, 403):
        return wrong_key(place)
    if status == 404:
        return f"The server at {place} has no {path}/chat/completions: the URL ends wrong (mostly it ends with /v1)."
    if status == 429:
        return f"The language model's server at {place} has too much to do, or the quota is used up."
    if status == 413 or ("context" in told and ("length" in told or "exceed" in told or "window" in told)):
        return f"The conversation has grown longer than {model} can read."
    if with_image and any(word in told for word in ("image", "vision", "multimodal", "mmproj", "content")):
        return f"{model} cannot see pictures; choose a model with vision."
    if _NO_TOOLS.search(told):
        return (
            f"{model} cannot call tools; choose one that can, or start its server so that it may "
            "(vLLM: --enable-auto-tool-choice, llama.cpp: --jinja)."
        )
    return f"The language model's server at {place} refused the request with HTTP {status}."


def wrong_key(place: str) -> str:
    return f"The language model's server at {place} refuses the key (or wants one): give it with --llm-key."


def unknown_model(place: str, model: str, names: Sequence[str]) -> str:
    listed = ", ".join(names[:_LISTED_MODELS]) + (", …" if len(names) > _LISTED_MODELS else "")
    has = f"it has: {listed}" if listed else "it does not tell which it has"
    return f"The server at {place} does not have the model {model!r}; {has}."


def unreachable(place: str, port: int | None) -> str:
    what = _HOW_TO_START.get(port or 0, "it")
    return (
        f"The language model's server at {place} cannot be reached. Start {what} there, or give another URL with --llm."
    )
