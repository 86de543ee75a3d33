// Alarms: a strip on the page and, for those who want it, a sound when a new one comes.

const KEY = "live.sound";

export class Alarms {
  constructor(told) {
    this.told = told;
    this.list = document.getElementById("alarms");
    this.known = null; // before the first news nothing is new
    this.button = document.getElementById("sound");
    this.on = localStorage.getItem(KEY) === "on";
    this.button?.addEventListener("click", () => {
      this.on = !this.on;
      localStorage.setItem(KEY, this.on ? "on" : "off");
      this.paint();
      if (this.on) this.beep(); // to hear how loud it is, and so that the browser allows it later
    });
    this.paint();
  }

  paint() {
    this.button?.setAttribute("aria-pressed", String(this.on));
  }

  show(alarms) {
    const text = JSON.stringify(alarms);
    if (text === this.text) return;
    this.text = text;
    this.list.replaceChildren(
      ...alarms.map((alarm) => {
        const item = document.createElement("li");
        item.className = `alarm alarm-${alarm.level}`;
        item.textContent = alarm.text;
        return item;
      }),
    );
    this.fit(alarms.length);
    const red = new Set(alarms.filter(({ level }) => level === "alarm").map(({ key }) => key));
    const fresh = this.known && [...red].some((key) => !this.known.has(key));
    this.known = red;
    if (fresh && this.on) this.beep();
  }

  // The wall has two lines for them: the gravest come first, the rest is counted.
  fit(count) {
    if (!document.body.classList.contains("wall") || !count) return;
    const line = this.list.firstElementChild.offsetHeight;
    const rest = document.createElement("li");
    rest.className = "alarm alarm-rest";
    for (let shown = count - 1; shown > 0 && this.list.offsetHeight > 2.5 * line; shown -= 1) {
      rest.remove();
      this.list.lastElementChild.remove();
      rest.textContent = this.told.says.more_alarms.replace("{n}", count - shown);
      this.list.append(rest);
    }
  }

  beep() {
    this.context ??= new AudioContext();
    const { context } = this;
    context.resume();
    for (const [at, hertz] of [[0, 880], [0.22, 660], [0.44, 880]]) {
      const tone = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: 0.12 });
      tone.connect(gain).connect(context.destination);
      tone.start(context.currentTime + at);
      tone.stop(context.currentTime + at + 0.18);
    }
  }
}
