"""Vision: what can be told of a picture. The measured one is built in; a model that sees is reached through `llm/`."""

from antiphon.engine.vision.measured import open_vision as open_measured_vision

__all__ = ["open_measured_vision"]
