"""From the options of `antiphon talk` to a call: which face it gets, and what is wrong with them."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from antiphon.cli.exits import FAILED, INTERRUPTED
from antiphon.cli.targets import Target, TargetOptions, target_of
from antiphon.errors import ConfigurationError

if TYPE_CHECKING:
    from antiphon.client.trace import TraceWriter

TransportName = Literal["auto", "webrtc", "websocket"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOptions:
    """The options of `antiphon talk`, as the command line declares and describes them."""

    target: TargetOptions
    text: bool = False
    files: tuple[str, ...] = ()
    save: str | None = None
    photos: tuple[str, ...] = ()
    as_json: bool = False
    transport: TransportName | None = None
    voice: str | None = None
    instructions: str | None = None
    agent: str | None = None
    input_device: str | None = None
    output_device: str | None = None
    push_to_talk: bool = False
    no_sound: bool = False
    theme: str = "dark"
    trace: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether no screen is wanted."""
        return self.text or self.as_json or bool(self.files) or self.save is not None


def start(options: TalkOptions) -> int:
    """Talk; the exit code. Raises AntiphonError."""
    # What is worth telling is told; a log line would break the screen, or the silence of standard error.
    logging.getLogger("antiphon").addHandler(logging.NullHandler())
    target = target_of(options.target)
    if options.save is not None and Path(options.save).suffix.lower() != ".wav":
        raise ConfigurationError(f"--save writes WAV: call the file {Path(options.save).stem or 'answer'}.wav.")
    if options.is_plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from antiphon.cli.talk.plain import talk_plainly  # noqa: PLC0415 - only where it is needed

        try:
            return asyncio.run(talk_plainly(options, target))
        except KeyboardInterrupt:
            return INTERRUPTED
    return _on_screen(options, target)


def _on_screen(options: TalkOptions, target: Target) -> int:
    if importlib.util.find_spec("textual") is None:
        raise ConfigurationError(
            "The screen needs the package textual: pip install 'antiphon[talk]'."
            " Without it this works: antiphon talk --text."
        )
    from antiphon.cli.agents import load_agent  # noqa: PLC0415 - heavy, as all that follows
    from antiphon.cli.talk.app import TalkApp  # noqa: PLC0415
    from antiphon.cli.talk.calling import CallOptions, TalkCall  # noqa: PLC0415
    from antiphon.cli.talk.session import wanted_session  # noqa: PLC0415
    from antiphon.cli.talk.sound import SoundWish  # noqa: PLC0415
    from antiphon.cli.talk.terminal import own_terminal  # noqa: PLC0415

    call = TalkCall(
        target,
        CallOptions(
            transport=options.transport or "auto",
            session=wanted_session(options, spoken=True),
            agent=None if options.agent is None else load_agent(options.agent),
            sound=SoundWish(
                input=options.input_device,
                output=options.output_device,
                push_to_talk=options.push_to_talk,
                on=not options.no_sound,
            ),
            trace=trace_maker(options, target, options.transport or "auto"),
        ),
    )
    with own_terminal() as others:
        code = TalkApp(call, dark=options.theme == "dark").run()
        others.is_wanted = code is None
    return FAILED if code is None else code


def trace_maker(options: TalkOptions, target: Target, transport: TransportName) -> Callable[[], TraceWriter] | None:
    """What makes the file that a call is written down in; None when none is wanted. transport: what carries it."""
    if options.trace is None:
        return None
    numbers = itertools.count(1)
    first = Path(options.trace)

    def make() -> TraceWriter:
        from antiphon.client.trace import TraceWriter  # noqa: PLC0415 - heavy

        # Calling again must not write over the call before.
        number = next(numbers)
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        secrets = [target.key] if target.key else []
        try:
            return TraceWriter(path, target=target.shown, transport=transport, secrets=secrets)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from None

    return make
