"""Draw the session's state machines from their transition tables, as Mermaid, into docs/design.md.

    python scripts/state_diagrams.py            rewrite the diagrams between the markers
    python scripts/state_diagrams.py --check    say whether they are what the tables say (exit status 1 if not)

A test does the latter, so the diagrams cannot become untrue.
"""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from antiphon.engine.states import MACHINES

DESIGN = Path(__file__).resolve().parent.parent / "docs" / "design.md"
MARKERS = re.compile(r"(<!-- machine: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def diagram(start: enum.Enum, table: Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]) -> str:
    """One machine as a Mermaid state diagram. Transitions between the same two states share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(start)}"]
    for state, steps in table.items():
        arrows: dict[enum.Enum, list[str]] = {}
        for trigger, following in steps.items():
            arrows.setdefault(following, []).append(str(trigger.value))
        lines += [f"    {_name(state)} --> {_name(to)}: {', '.join(triggers)}" for to, triggers in arrows.items()]
        if not steps:
            lines.append(f"    {_name(state)} --> [*]")
    return "\n".join([*lines, "```", ""])


def _name(state: enum.Enum) -> str:
    return str(state.value).replace(" ", "_")


def drawn(text: str) -> str:
    """The document with each marked diagram made anew. Raises ValueError when a machine has no place in it."""
    found = {match["name"] for match in MARKERS.finditer(text)}
    if missing := set(MACHINES) - found:
        raise ValueError(f"docs/design.md has no place for: {', '.join(sorted(missing))}")
    return MARKERS.sub(lambda match: match[1] + diagram(*MACHINES[match["name"]]) + match[3], text)


def main() -> int:
    text = DESIGN.read_text(encoding="utf-8")
    new = drawn(text)
    if "--check" in sys.argv[1:]:
        if new != text:
            print("The diagrams in docs/design.md are not what the tables say: run python scripts/state_diagrams.py")
        return int(new != text)
    DESIGN.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
