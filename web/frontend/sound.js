// Level meters, a ring tone, and which microphone and speaker to use.

let context = null;
function sounds() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => null);
  return context;
}

// How loud a stream is, on a <meter> from 0 to 1.
export class Meter {
  constructor(element) {
    this.element = element;
  }

  listen(stream) {
    this.stop();
    this.source = sounds().createMediaStreamSource(stream);
    const analyser = sounds().createAnalyser();
    analyser.fftSize = 512;
    this.source.connect(analyser);
    const wave = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(wave);
      const power = wave.reduce((sum, each) => sum + each * each, 0) / wave.length;
      // -60 dB is silence, 0 dB is full: what an ear would call half is in the middle
      this.element.value = Math.max(0, Math.min(1, 1 + (10 * Math.log10(power || 1e-9)) / 60));
    }, 100);
  }

  stop() {
    clearInterval(this.timer);
    this.source?.disconnect();
    this.source = null;
    this.element.value = 0;
  }
}

// Two soft tones, one second on, three off.
export class Ringer {
  start() {
    this.stop();
    const ring = () => {
      const at = sounds().currentTime;
      const volume = sounds().createGain();
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.12, at + 0.05);
      volume.gain.setValueAtTime(0.12, at + 0.9);
      volume.gain.linearRampToValueAtTime(0, at + 1);
      volume.connect(sounds().destination);
      this.tones = [440, 480].map((pitch) => {
        const tone = sounds().createOscillator();
        tone.frequency.value = pitch;
        tone.connect(volume);
        tone.start(at);
        tone.stop(at + 1);
        return tone;
      });
    };
    ring();
    this.timer = setInterval(ring, 4_000);
  }

  stop() {
    clearInterval(this.timer);
    for (const tone of this.tones ?? []) tone.stop();
    this.tones = [];
  }
}

export const devices = {
  speak(audio, speaker) {
    if (audio.setSinkId) audio.setSinkId(speaker).catch(() => null);
  },
};

// Fill both lists with what is plugged in; what was chosen stays chosen, also the next day.
export async function fillDevices(mic, speaker) {
  const found = await navigator.mediaDevices.enumerateDevices();
  for (const [list, kind] of [[mic, "audioinput"], [speaker, "audiooutput"]]) {
    const key = `desk-phone:${kind}`;
    const chosen = list.value || localStorage.getItem(key) || "";
    const first = list.options[0]; // "the system's choice"
    const options = found
      .filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default")
      .map((device, place) => new Option(device.label || `${first.text} ${place + 1}`, device.deviceId));
    list.replaceChildren(first, ...options);
    list.value = options.some((option) => option.value === chosen) ? chosen : "";
    list.onchange ??= () => localStorage.setItem(key, list.value);
  }
}
