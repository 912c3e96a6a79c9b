"""The core install has no numpy, soxr or cffi: what does not need them works, what does says so."""

import subprocess
import sys

PROGRAM = """
import sys
for name in ("numpy", "soxr", "cffi", "av", "aiortc", "aioice"):
    sys.modules[name] = None  # makes an import of it fail, as if it were not installed
import antiphon.audio, antiphon.rtc
from antiphon.audio import open_decoder, open_encoder, rms_dbfs
from antiphon.audio.g711 import pcm_to_ulaw, ulaw_to_pcm
from antiphon.audio.opus import Encoder
from antiphon.errors import AntiphonError

assert open_decoder("audio/pcm").decode(b"abcd") == b"abcd"
assert open_encoder("audio/pcm").encode(b"abcd") == b"abcd"
assert ulaw_to_pcm(pcm_to_ulaw(bytes(4))) == bytes(4) and rms_dbfs(bytes(4)) == -100.0
for attempt in (lambda: open_decoder("audio/pcmu"), Encoder, antiphon.rtc.load_transport):
    try:
        attempt()
    except AntiphonError as error:
        print(error)
"""


def test_only_what_needs_the_extra_fails_and_says_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    wanted = (("numpy", "[local]"), ("cffi", "[local]"), ("aiortc", "[rtc]"))
    for line, (package, extra) in zip(lines, wanted, strict=True):
        assert package in line
        assert extra in line
