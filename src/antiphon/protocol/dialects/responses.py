"""Responses between the dialects: what a client asks for, and what a server tells of one."""

from __future__ import annotations

from typing import Any

from antiphon.protocol.dialects.items import input_to_ga, item_to_beta, items_to_beta, server_items_to_ga
from antiphon.protocol.dialects.sessions import translate_tools_to_beta, translate_tools_to_ga
from antiphon.protocol.dialects.translation import Dropped
from antiphon.protocol.dialects.vocabulary import RESPONSE_FIELDS, UNKNOWN_TO_BETA_RESPONSE, flat, nested

_PATH = "response"


def params_to_ga(params: dict[str, Any]) -> tuple[dict[str, Any], list[Dropped]]:
    """The `response` of a beta client's `response.create`, as GA has it; mixed-in GA fields as in a session."""
    dropped: list[Dropped] = []
    kept = dict(params)
    if kept.pop("temperature", None) is not None:
        dropped.append(Dropped(f"{_PATH}.temperature", "the GA API has no temperature"))
    if "max_response_output_tokens" in kept:
        # The reference and the SDKs of the beta did not agree on this name, so its clients send either.
        kept["max_output_tokens"] = kept.pop("max_response_output_tokens")
    if kept.get("conversation") == "default":
        # What the reference calls the conversation that "auto" writes to; clients took it for the value.
        kept["conversation"] = "auto"
    translated = nested(kept, RESPONSE_FIELDS)
    if "output_modalities" in translated:
        translated["output_modalities"] = RESPONSE_FIELDS[0].to_ga(translated["output_modalities"])
    if "input" in translated:
        translated["input"] = input_to_ga(translated["input"])
    translate_tools_to_ga(translated, _PATH, dropped)
    return translated, dropped


def params_to_beta(params: dict[str, Any]) -> tuple[dict[str, Any], list[Dropped]]:
    """The `response` of a GA client's `response.create`, as a beta server takes it."""
    dropped = [
        Dropped(f"{_PATH}.{name}", "the beta API does not know it")
        for name in sorted(UNKNOWN_TO_BETA_RESPONSE)
        if params.get(name) is not None
    ]
    kept = {name: value for name, value in params.items() if name not in UNKNOWN_TO_BETA_RESPONSE}
    translated = flat(kept, RESPONSE_FIELDS)
    if isinstance(translated.get("input"), list):
        translated["input"] = [item_to_beta(item) for item in translated["input"]]
    translate_tools_to_beta(translated, _PATH, dropped)
    return translated, dropped


def response_to_beta(response: Any, temperature: float) -> Any:
    """A response that a GA server tells of, in the beta's shape."""
    if not isinstance(response, dict):
        return response
    translated = flat(response, RESPONSE_FIELDS)
    if "output" in translated:
        translated["output"] = items_to_beta(translated["output"])
    translated.setdefault("temperature", temperature)
    return translated


def response_to_ga(response: Any) -> Any:
    """A response that a beta server tells of, in GA's shape."""
    if not isinstance(response, dict):
        return response
    kept = {name: value for name, value in response.items() if name != "temperature"}
    translated = nested(kept, RESPONSE_FIELDS)
    if "output" in translated:
        translated["output"] = server_items_to_ga(translated["output"])
    return translated
