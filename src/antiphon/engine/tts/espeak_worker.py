"""The stand-alone program that loads espeak-ng. Not part of the server: it imports nothing of it, and is not imported.

espeak-ng is GPL-3.0. The server never loads it: it starts this file as a process of its own (`python espeak_worker.py`)
and the two talk over stdin and stdout. Only this program, while it runs, is a combination with GPL code. Keep it that
way: no import of `antiphon` here, and no import of this file or of `espeakng_loader` anywhere else.

Frames, both ways: one byte of kind, a 32-bit big-endian length, the payload.

    in   S  JSON {"job": n, "text": "…", "voices": ["en-us+f3"], "rate": 170, "gap": 0, "volume": 100, "pause": true}
            speak, with the first voice that this build knows; pause: add the pause that follows a clause
         C  JSON {"job": n}                             give that job up
    out  R  JSON {"rate": 22050, "version": "…", "voices": [["en-us", "en"], …]}  ready (once, first)
         M  JSON [[text_position, milliseconds], …]     words that begin in the audio that follows
         A  int16 little-endian mono PCM at `rate`
         E  empty                                       the job is over, or was given up
         X  JSON {"message": "…"}                       the job failed; nothing more comes of it

One job at a time, in order. Text positions are 0-based characters. stdin's end ends the process at once, whatever it is
doing, so the helper never outlives its server.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import struct
import sys
import threading
from typing import Any, BinaryIO

_HEADER = struct.Struct(">cI")
_CHUNK_MS = 60
_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_ENDPAUSE = 0x1000
_POSITION_CHARACTER = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_PARAMETER_RATE = 1
_PARAMETER_VOLUME = 2
_PARAMETER_WORD_GAP = 7


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Pipe:
    """stdout as frames, and what stdin asks for. The reading thread writes `given_up`; the main thread reads it."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self.jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.given_up = -1  # every job up to this number

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        try:
            self._sink.write(_HEADER.pack(kind, len(payload)) + payload)
            self._sink.flush()
        except BrokenPipeError:
            os._exit(0)  # the server is gone, and nobody is left to hear of it

    def send_json(self, kind: bytes, value: object) -> None:
        self.send(kind, json.dumps(value).encode())

    def read_for_ever(self) -> None:
        """The reading thread: it must see a cancel while the main thread is inside the library."""
        while True:
            header = self._source.read(_HEADER.size)
            if len(header) < _HEADER.size:
                os._exit(0)
            kind, length = _HEADER.unpack(header)
            payload = json.loads(self._source.read(length))
            if kind == b"S":
                self.jobs.put(payload)
            elif kind == b"C":
                self.given_up = max(self.given_up, payload["job"])


class _Library:
    """libespeak-ng: one global synthesiser. Only the main thread calls it."""

    def __init__(self, pipe: _Pipe) -> None:
        import espeakng_loader  # noqa: PLC0415 - what is missing is reported over the pipe, which must exist first

        self._pipe = pipe
        self._job = -1
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate = self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, _CHUNK_MS, data, _INITIALIZE_DONT_EXIT)
        if self.rate <= 0:
            raise OSError(f"espeak_Initialize failed with {self.rate}")
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_Info.restype = ctypes.c_char_p
        self._library.espeak_Synth.argtypes = (
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.POINTER(ctypes.c_uint),
            ctypes.c_void_p,
        )
        self._callback = _CALLBACK(self._on_audio)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    @property
    def version(self) -> str:
        return str(self._library.espeak_Info(None).decode("utf-8", "replace"))

    def voices(self) -> list[list[str]]:
        """The language names of each voice, most fitting first."""
        listed = self._library.espeak_ListVoices(None)
        found = []
        index = 0
        while listed[index]:
            found.append(_languages(listed[index].contents.languages))
            index += 1
        return found

    def speak(self, job: dict[str, Any]) -> None:
        self._job = job["job"]
        if self._pipe.given_up >= self._job:
            self._pipe.send(b"E")
            return
        # Some names in the library's own list are refused by it ("en-gb"), others of the same voice accepted ("en").
        code = next((0 for voice in job["voices"] if self._library.espeak_SetVoiceByName(voice.encode()) == 0), -1)
        if code == 0:
            self._library.espeak_SetParameter(_PARAMETER_VOLUME, job["volume"], 0)
            self._library.espeak_SetParameter(_PARAMETER_RATE, job["rate"], 0)
            self._library.espeak_SetParameter(_PARAMETER_WORD_GAP, job["gap"], 0)
            text = job["text"].encode()
            flags = _CHARS_UTF8 | (_ENDPAUSE if job["pause"] else 0)
            code = self._library.espeak_Synth(text, len(text) + 1, 0, _POSITION_CHARACTER, 0, flags, None, None)
        if code == 0:
            self._pipe.send(b"E")
        else:
            self._pipe.send_json(b"X", {"message": f"espeak-ng gave error {code} for {job['voices']}"})

    def _on_audio(self, samples: Any, count: int, events: Any) -> int:
        """Called inside espeak_Synth. Non-zero stops the synthesis. Must not raise: ctypes would only print it."""
        if self._pipe.given_up >= self._job:
            return 1
        marks = []
        index = 0
        while events[index].type != _EVENT_LIST_TERMINATED:
            if events[index].type == _EVENT_WORD:
                marks.append((events[index].text_position - 1, events[index].audio_position))
            index += 1
        if marks:
            self._pipe.send_json(b"M", marks)
        if samples and count > 0:
            self._pipe.send(b"A", ctypes.string_at(samples, count * 2))
        return 0


def _languages(address: int) -> list[str]:
    """Walk the list of (priority byte, NUL-terminated name) that ends with a zero byte."""
    names = []
    while ctypes.string_at(address, 1) != b"\0":
        name = ctypes.string_at(address + 1)
        names.append(name.decode("utf-8", "replace"))
        address += len(name) + 2
    return names


def main() -> None:
    # The library may print; what it prints must not land between two frames.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pipe = _Pipe(sys.stdin.buffer, sink)
    try:
        library = _Library(pipe)
    except (ImportError, OSError, RuntimeError) as error:
        pipe.send_json(b"X", {"message": f"{type(error).__name__}: {error}"})
        return
    pipe.send_json(b"R", {"rate": library.rate, "version": library.version, "voices": library.voices()})
    threading.Thread(target=pipe.read_for_ever, daemon=True).start()
    while True:
        library.speak(pipe.jobs.get())


if __name__ == "__main__":
    main()
