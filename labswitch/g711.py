"""G.711: the two codecs that every phone and trunk of the hotline speaks.

Linear audio everywhere in the switch is 16-bit signed, native byte order, mono, 8,000 samples
per second; a frame is 20 ms of it.
"""

from __future__ import annotations

import audioop
from collections.abc import Callable
from dataclasses import dataclass

RATE = 8000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES
SILENT_FRAME = bytes(FRAME_BYTES)


@dataclass(frozen=True, slots=True)
class Codec:
    """One G.711 law. `payload_type` is the static number of RFC 3551 §6."""

    name: str
    payload_type: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    silence: bytes  # one frame


def _to_ulaw(linear: bytes) -> bytes:
    return audioop.lin2ulaw(linear, 2)


def _from_ulaw(payload: bytes) -> bytes:
    return audioop.ulaw2lin(payload, 2)


def _to_alaw(linear: bytes) -> bytes:
    return audioop.lin2alaw(linear, 2)


def _from_alaw(payload: bytes) -> bytes:
    return audioop.alaw2lin(payload, 2)


PCMU = Codec("PCMU", 0, _to_ulaw, _from_ulaw, b"\xff" * FRAME_SAMPLES)
PCMA = Codec("PCMA", 8, _to_alaw, _from_alaw, b"\xd5" * FRAME_SAMPLES)
BY_NAME = {codec.name: codec for codec in (PCMU, PCMA)}
BY_PAYLOAD_TYPE = {codec.payload_type: codec for codec in (PCMU, PCMA)}
