"""Errors between the dialects: their `param` names a field, and their message often quotes it."""

from __future__ import annotations

import re
from typing import Any

from antiphon.protocol.dialects.vocabulary import (
    FORMATS_TO_BETA,
    PARTS_TO_BETA,
    RESPONSE_FIELDS,
    SESSION_FIELDS,
)

_MOVED = [
    (f"{root}.{'.'.join(field.ga)}", f"{root}.{field.beta}")
    for root, fields in (("session", SESSION_FIELDS), ("response", RESPONSE_FIELDS))
    for field in fields
]
_FORMAT_SUFFIXES = ("_audio_format",)
_QUOTED_PATH = re.compile(r"'((?:session|response)\.[^']*)'")
_AFTER_PATH = (".", "[")


def param_to_beta(param: str) -> str:
    """`session.audio.output.voice` is `session.voice`; what is not known stays."""
    for ga, beta in _MOVED:
        if _is_in(param, ga):
            # A format is an object in GA and a word in the beta, which has nothing inside.
            return beta if beta.endswith(_FORMAT_SUFFIXES) else beta + param.removeprefix(ga)
    return param


def param_to_ga(param: str) -> str:
    """`session.voice` is `session.audio.output.voice`; what is not known stays."""
    for ga, beta in _MOVED:
        if _is_in(param, beta):
            return ga + param.removeprefix(beta)
    return param


def error_to_beta(error: Any) -> Any:
    """The `error` of an event or of an HTTP body, in the beta client's own words."""
    if not isinstance(error, dict):
        return error
    translated = dict(error)
    if isinstance(error.get("param"), str):
        translated["param"] = param_to_beta(error["param"])
    if isinstance(error.get("message"), str):
        message = _QUOTED_PATH.sub(lambda found: f"'{param_to_beta(found[1])}'", error["message"])
        translated["message"] = _with_beta_values(message, translated.get("param"))
    return translated


def error_to_ga(error: Any) -> Any:
    """A beta server's error in GA's words, without the nulls that strict GA clients refuse."""
    if not isinstance(error, dict):
        return error
    translated = {name: value for name, value in error.items() if value is not None}
    if isinstance(translated.get("param"), str):
        translated["param"] = param_to_ga(translated["param"])
    if isinstance(translated.get("message"), str):
        translated["message"] = _QUOTED_PATH.sub(lambda found: f"'{param_to_ga(found[1])}'", translated["message"])
    return translated


def _with_beta_values(message: str, param: Any) -> str:
    """The values that the message lists, where they have other names in the beta."""
    if not isinstance(param, str):
        return message
    if param.endswith(_FORMAT_SUFFIXES):
        names = FORMATS_TO_BETA
    elif ".content[" in param:
        names = PARTS_TO_BETA
    else:
        return message
    for ga, beta in names.items():
        message = message.replace(f"'{ga}'", f"'{beta}'")
    return message


def _is_in(param: str, path: str) -> bool:
    return param.startswith(path) and (len(param) == len(path) or param[len(path)] in _AFTER_PATH)
