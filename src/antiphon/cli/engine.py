"""From the options of `antiphon serve` to an engine: which recognizer, mind, voice and detector it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.cli.upstream_options import call_minutes
from antiphon.engine import Engine, EngineSettings, SessionSettings, StageChoice, StageOptions, build_engine

if TYPE_CHECKING:
    from antiphon.cli.serve import ServeOptions


async def make_engine(options: ServeOptions, *, own_port: int) -> tuple[Engine, list[str]]:
    """The engine that the options ask for, not started, and what its owner should be told about the choice.

    own_port: the port that this program listens on, where no model is looked for. Raises ConfigurationError and
    StageUnavailable.
    """
    notes: list[str] = []
    model: StageChoice | None = None
    if options.llm is not None:
        model = _by_url(options.llm, options.llm_model, options.llm_key)
    elif options.discovery:
        model, note = await find_language_model(options, own_port=own_port)
        notes += [note] if note else []
    settings = EngineSettings(
        detector=StageChoice("silero", StageOptions(path=options.vad_model)) if options.vad_model else None,
        recognizer=_by_url(options.stt, options.stt_model, options.stt_key) if options.stt else _DEFAULTS.recognizer,
        model=model or _DEFAULTS.model,
        synthesizer=_by_url(options.tts, options.tts_model, options.tts_key) if options.tts else _DEFAULTS.synthesizer,
        session=_session(options),
    )
    return build_engine(settings), notes


_DEFAULTS = EngineSettings()


def _by_url(url: str, model: str | None, key: str | None) -> StageChoice:
    return StageChoice("openai", StageOptions(url=url, model=model, api_key=key))


def _session(options: ServeOptions) -> SessionSettings:
    seconds = call_minutes(options) * 60
    if options.voice is None:
        return SessionSettings(max_session_s=seconds)
    return SessionSettings(max_session_s=seconds, voice=options.voice)


async def find_language_model(options: ServeOptions, *, own_port: int) -> tuple[StageChoice | None, str | None]:
    """A model server that runs on this machine, and a sentence about it; (None, None) when there is none."""
    from antiphon.engine.llm.discovery import find_local_server  # noqa: PLC0415 - needed only without --llm

    found = await find_local_server(without_ports=[own_port])
    if found is None:
        return None, None
    name = options.llm_model or found.chosen
    if name is None:
        return None, f"{found.kind} runs on this machine but has no model to talk to yet; the embedded one answers."
    note = f"{found.kind} was found on this machine and answers. To leave it alone, add --no-discovery."
    return _by_url(found.url, name, options.llm_key), note
