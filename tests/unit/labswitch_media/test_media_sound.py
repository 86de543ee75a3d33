"""Files, tones, sources and mixing, without any network."""

from __future__ import annotations

import audioop
import contextlib
import math
import os
import struct
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labswitch import g711, tones, wav
from labswitch.lag import LagStats
from labswitch.mixer import mix_minus
from labswitch.sources import (
    LocalStream,
    Loop,
    Pcm,
    Sequence,
    Silence,
    Source,
    Tone,
    UnknownStream,
    WavFile,
    register_local_stream,
)


def sine(frequency: float, samples: int, rate: int = 8000) -> bytes:
    wave_form = (round(8000 * math.sin(2 * math.pi * frequency * n / rate)) for n in range(samples))
    return array("h", wave_form).tobytes()


def level(linear: bytes, frequency: float) -> float:
    samples = array("h", linear)
    parts = [
        sum(s * f(2 * math.pi * frequency * n / 8000) for n, s in enumerate(samples))
        for f in (math.sin, math.cos)
    ]
    return 2 * math.hypot(*parts) / len(samples)


def everything(source: Source, piece: int = 320) -> bytes:
    out = b""
    while data := source.read(piece):
        out += data
    return out


def riff(tag: int, channels: int, rate: int, bits: int, data: bytes, size: int = -1) -> bytes:
    form = struct.pack("<HHIIHH", tag, channels, rate, rate, bits // 8 * channels, bits)
    size = len(data) if size < 0 else size
    chunks = b"LIST\x03\0\0\0abc\0" + b"fmt \x10\0\0\0" + form
    return b"RIFF\0\0\0\0WAVE" + chunks + b"data" + size.to_bytes(4, "little") + data


# --- WAV --------------------------------------------------------------------------------------


def test_a_telephone_wav_is_read_to_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound = sine(440, 1234)
    path.write_bytes(wav.header(len(sound), 1) + sound)
    assert wav.read(path) == sound
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8000, 1234)


@pytest.mark.parametrize("rate", [16000, 48000, 22050])
def test_other_rates_keep_pitch_and_length(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(1, 1, rate, 16, sine(440, rate, rate)))
    sound = wav.read(path)
    assert abs(len(sound) // 2 - 8000) <= 2
    assert level(sound, 440) == pytest.approx(8000, rel=0.05)


@pytest.mark.parametrize(
    ("tag", "bits", "convert"),
    [
        (7, 8, lambda linear: audioop.lin2ulaw(linear, 2)),
        (6, 8, lambda linear: audioop.lin2alaw(linear, 2)),
        (1, 8, lambda linear: audioop.bias(audioop.lin2lin(linear, 2, 1), 1, 128)),
        (1, 24, lambda linear: audioop.lin2lin(linear, 2, 3)),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_other_encodings_are_read(
    tmp_path: Path, tag: int, bits: int, convert: object, channels: int
) -> None:
    path, sound = tmp_path / "a.wav", sine(440, 4000)
    source = sound if channels == 1 else audioop.tostereo(sound, 2, 1, 1)
    path.write_bytes(riff(tag, channels, 8000, bits, convert(source)))  # type: ignore[operator]
    read = wav.read(path)
    assert len(read) == len(sound)
    assert level(read, 440) == pytest.approx(8000, rel=0.05)


def test_a_file_whose_header_was_never_finished_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for size in (0, 0xFFFFFFFF, 10_000_000):
        path.write_bytes(riff(1, 1, 8000, 16, b"\1\0" * 100, size) + b"\7")
        assert wav.read(path) == b"\1\0" * 100


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    for start in (b"", b"RIFF\0\0\0\0WAVE", riff(1, 1, 8000, 16, b"")[:-8]):
        with contextlib.suppress(wav.BadWav):
            assert len(wav._decode(start + content)) % 2 == 0


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"ID3")
    with pytest.raises(wav.BadWav, match=r"bad\.wav: not a RIFF"):
        WavFile(tmp_path / "bad.wav")


# --- sources ----------------------------------------------------------------------------------


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for content in (b"\1\0" * 50, b"\2\0" * 60):
        path.write_bytes(wav.header(len(content), 1) + content)
        os.utime(path, ns=(1, len(content)))
        assert everything(WavFile(path)) == content
        assert everything(WavFile(path)) == content


@given(
    st.lists(st.binary(max_size=400).map(lambda b: b[: len(b) // 2 * 2]), max_size=6),
    st.integers(1, 200).map(lambda n: 2 * n),
)
def test_a_sequence_is_its_parts_without_gap(parts: list[bytes], piece: int) -> None:
    source = Sequence([Pcm(part) for part in parts])
    for _ in range(2):
        assert everything(source, piece) == b"".join(parts)
        source.rewind()


def test_a_sequence_reads_whole_pieces_until_its_end() -> None:
    source = Sequence([Pcm(bytes(100)), Silence(5), Pcm(bytes(1000))])
    assert len(source.read(320)) == 320


def test_a_loop_has_no_gap_and_counts() -> None:
    assert everything(Loop(Pcm(b"abcdef"), 3), 4) == b"abcdef" * 3
    endless = Loop(Pcm(b"abcdef"))
    assert b"".join(endless.read(4) for _ in range(9)) == b"abcdef" * 6
    assert Loop(Pcm(b"")).read(320) == b""


def test_silence_has_its_length() -> None:
    assert len(everything(Silence(250))) == 4000
    assert Silence().read(320) == bytes(320)
    assert everything(Silence(-5)) == b""


def test_local_streams_are_joined_where_they_are(tmp_path: Path) -> None:
    path, sound = tmp_path / "a.wav", sine(440, 777)
    path.write_bytes(wav.header(len(sound), 1) + sound)
    register_local_stream("unit", [path, path])
    stream = LocalStream("unit")
    assert stream.read(4 * len(sound)) in sound * 8
    assert "unit" in LocalStream.names()
    with pytest.raises(UnknownStream):
        LocalStream("none")
    with pytest.raises(ValueError):
        register_local_stream("empty", [])


# --- tones ------------------------------------------------------------------------------------


def test_a_tone_has_its_frequencies_and_pause() -> None:
    sound = everything(Tone("%(500,250,350,440)"))
    assert len(sound) == 2 * 6000
    assert level(sound[:8000], 350) == pytest.approx(level(sound[:8000], 440), rel=0.05)
    assert level(sound[:8000], 350) > 4000
    assert not any(sound[8000:])


def test_levels_and_repeats() -> None:
    quiet, usual = everything(Tone("v=-27;%(100,0,440)")), everything(Tone("v=-7;%(100,0,440)"))
    assert audioop.max(usual, 2) == pytest.approx(10 * audioop.max(quiet, 2), rel=0.02)
    assert len(everything(Tone("l=2;%(100,100,440);L=3"))) == 2 * 1600 * 2 * 3
    assert len(everything(Tone("%(100,0,440);loops=2"))) == 2 * 800 * 2
    assert len(Tone("%(100,0,440);loops=-1").read(100_000)) == 100_000


@pytest.mark.parametrize(
    "spec",
    ["", "hello", "%(100,0)", "%(1,2,3", "%(9999999,0,440)", "%(100,0,1.2.3)", "l=99999;%(99,0,4)"],
)
def test_bad_tones(spec: str) -> None:
    with pytest.raises(tones.BadTone):
        Tone(spec)


# --- mixing -----------------------------------------------------------------------------------


@given(st.lists(st.none() | st.integers(-6000, 6000), max_size=5), st.integers(-100, 100))
def test_everyone_hears_the_sum_of_the_others(voices: list[int | None], extra: int) -> None:
    def sound(value: int | None) -> bytes | None:
        return None if value is None else array("h", [value] * 160).tobytes()

    mixed = mix_minus([sound(voice) for voice in voices], sound(extra))
    assert len(mixed) == len(voices)
    for at, frame in enumerate(mixed):
        others = [voice or 0 for n, voice in enumerate(voices) if n != at]
        assert frame == sound(sum(others) + extra)


def test_a_loud_mix_is_held_at_full_scale() -> None:
    loud = array("h", [30000] * 160).tobytes()
    assert mix_minus([None, loud, loud])[0] == array("h", [32767] * 160).tobytes()


def test_silence_of_both_laws_is_silent() -> None:
    for codec in (g711.PCMA, g711.PCMU):
        assert audioop.max(codec.decode(codec.silence), 2) <= 8
        assert len(codec.silence) == 160


# --- lag --------------------------------------------------------------------------------------


def test_quantiles_of_lag() -> None:
    lag = LagStats()
    assert (lag.p50, lag.p99, lag.max) == (0.0, 0.0, 0.0)
    for n in range(100):
        lag.add(n / 1000)
    lag.add(5.0)
    assert lag.p50 == pytest.approx(0.050, abs=0.0011)
    assert lag.p99 == pytest.approx(0.099, abs=0.0011)
    assert lag.max == 5.0
    lag.reset()
    assert lag.count == 0
