"""The lines that the start prints: where to open it, what answers, and how to make it better."""

from __future__ import annotations

from antiphon import __version__
from antiphon.server import Description

_INDENT = "  "


def welcome(description: Description, addresses: list[str], notes: list[str], qr_code: str = "") -> str:
    """Everything as one text. addresses: where to open the page, the best first. notes: further sentences.
    qr_code: the first address, for a phone."""
    if description.recognizer == description.model == description.voice:
        stages = [("Answers with", description.model)]
    else:
        stages = [
            ("Hears with", description.recognizer),
            ("Thinks with", description.model),
            ("Speaks with", description.voice),
        ]
        if description.vision is not None:
            stages.append(("Sees with", description.vision))
    lines = [f"Antiphon {__version__} is ready.", ""]
    lines += [f"{_INDENT}{'Open' if not i else 'or':<12} {address}" for i, address in enumerate(addresses)]
    lines += [f"{_INDENT}{label:<12} {_sentence(stage.name, stage.summary)}" for label, stage in stages]
    better = list(dict.fromkeys(stage.improve for _, stage in stages if stage.improve))
    if better:
        lines += ["", f"{_INDENT}To make it better:"]
        lines += [f"{_INDENT}- {line[:1].upper()}{line[1:]}" for line in better]
    if notes:
        lines += ["", *(f"{_INDENT}{note}" for note in notes)]
    if qr_code:
        lines += ["", *(f"{_INDENT}{line}" for line in qr_code.splitlines())]
    lines += ["", f"{_INDENT}Press Ctrl+C to stop."]
    return "\n".join(lines)


def _sentence(name: str, summary: str) -> str:
    return f"{name}: {summary}" if summary else name
