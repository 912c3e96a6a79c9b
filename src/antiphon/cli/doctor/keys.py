"""Whether a key looks like one, before anybody is asked: the ways in which a pasted key usually goes wrong. Pure.

No message repeats any of the key.
"""

from __future__ import annotations

import re

from antiphon.cli.doctor.findings import Finding, fail, ok, warn

_PLACEHOLDERS = re.compile(r"(?i)your|<|>|\.\.\.|…|xxxx|replace|example|changeme")
_OTHERS = {
    "sk-ant-": "Anthropic",
    "gsk_": "Groq",
    "sk-or-": "OpenRouter",
    "AIza": "Google",
    "hf_": "Hugging Face",
    "xai-": "xAI",
}
_MAKE_ONE = "Make a key at platform.openai.com/api-keys and set OPENAI_API_KEY to it."
_AZURE = "Copy KEY 1 of the resource (Azure portal, Keys and Endpoint) into AZURE_OPENAI_API_KEY."


def openai_key(key: str, setting: str = "OPENAI_API_KEY") -> Finding:
    """What can be said of an OpenAI key by its shape alone."""
    if found := _pasted_wrong(key, setting):
        return found
    for prefix, owner in _OTHERS.items():
        if key.startswith(prefix):
            return fail("key", f"{setting} holds a key of {owner}, not one of OpenAI.", _MAKE_ONE)
    if key.startswith("ek_"):
        return warn("key", f"{setting} holds an ephemeral key, which ends within minutes.", _MAKE_ONE)
    if not key.startswith("sk-"):
        return warn("key", f"{setting} does not begin with sk-, as OpenAI's keys do.", _MAKE_ONE)
    if len(key) < 40:
        return fail(
            "key", f"{setting} has {len(key)} characters, fewer than any key of OpenAI's: it was cut.", _MAKE_ONE
        )
    return ok("key", f"{setting} has the shape of a key.")


def azure_key(key: str, setting: str = "AZURE_OPENAI_API_KEY") -> Finding:
    """What can be said of an Azure key by its shape alone."""
    if found := _pasted_wrong(key, setting):
        return found
    if key.startswith("sk-"):
        return fail("key", f"{setting} holds a key of OpenAI's own service, not of Azure.", _AZURE)
    if key.startswith("eyJ"):
        return fail("key", f"{setting} holds a token of Entra, not the resource's key.", _AZURE)
    if len(key) < 32:
        return fail("key", f"{setting} has {len(key)} characters, fewer than any key of Azure's: it was cut.", _AZURE)
    return ok("key", f"{setting} has the shape of a key.")


def _pasted_wrong(key: str, setting: str) -> Finding | None:
    again = "Set it again, to the key alone."
    if not key.strip():
        return fail("key", f"{setting} is set, but empty.", again)
    if key.lower().startswith("bearer "):
        return fail("key", f"{setting} begins with the word Bearer, which is no part of a key.", again)
    if key[0] in "\"'" or key[-1] in "\"'":
        return fail("key", f"{setting} has quotation marks around it, which are sent as if they were the key's.", again)
    if key != key.strip() or re.search(r"\s", key):
        return fail("key", f"{setting} holds a blank or a line break, which no key does.", again)
    if not key.isascii() or _PLACEHOLDERS.search(key):
        return fail("key", f"{setting} holds a placeholder, not a key.", again)
    return None
