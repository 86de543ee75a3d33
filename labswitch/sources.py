"""Where sound comes from: files, silence, tones, music that everyone hears at the same place.

A source gives linear audio (16-bit, 8 kHz, mono) by the byte, as much as it is asked for, and
b"" when it is over. Sources of files read the file when they are made, off the event loop.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence as Many
from pathlib import Path

import gevent

from labswitch import tones, wav
from labswitch.g711 import RATE

_CACHE_BYTES = 64 * 1024 * 1024


class UnknownStream(LookupError):
    """No local stream of that name was registered."""


class Source(ABC):
    """Sound that can be read once from its beginning; `rewind` starts it again."""

    @abstractmethod
    def read(self, size: int) -> bytes:
        """Up to `size` bytes of linear audio; fewer only at the end, b"" after it."""

    @abstractmethod
    def rewind(self) -> None:
        """Go back to the beginning."""


class Pcm(Source):
    """Sound held in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def rewind(self) -> None:
        self._at = 0


class WavFile(Pcm):
    """A WAV file, whatever its rate and law. Raises OSError and `wav.BadWav`."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(_files.load(Path(path)))
        self.path = Path(path)


class Silence(Source):
    """`ms` of silence; None is for ever."""

    def __init__(self, ms: int | None = None) -> None:
        self._bytes = None if ms is None else 2 * (max(0, ms) * RATE // 1000)
        self._left = self._bytes

    def read(self, size: int) -> bytes:
        if self._left is None:
            return bytes(size)
        size = min(size, self._left)
        self._left -= size
        return bytes(size)

    def rewind(self) -> None:
        self._left = self._bytes


class Loop(Source):
    """Another source again and again, without a gap; `times` None is for ever."""

    def __init__(self, source: Source, times: int | None = None) -> None:
        self._source = source
        self._times = self._left = times

    def read(self, size: int) -> bytes:
        out = b""
        fruitless = 0
        while len(out) < size and self._left != 0 and fruitless < 2:
            piece = self._source.read(size - len(out))
            out += piece
            fruitless = 0 if piece else fruitless + 1
            if len(out) < size:
                self._again()
        return out

    def _again(self) -> None:
        if self._left is not None:
            self._left -= 1
        if self._left != 0:
            self._source.rewind()

    def rewind(self) -> None:
        self._left = self._times
        self._source.rewind()


class Tone(Loop):
    """A tone script (see `labswitch.tones`). Raises `tones.BadTone`."""

    def __init__(self, spec: str) -> None:
        script = tones.parse(spec)
        super().__init__(Pcm(script.pcm), script.loops)


class Sequence(Source):
    """One source after the other without a gap (`file_string://a!b`)."""

    def __init__(self, sources: Many[Source]) -> None:
        self._sources = list(sources)
        self._current = 0

    def read(self, size: int) -> bytes:
        out = b""
        while len(out) < size and self._current < len(self._sources):
            piece = self._sources[self._current].read(size - len(out))
            out += piece
            if len(out) < size:
                self._current += 1
        return out

    def rewind(self) -> None:
        self._current = 0
        for source in self._sources:
            source.rewind()


class LocalStream(Source):
    """Endless music on hold: all listeners hear the same place of it, as in FreeSWITCH.

    Raises UnknownStream if `register_local_stream` hasn't named it.
    """

    _streams: dict[str, bytes] = {}
    _EPOCH = time.monotonic()

    def __init__(self, name: str) -> None:
        try:
            self._data = self._streams[name]
        except KeyError:
            raise UnknownStream(name) from None
        self._at = 0
        self.rewind()

    def read(self, size: int) -> bytes:
        out = self._data[self._at : self._at + size]
        while len(out) < size:
            out += self._data[: size - len(out)]
        self._at = (self._at + size) % len(self._data)
        return out

    def rewind(self) -> None:
        """Join where the music is now, not at its beginning."""
        played = 2 * int((time.monotonic() - self._EPOCH) * RATE)
        self._at = played % len(self._data)

    @classmethod
    def names(cls) -> list[str]:
        return sorted(cls._streams)


def register_local_stream(name: str, paths: Many[str | Path]) -> None:
    """Make `local_stream://name` of these WAV files, one after the other.

    Raises OSError and `wav.BadWav`; ValueError if there is no sound in them.
    """
    data = b"".join(_files.load(Path(path)) for path in paths)
    if not data:
        raise ValueError(f"no music for local stream {name!r}")
    LocalStream._streams[name] = data


class _FileCache:
    """Decoded files, the most recently used up to 64 MiB; a changed file is read again."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()
        self._bytes = 0

    def load(self, path: Path) -> bytes:
        stat = path.stat()
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        data: bytes = gevent.get_hub().threadpool.apply(wav.read, (path,))
        if key not in self._entries and len(data) <= _CACHE_BYTES // 4:
            self._entries[key] = data
            self._bytes += len(data)
        while self._bytes > _CACHE_BYTES:
            self._bytes -= len(self._entries.popitem(last=False)[1])
        return data


_files = _FileCache()
