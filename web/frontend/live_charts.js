// The day by quarters of an hour: calls as bars, rates as lines with their targets.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const TARGETS = { level: 80, rate: 95 };

export class Charts {
  constructor(told) {
    this.told = told;
    this.calls = document.getElementById("chart-calls");
    this.rates = document.getElementById("chart-rates");
    this.plots = [];
    this.dark = document.body.classList.contains("wall");
    new ResizeObserver(() => this.resize()).observe(this.calls);
  }

  draw(quarters, queue) {
    const data = this.columns(quarters, queue);
    const { queued, answered, abandoned } = data.sums;
    const words = this.told.says.chart_told;
    this.calls.setAttribute(
      "aria-label",
      words.replace("{queued}", queued).replace("{answered}", answered).replace("{abandoned}", abandoned),
    );
    if (!this.plots.length) this.make(data);
    else {
      this.plots[0].setData(data.calls);
      this.plots[1].setData(data.rates);
    }
  }

  columns(quarters, queue) {
    const { day, quarter, now } = this.told;
    const cells = new Map();
    let last = Math.floor((now - day) / quarter);
    for (const [key, cell] of Object.entries(quarters)) {
      const dash = key.indexOf(":");
      if (key.slice(dash + 1) !== queue) continue;
      cells.set(Number(key.slice(0, dash)), cell);
      last = Math.max(last, Number(key.slice(0, dash)));
    }
    const first = Math.max(0, Math.min(...cells.keys(), last - 11));
    const times = [];
    const queued = [];
    const answered = [];
    const abandoned = [];
    const level = [];
    const rate = [];
    for (let place = first; place <= last; place += 1) {
      const [, entered = 0, settled = 0, taken = 0, quick = 0, gone = 0] = cells.get(place) ?? [];
      times.push(day + place * quarter);
      queued.push(entered);
      answered.push(taken);
      abandoned.push(gone || null); // no bar, not one of no height
      level.push(taken ? (100 * quick) / taken : null);
      rate.push(settled ? (100 * taken) / settled : null);
    }
    const sum = (list) => list.reduce((total, each) => total + each, 0);
    return {
      calls: [times, queued, answered, abandoned],
      rates: [times, level, rate],
      sums: { queued: sum(queued), answered: sum(answered), abandoned: sum(abandoned) },
    };
  }

  make({ calls, rates }) {
    const { says } = this.told;
    const bars = (width) => uPlot.paths.bars({ size: [width, 60], align: 1 });
    const blue = this.dark ? "#5ea2ef" : "#1a559f";
    const pale = this.dark ? "#32517c" : "#b9d2ef";
    const red = this.dark ? "#ff8d80" : "#a8201a";
    const green = this.dark ? "#6fd39b" : "#14713f";
    this.plots = [
      this.plot(this.calls, calls, [
        { label: says.chart_queued, fill: pale, stroke: pale, paths: bars(0.8), points: { show: false } },
        { label: says.chart_answered, fill: blue, stroke: blue, paths: bars(0.8), points: { show: false } },
        { label: says.chart_abandoned, fill: red, stroke: red, paths: bars(0.3), points: { show: false } },
      ], { y: { range: (_plot, _low, high) => [0, Math.max(5, Math.ceil(high * 1.1))] } }),
      this.plot(this.rates, rates, [
        { label: says.chart_level, stroke: blue, width: 2.5, points: { size: 5, fill: blue }, spanGaps: true },
        { label: says.chart_rate, stroke: green, width: 2.5, points: { size: 5, fill: green }, spanGaps: true },
      ], { y: { range: [0, 100] } }, [[TARGETS.level, blue], [TARGETS.rate, green]]),
    ];
  }

  plot(place, data, series, scales, lines = []) {
    const ink = this.dark ? "#d7e3f4" : "#46566b";
    const grid = { stroke: this.dark ? "#ffffff1f" : "#e8edf3", width: 1 };
    const font = `${this.dark ? 20 : 12}px ${getComputedStyle(document.body).fontFamily}`;
    const zone = (time) => uPlot.tzDate(new Date(time * 1e3), "Asia/Shanghai");
    const axis = { stroke: ink, grid, ticks: grid, font };
    const hour = (_plot, splits) => splits.map((time) => {
      const at = zone(time);
      return `${at.getHours()}:${String(at.getMinutes()).padStart(2, "0")}`;
    });
    const options = {
      ...this.size(place),
      tzDate: zone,
      // A quarter's bar begins at its time: the newest needs room behind it.
      scales: { x: { range: (_plot, first, last) => [first, last + this.told.quarter] }, ...scales },
      legend: { show: true, live: false },
      cursor: { show: false },
      series: [{}, ...series],
      axes: [
        { ...axis, values: hour, space: this.dark ? 90 : 55, size: this.dark ? 36 : 28 },
        { ...axis, size: this.dark ? 62 : 42, space: this.dark ? 48 : 30, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000] },
      ],
      hooks: { draw: [(plot) => targets(plot, lines)] },
    };
    place.replaceChildren();
    return new uPlot(options, data, place);
  }

  size(place) {
    const legend = this.dark ? 44 : 30;
    return { width: Math.max(200, place.clientWidth), height: Math.max(100, place.clientHeight - legend) };
  }

  resize() {
    this.plots[0]?.setSize(this.size(this.calls));
    this.plots[1]?.setSize(this.size(this.rates));
  }
}

function targets(plot, lines) {
  const { ctx } = plot;
  ctx.save();
  ctx.setLineDash([6, 6]);
  ctx.lineWidth = 1.5;
  for (const [value, colour] of lines) {
    const y = Math.round(plot.valToPos(value, "y", true));
    ctx.strokeStyle = colour;
    ctx.beginPath();
    ctx.moveTo(plot.bbox.left, y);
    ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}
