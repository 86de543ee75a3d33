"""WAV files: read whatever prompts and music come in, write 16-bit recordings."""

from __future__ import annotations

import audioop
import struct
from dataclasses import dataclass
from pathlib import Path

from labswitch.g711 import RATE

HEADER_BYTES = 44
MAX_BYTES = 512 * 1024 * 1024

_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE


class BadWav(ValueError):
    """The file isn't a WAV that the switch can play; the text says why."""


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    rate: int
    bits: int


def header(data_bytes: int, channels: int, rate: int = RATE) -> bytes:
    """The 44 bytes in front of `data_bytes` of 16-bit PCM."""
    block = 2 * channels
    riff = min(data_bytes + HEADER_BYTES - 8, 0xFFFFFFFF)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff, b"WAVE"),
        *(b"fmt ", 16, _PCM, channels, rate, rate * block, block, 16),
        *(b"data", min(data_bytes, 0xFFFFFFFF)),
    )


def read(path: str | Path) -> bytes:
    """The file's sound as linear mono at 8 kHz.

    Takes 8-, 16- and 24-bit PCM, A-law and µ-law; one or two channels (mixed); any rate from 4 to
    192 kHz. A file cut short, or whose header was never finished, gives what is there.
    Raises BadWav, and OSError when it can't be read.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise BadWav(f"{path}: larger than {MAX_BYTES >> 20} MiB")
    try:
        return _decode(path.read_bytes())
    except BadWav as error:
        raise BadWav(f"{path}: {error}") from None


def _decode(content: bytes) -> bytes:
    form, data = _chunks(content)
    linear, width = _linear(form, data)
    if form.channels == 2:
        linear = audioop.tomono(linear, width, 0.5, 0.5)
    if form.rate != RATE:
        linear, _ = audioop.ratecv(linear, width, 1, form.rate, RATE, None)
    return audioop.lin2lin(linear, width, 2) if width != 2 else linear


def _linear(form: _Format, data: bytes) -> tuple[bytes, int]:
    """Linear samples and their width in bytes, channels still interleaved."""
    if form.tag in (_ALAW, _ULAW):
        data = data[: len(data) - len(data) % form.channels]
        return (audioop.alaw2lin if form.tag == _ALAW else audioop.ulaw2lin)(data, 2), 2
    width = form.bits // 8
    data = data[: len(data) - len(data) % (width * form.channels)]
    return (audioop.bias(data, 1, -128), 1) if width == 1 else (data, width)


def _chunks(content: bytes) -> tuple[_Format, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise BadWav("not a RIFF/WAVE file")
    form: _Format | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"fmt ":
            form = _format(content[at : at + size])
        elif name == b"data":
            if form is None:
                raise BadWav("data before its format")
            return form, content[at:] if size in (0, 0xFFFFFFFF) else content[at : at + size]
        at += size + size % 2
    raise BadWav("no sound in it")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise BadWav("format chunk too short")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    if (tag, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_ALAW, 8), (_ULAW, 8)}:
        raise BadWav(f"format {tag} with {bits} bits is not supported")
    if channels not in (1, 2):
        raise BadWav(f"{channels} channels")
    if not 4000 <= rate <= 192000:
        raise BadWav(f"{rate} samples per second")
    return _Format(tag, channels, rate, bits)
