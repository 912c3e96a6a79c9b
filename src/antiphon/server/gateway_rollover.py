"""When a relayed session gives way to the next one: settings, and times in and times out."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverSettings:
    """Times in seconds before the upstream's cap.

    seek_s: from when on a quiet moment is looked for, in which nobody speaks and no tool runs. force_s: when it is not
    waited for any longer.
    """

    seek_s: float = 180.0
    force_s: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.force_s < self.seek_s:
            raise ConfigurationError("rollover: seek_s must be more than force_s, and both more than 0.")

    def window(self, cap_s: float) -> tuple[float, float]:
        """Seconds of a session's age: from when on a quiet moment is looked for, and when it ends anyhow.

        A cap that is hardly longer than these settings leaves the first half of the session in peace.
        """
        return max(cap_s - self.seek_s, cap_s / 2), max(cap_s - self.force_s, cap_s * 3 / 4)
