"""Opus through libopus: an encoder and a decoder for int16 mono or stereo PCM, and what a packet says about itself.

libopus is called through cffi in ABI mode (no compiler). The one inside PyAV's wheel is preferred: it is newer than
most systems', and it is there wherever `[local]` is installed. No RTP, no timing, no jitter: that is `rtc/`.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import sys
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from antiphon.errors import AntiphonError, StageUnavailable

RTP_CLOCK: Final = 48_000
"""Hz of Opus timestamps in RTP, whatever the rate of the audio (RFC 7587 section 4.1)."""

MAX_PACKET_MS: Final = 120
"""The longest packet that RFC 6716 allows (section 3.2.5)."""

MAX_PACKET_BYTES: Final = 1500

_MAX_FRAME_BYTES: Final = 1275

_FUNCTIONS: Final = """
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
const char *opus_get_version_string(void);
const char *opus_strerror(int error);
OpusEncoder *opus_encoder_create(int32_t Fs, int channels, int application, int *error);
int32_t opus_encode(OpusEncoder *st, const int16_t *pcm, int frame_size, unsigned char *data, int32_t max_data_bytes);
int opus_encoder_ctl(OpusEncoder *st, int request, ...);
void opus_encoder_destroy(OpusEncoder *st);
OpusDecoder *opus_decoder_create(int32_t Fs, int channels, int *error);
int opus_decode(OpusDecoder *st, const unsigned char *data, int32_t len, int16_t *pcm, int frame_size, int decode_fec);
int opus_decoder_ctl(OpusDecoder *st, int request, ...);
void opus_decoder_destroy(OpusDecoder *st);
"""

_SET_BITRATE: Final = 4002
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS: Final = 4014
_RESET_STATE: Final = 4028
_SET_LSB_DEPTH: Final = 4036

_SILK_MS: Final = (10, 20, 40, 60)
_HYBRID_MS: Final = (10, 20)
_CELT_MS: Final = (2.5, 5, 10, 20)


class OpusError(AntiphonError):
    """libopus refused: a packet that is none, or a setting it does not know."""


class Application(IntEnum):
    """What the encoder is tuned for (values of libopus).

    LOWDELAY never uses SILK: at 48 kbit/s it costs a third of VOIP's CPU for 20 ms of speech, and 2.5 ms less delay.
    """

    VOIP = 2048
    AUDIO = 2049
    LOWDELAY = 2051


class Encoder:
    """PCM to Opus packets, one stream. Belongs to one sender; not for two threads at once.

    sample_rate: 8000, 12000, 16000, 24000 or 48000 Hz. bitrate: bit/s. complexity: 0 to 10. expected_loss: percent;
    above zero, in-band FEC is switched on (which only SILK has, so only VOIP and AUDIO give it).
    Raises StageUnavailable without cffi or libopus, OpusError for a setting that libopus refuses.
    """

    def __init__(
        self,
        sample_rate: int = 24_000,
        channels: int = 1,
        *,
        application: Application = Application.LOWDELAY,
        bitrate: int = 48_000,
        complexity: int = 5,
        expected_loss: int = 0,
    ) -> None:
        self._ffi, self._lib = _load()
        self.sample_rate: Final = sample_rate
        self.channels: Final = channels
        error = self._ffi.new("int *")
        state = self._lib.opus_encoder_create(sample_rate, channels, int(application), error)
        _check(self._ffi, self._lib, error[0])
        self._state = self._ffi.gc(state, self._lib.opus_encoder_destroy)
        self._out = self._ffi.new("unsigned char[]", MAX_PACKET_BYTES)
        self._control(_SET_BITRATE, bitrate)
        self._control(_SET_COMPLEXITY, complexity)
        self._control(_SET_LSB_DEPTH, 16)  # so that what rounds to zero is taken for silence, and costs 3 bytes
        if expected_loss:
            self._control(_SET_INBAND_FEC, 1)
            self._control(_SET_PACKET_LOSS, expected_loss)

    def encode(self, pcm: bytes) -> bytes:
        """Encode one frame: int16, of 2.5, 5, 10, 20, 40 or 60 ms. Raises OpusError for another length."""
        samples, rest = divmod(len(pcm), 2 * self.channels)
        if rest:
            raise OpusError(f"{len(pcm)} bytes are not a whole number of samples")
        data = self._ffi.from_buffer("int16_t[]", pcm)
        length = self._lib.opus_encode(self._state, data, samples, self._out, MAX_PACKET_BYTES)
        _check(self._ffi, self._lib, length)
        return bytes(self._ffi.buffer(self._out, length))

    def reset(self) -> None:
        """Forget the stream so far, as if the encoder were new."""
        _check(self._ffi, self._lib, self._lib.opus_encoder_ctl(self._state, _RESET_STATE))

    def _control(self, request: int, value: int) -> None:
        _check(self._ffi, self._lib, self._lib.opus_encoder_ctl(self._state, request, self._ffi.cast("int", value)))


class Decoder:
    """Opus packets to PCM, one stream, at any of Opus' rates whatever the sender's. Belongs to one receiver.

    Raises StageUnavailable without cffi or libopus, OpusError for a rate that libopus does not know.
    """

    def __init__(self, sample_rate: int = 24_000, channels: int = 1) -> None:
        self._ffi, self._lib = _load()
        self.sample_rate: Final = sample_rate
        self.channels: Final = channels
        error = self._ffi.new("int *")
        state = self._lib.opus_decoder_create(sample_rate, channels, error)
        _check(self._ffi, self._lib, error[0])
        self._state = self._ffi.gc(state, self._lib.opus_decoder_destroy)
        self._capacity: Final = sample_rate * MAX_PACKET_MS // 1000
        self._out = self._ffi.new("int16_t[]", self._capacity * channels)

    def decode(self, packet: bytes) -> bytes:
        """Decode one packet to int16 PCM (2.5 to 120 ms). Raises OpusError for a packet that is none."""
        packet_duration_ms(packet)  # libopus takes an empty one for a loss, and long ones are none of RTP's
        return self._run(packet, self._capacity, fec=False)

    def conceal(self, duration_ms: float) -> bytes:
        """Invent PCM for a packet that was lost, continuing the sound; duration_ms: a multiple of 2.5, up to 120."""
        return self._run(None, self._frame(duration_ms), fec=False)

    def recover(self, following: bytes, duration_ms: float) -> bytes:
        """PCM of the lost packet just before `following`, from the copy that in-band FEC put into `following`.

        Where there is no copy, libopus conceals. `following` itself is to be decoded afterwards, as usual.
        """
        packet_duration_ms(following)
        return self._run(following, self._frame(duration_ms), fec=True)

    def reset(self) -> None:
        """Forget the stream so far, as if the decoder were new."""
        _check(self._ffi, self._lib, self._lib.opus_decoder_ctl(self._state, _RESET_STATE))

    def _frame(self, duration_ms: float) -> int:
        steps = duration_ms / 2.5
        if not steps.is_integer() or not 0 < duration_ms <= MAX_PACKET_MS:
            raise OpusError(f"{duration_ms} ms is not a duration of Opus: it is a multiple of 2.5, up to 120")
        return int(self.sample_rate * steps) // 400

    def _run(self, packet: bytes | None, frame: int, *, fec: bool) -> bytes:
        data, length = (self._ffi.NULL, 0) if packet is None else (self._ffi.from_buffer(packet), len(packet))
        samples = self._lib.opus_decode(self._state, data, length, self._out, frame, int(fec))
        _check(self._ffi, self._lib, samples)
        return bytes(self._ffi.buffer(self._out, samples * self.channels * 2))


def packet_duration_ms(packet: bytes) -> float:
    """How long a packet lasts, from its first two bytes (RFC 6716 section 3.1). Raises OpusError when it is not one."""
    if not packet:
        raise OpusError("an empty Opus packet")
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame_ms: float = _SILK_MS[configuration & 3]
    elif configuration < 16:
        frame_ms = _HYBRID_MS[configuration & 1]
    else:
        frame_ms = _CELT_MS[configuration & 3]
    if code == 3:
        if len(packet) < 2:
            raise OpusError("an Opus packet without its frame count")
        frames = packet[1] & 0x3F
    else:
        frames = (1, 2, 2)[code]
    duration = frame_ms * frames
    if frames == 0 or duration > MAX_PACKET_MS:
        raise OpusError(f"an Opus packet of {duration:g} ms: it lasts 2.5 to {MAX_PACKET_MS}")
    if len(packet) > frames * (_MAX_FRAME_BYTES + 2) + 2 + MAX_PACKET_BYTES:
        raise OpusError(f"an Opus packet of {len(packet)} bytes is too long")
    return duration


def library_version() -> str:
    """What libopus calls itself, such as "libopus 1.6.1". Raises StageUnavailable when there is none."""
    ffi, lib = _load()
    return str(ffi.string(lib.opus_get_version_string()).decode("ascii", "replace"))


def _check(ffi: Any, lib: Any, result: int) -> None:
    if result < 0:
        raise OpusError(f"libopus: {ffi.string(lib.opus_strerror(result)).decode('ascii', 'replace')}")


@cache
def _load() -> tuple[Any, Any]:
    try:
        from cffi import FFI  # noqa: PLC0415 -- only those who use Opus need it
    except ImportError as error:
        raise StageUnavailable("Opus needs the Python package cffi: install antiphon with its [local] extra") from error
    ffi = FFI()
    ffi.cdef(_FUNCTIONS)
    tried: list[str] = []
    for name in _library_names():
        try:
            lib = ffi.dlopen(name)
            lib.opus_get_version_string()
        except (OSError, AttributeError) as error:
            tried.append(f"{name} ({error})")
        else:
            return ffi, lib
    raise StageUnavailable(
        "no libopus was found: install antiphon with its [local] extra (PyAV brings one), or the system's libopus "
        f"(Debian: libopus0, macOS: brew install opus). Tried: {'; '.join(tried) or 'nothing'}"
    )


def _library_names() -> Iterator[str]:
    """Where a libopus may be: PyAV's wheel (Linux `av.libs`, macOS `av/.dylibs`), then the system's."""
    try:
        found = importlib.util.find_spec("av")  # finds the folder; PyAV itself is not imported
    except ValueError:  # it was blocked from being imported
        found = None
    for folder in (found.submodule_search_locations or []) if found else []:
        package = Path(folder)
        for pattern in ("../av.libs/libopus-*.so*", ".dylibs/libopus*.dylib", "../av.libs/*opus*.dll"):
            yield from (str(path.resolve()) for path in sorted(package.glob(pattern)) if "opusfile" not in path.name)
    if system := ctypes.util.find_library("opus"):
        yield system
    if sys.platform == "darwin":
        yield from ("/opt/homebrew/lib/libopus.dylib", "/usr/local/lib/libopus.dylib")
    else:
        yield "libopus.so.0"
