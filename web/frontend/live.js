// The live page and the wall: drawn by the server once, then kept current by the board's
// differences. Every part of the page is changed in place; nothing is fetched anew.

import { Alarms } from "./live_alarms.js";
import { Charts } from "./live_charts.js";
import { drawAgent, drawLateness, drawLine, drawQueue, drawTile, filled, waitLevel } from "./live_parts.js";

const page = document.getElementById("live");
if (page) start();

function start() {
  const told = JSON.parse(page.dataset.told);
  const sections = {};
  const tiles = new Map();
  const group = document.getElementById("group");
  const search = document.getElementById("search");
  const alarms = new Alarms(told);
  const charts = new Charts(told);
  let onlyState = "";
  let drawing = false;
  let chartsWait = null;

  const section = (name) => (sections[name] ??= {});
  const queue = () => (group?.value.startsWith("queue:") ? group.value.slice(6) : told.all);

  // --- what comes in ----------------------------------------------------------------------------

  document.body.addEventListener("cc:board", ({ detail }) => {
    const { whole, ...fresh } = detail;
    if (whole) for (const name of Object.keys(sections)) delete sections[name];
    for (const [name, values] of Object.entries(fresh)) {
      for (const [key, value] of Object.entries(values)) {
        if (value === null) delete section(name)[key];
        else section(name)[key] = value;
      }
    }
    draw(whole ? sections : fresh, whole);
  });
  document.body.addEventListener("cc:words", ({ detail }) => {
    for (const [key, tile] of Object.entries(detail.tiles)) tiles.set(key, tile);
    drawTiles();
    alarms.show(detail.alarms);
  });
  document.body.addEventListener("cc:stale", () => stale("redis"));

  // --- drawing ----------------------------------------------------------------------------------

  function draw(fresh, whole) {
    for (const number of Object.keys(fresh.agents ?? {})) agent(number);
    for (const number of Object.keys(fresh.days ?? {})) agent(number);
    if (fresh.supervising) heard();
    if (whole) for (const row of document.querySelectorAll("#queues tbody tr")) {
      if (!section("queues")[row.dataset.queue]) row.remove();
    }
    for (const name of Object.keys(fresh.queues ?? {})) {
      drawQueue(name, section("queues")[name], told);
    }
    if (fresh.lines || fresh.callers || fresh.queues) later();
    if (fresh.agents) later();
    if (fresh.system) system(fresh.system);
    if (fresh.quarters || whole) soonCharts();
  }

  function agent(number) {
    drawAgent(number, section("agents")[number], section("days")[number], told);
  }

  function heard() {
    const listening = new Map();
    for (const each of Object.values(section("supervising"))) listening.set(each.agent, each);
    for (const place of document.querySelectorAll("[data-is=heard]")) {
      const each = listening.get(place.closest(".agent").dataset.number);
      place.textContent = each ? `${told.modes[each.mode] ?? each.mode} ${each.by ?? ""}` : "";
    }
  }

  function system(fresh) {
    if ("stale" in fresh) stale(section("system").stale ? "controller" : "");
    if ("nuisance" in fresh) document.body.dispatchEvent(new CustomEvent("cc:nuisance"));
  }

  function stale(why) {
    const notice = document.getElementById("live-stale");
    notice.hidden = !why;
    page.classList.toggle("is-stale", Boolean(why));
    if (why) notice.lastElementChild.textContent = notice.lastElementChild.dataset[why];
  }

  // Counting and the line are done once per frame, however many agents changed.
  function later() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      filter();
      wall();
      drawLine(section("lines"), section("callers"), queue(), told);
    });
  }

  function soonCharts() {
    chartsWait ??= setTimeout(() => {
      chartsWait = null;
      charts.draw(section("quarters"), queue());
    }, 50);
  }

  function drawTiles() {
    for (const place of document.querySelectorAll("[data-tile]")) {
      const name = place.dataset.tile;
      const tile = tiles.get(`${name}:${queue()}`);
      place.hidden = !tile;
      if (tile) drawTile(place, tile);
    }
    for (const row of document.querySelectorAll("#queues tbody tr")) {
      for (const name of ["connection_rate", "service_level", "abandoned", "wait_estimate_error"]) {
        const tile = tiles.get(`${name}:${row.dataset.queue}`);
        const cell = row.querySelector(`[data-is=${name}]`);
        if (!tile || !cell) continue;
        if (cell.textContent !== tile.value) cell.textContent = tile.value;
        cell.title = tile.explained;
        cell.classList.toggle("text-warn", tile.tone === "warn");
      }
    }
  }

  function wall() {
    const waiting = document.getElementById("wall-waiting");
    if (!waiting) return;
    const queues = Object.values(section("queues"));
    waiting.textContent = queues.reduce((sum, each) => sum + each.waiting, 0);
    const since = queues.filter((each) => each.since).map((each) => each.since);
    const longest = document.getElementById("wall-longest");
    if (!since.length) longest.textContent = "–";
    else {
      const oldest = String(Math.min(...since));
      const timer = longest.querySelector("time") ?? longest.replaceChildren() ?? null;
      const clock = timer ?? longest.appendChild(filled("time", "timer num", "0:00"));
      clock.dataset.since = oldest;
    }
  }

  // Time alone makes a wait too long: no news come of that.
  function late() {
    const found = new Set();
    for (const row of document.querySelectorAll("#queues tbody tr")) {
      const queue = section("queues")[row.dataset.queue];
      const level = queue ? waitLevel(row.dataset.queue, queue, told) : "";
      drawLateness(row.querySelector("[data-is=longest]"), level, told);
      found.add(level);
    }
    const all = document.getElementById("wall-longest");
    if (all) drawLateness(all, ["alarm", "warn"].find((level) => found.has(level)) ?? "", told);
  }
  setInterval(late, 500);

  // --- choosing ---------------------------------------------------------------------------------

  function filter() {
    const [kind, name] = (group?.value ?? "").split(":");
    const text = (search?.value ?? "").trim().toLowerCase();
    const counts = new Map();
    let shown = 0;
    for (const card of document.querySelectorAll("#agents > .agent")) {
      const { number, queues, skills, state } = card.dataset;
      const mine = !kind || (kind === "queue" ? queues : skills).split(" ").includes(name);
      if (mine) counts.set(state, (counts.get(state) ?? 0) + 1);
      const found = !text || number.includes(text) || card.dataset.name.toLowerCase().includes(text);
      const visible = mine && found && (!onlyState || state === onlyState);
      if (card.hidden === visible) card.hidden = !visible;
      shown += visible;
    }
    if (!document.getElementById("agents")) {
      for (const each of Object.values(section("agents"))) {
        counts.set(each.s, (counts.get(each.s) ?? 0) + 1);
      }
    }
    for (const chip of document.querySelectorAll("#chips [data-state]")) {
      const count = String(counts.get(chip.dataset.state) ?? 0);
      const place = chip.querySelector("b");
      if (place.textContent !== count) place.textContent = count;
    }
    const total = document.getElementById("agent-count");
    if (total) total.textContent = shown;
    const empty = document.getElementById("agents-empty");
    if (empty) empty.hidden = shown > 0;
    for (const row of document.querySelectorAll("#queues tbody tr")) {
      row.hidden = kind === "queue" && row.dataset.queue !== name;
    }
  }

  group?.addEventListener("change", () => {
    const url = new URL(location.href);
    if (group.value) url.searchParams.set("group", group.value);
    else url.searchParams.delete("group");
    history.replaceState(null, "", url);
    chosen();
  });
  search?.addEventListener("input", later);
  document.getElementById("chips")?.addEventListener("click", ({ target }) => {
    const chip = target.closest("button");
    if (!chip) return;
    onlyState = onlyState === chip.dataset.state ? "" : chip.dataset.state;
    for (const each of chip.parentElement.children) {
      each.setAttribute("aria-pressed", String(each.dataset.state === onlyState));
    }
    later();
  });
  function chosen() {
    later();
    drawTiles();
    soonCharts();
  }
  if (group) {
    const wanted = new URL(location.href).searchParams.get("group") ?? "";
    if ([...group.options].some((option) => option.value === wanted)) group.value = wanted;
  }

  // --- the dialog -------------------------------------------------------------------------------

  const dialog = document.getElementById("act");
  document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "act-body" && !dialog.open) dialog.showModal();
  });
  dialog?.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-close]")) dialog.close();
  });
  document.body.addEventListener("live-done", () => {
    for (const form of dialog?.querySelectorAll("details[open] form") ?? []) form.reset();
  });

  const clock = document.getElementById("wall-clock");
  if (clock) {
    const ahead = told.now * 1000 - Date.now();
    const tick = () => {
      const now = new Date(Date.now() + ahead);
      clock.textContent = now.toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });
    };
    tick();
    setInterval(tick, 1000);
  }
}
