"""The Realtime API's dialects, translated at the edge: inside, everything is GA. Pure: no I/O, no clock.

`choose_dialect` says from a request what its caller speaks; `translator_for_caller` and `translator_for_upstream` give
one connection its translator, which `frame_to_ga` and `frame_from_ga` apply to text frames. Bodies of HTTP requests
around ephemeral keys are translated by the functions named after them.

What the beta had and GA has not (`temperature`, a tool's `strict`) is dropped and reported; the other way round, what
GA added is passed on to beta clients as it is, and kept from beta upstreams, which would refuse a whole update for it.
Defaults are not translated: they are those of whoever answers, and `session.created` shows them.
"""

from antiphon.protocol.dialects.callers import (
    AzureCaller,
    BetaCaller,
)
from antiphon.protocol.dialects.choice import (
    ADDRESSES,
    BETA_HEADER,
    BETA_HEADER_VALUE,
    BETA_SUBPROTOCOL,
    Address,
    Dialect,
    Purpose,
    choose_dialect,
    find_address,
    translator_for_caller,
    translator_for_upstream,
)
from antiphon.protocol.dialects.errors import (
    error_to_beta,
    error_to_ga,
    param_to_beta,
    param_to_ga,
)
from antiphon.protocol.dialects.frames import (
    TranslatedFrames,
    frame_from_ga,
    frame_to_ga,
)
from antiphon.protocol.dialects.old_names import (
    HalfMigratedCaller,
    with_old_names,
)
from antiphon.protocol.dialects.secrets import (
    TranslatedBody,
    error_body_to_beta,
    error_body_to_ga,
    secret_for_every_client,
    secret_request_to_beta,
    secret_request_to_ga,
    secret_to_beta,
    secret_to_ga,
)
from antiphon.protocol.dialects.sessions import (
    session_to_ga,
)
from antiphon.protocol.dialects.translation import (
    Dropped,
    Event,
    Translation,
    Translator,
    Unchanged,
)
from antiphon.protocol.dialects.upstreams import (
    BetaUpstream,
)

__all__ = [
    "ADDRESSES",
    "BETA_HEADER",
    "BETA_HEADER_VALUE",
    "BETA_SUBPROTOCOL",
    "Address",
    "AzureCaller",
    "BetaCaller",
    "BetaUpstream",
    "Dialect",
    "Dropped",
    "Event",
    "HalfMigratedCaller",
    "Purpose",
    "TranslatedBody",
    "TranslatedFrames",
    "Translation",
    "Translator",
    "Unchanged",
    "choose_dialect",
    "error_body_to_beta",
    "error_body_to_ga",
    "error_to_beta",
    "error_to_ga",
    "find_address",
    "frame_from_ga",
    "frame_to_ga",
    "param_to_beta",
    "param_to_ga",
    "secret_for_every_client",
    "secret_request_to_beta",
    "secret_request_to_ga",
    "secret_to_beta",
    "secret_to_ga",
    "session_to_ga",
    "translator_for_caller",
    "translator_for_upstream",
    "with_old_names",
]
