"""Sound as data: PCM blocks, levels, G.711, resampling, the wire formats of the Realtime API, Opus, WAV.

Pure functions and small codecs: no devices, no network, no clock. PCM is `bytes`, int16 little-endian mono, unless said
otherwise. `g711`, `levels` and `wav` need nothing but the standard library; `resample` needs numpy and soxr, `opus`
needs cffi and a libopus (all in the `[local]` extra) and both say so when they are opened without.
"""

from antiphon.audio.formats import PCM_RATE, WIRE_FORMATS, FormatDecoder, FormatEncoder, open_decoder, open_encoder
from antiphon.audio.levels import SILENCE_DBFS, peak, rms_dbfs
from antiphon.audio.resample import Resampler, resample

__all__ = [
    "PCM_RATE",
    "SILENCE_DBFS",
    "WIRE_FORMATS",
    "FormatDecoder",
    "FormatEncoder",
    "Resampler",
    "open_decoder",
    "open_encoder",
    "peak",
    "resample",
    "rms_dbfs",
]
