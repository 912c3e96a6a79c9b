"""The DTLS certificate of this process. Peers know it by the fingerprint in our answers, never by its name."""

from __future__ import annotations

import datetime
from typing import Any, Final

from aiortc import RTCCertificate
from OpenSSL import SSL

_RENEW_BEFORE: Final = datetime.timedelta(days=20)


class ProcessCertificate(RTCCertificate):
    """A certificate that makes its OpenSSL context once: a context for each call would cost more than all its SDP."""

    def __init__(self, key: Any, cert: Any) -> None:
        super().__init__(key, cert)
        self._context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[Any]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # calls do not resume each other's sessions
        return self._context


_current: list[ProcessCertificate] = []


def process_certificate() -> ProcessCertificate:
    """The certificate to answer with now; aiortc makes it for 30 days, and it is renewed after 10."""
    now = datetime.datetime.now(tz=datetime.UTC)
    if not _current or _current[0].expires - now < _RENEW_BEFORE:
        _current[:] = [ProcessCertificate.generateCertificate()]
    return _current[0]
