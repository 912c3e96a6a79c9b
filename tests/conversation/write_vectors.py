"""Writes `tests/vectors/*.json` anew from the traces. Look at the difference before you commit it:

PYTHONPATH=tests python -m conversation.write_vectors
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conversation.replaying import played_out
from conversation.traces import TRACES

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def vector(name: str) -> dict[str, Any]:
    maker, settings = TRACES[name]
    lines = maker().lines
    about = " ".join((maker.__doc__ or "").split())
    return {"name": name, "about": about, "chat_settings": settings, "events": lines} | {
        "expected": played_out(lines, settings)
    }


def written(vector: dict[str, Any]) -> str:
    """One event to a line, so that a difference reads like a trace."""

    def rows(values: list[Any]) -> str:
        return "[" + ",".join(f"\n    {json.dumps(value, ensure_ascii=False)}" for value in values) + "\n  ]"

    head = {key: json.dumps(vector[key], ensure_ascii=False) for key in ("name", "about", "chat_settings")}
    parts = [f'  "{key}": {value}' for key, value in head.items()]
    parts.append(f'  "events": {rows(vector["events"])}')
    expected = [f'  "{key}": {rows(values)}' for key, values in vector["expected"].items()]
    parts.append('  "expected": {\n' + ",\n".join(expected) + "\n  }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    VECTORS.mkdir(exist_ok=True)
    for name in TRACES:
        (VECTORS / f"{name}.json").write_text(written(vector(name)))
    for stale in VECTORS.glob("*.json"):
        if stale.stem not in TRACES:
            stale.unlink()


if __name__ == "__main__":
    main()
