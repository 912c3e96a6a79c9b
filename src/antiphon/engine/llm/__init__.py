"""Language models: the embedded script, any OpenAI-compatible endpoint, and the finding of one on this machine."""

from antiphon.engine.llm.discovery import FoundServer, Place, find_local_server
from antiphon.engine.llm.embedded import open_model as open_embedded_model
from antiphon.engine.llm.openai_compatible import open_model as open_openai_compatible_model

__all__ = ["FoundServer", "Place", "find_local_server", "open_embedded_model", "open_openai_compatible_model"]
