"""`antiphon devices`: the microphones and loudspeakers of this machine, the defaults marked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from antiphon.client.audio import Device


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def devices(as_json: bool) -> None:
    """List microphones and speakers.

    A number or a part of a name chooses one: `antiphon talk --input NAME --output NAME`.
    """
    from antiphon.client.audio import list_devices  # noqa: PLC0415 - an extra, and slow to load

    found = list_devices()
    click.echo(json.dumps([asdict(device) for device in found], indent=2) if as_json else listing(found))


def listing(devices: Sequence[Device]) -> str:
    """The devices as text: microphones, then speakers."""
    from antiphon.client.audio import Direction  # noqa: PLC0415 - as above

    lines: list[str] = []
    for direction, title in ((Direction.INPUT, "Microphones"), (Direction.OUTPUT, "Speakers")):
        able = [device for device in devices if device.channels(direction)]
        lines += [f"{title}{'' if able else ': none'}"]
        lines += [
            f"{'*' if device.is_default(direction) else ' '} {device.index:>3}  {device.name}"
            f"  ({device.host}, {device.sample_rate} Hz)"
            for device in able
        ]
    if any(device.default_input or device.default_output for device in devices):
        lines += ["", "* is what is used unless another is chosen."]
    return "\n".join(lines)
