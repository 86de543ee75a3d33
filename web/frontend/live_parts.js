// One agent's card, one queue's row, the line of those who wait, one figure: each drawn in place.

import { serverNow } from "./timers.js";

export function filled(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

export function duration(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function drawAgent(number, agent, day, told) {
  const card = document.getElementById(`agent-${number}`) ?? newCard(number);
  if (!card) return;
  const now = agent ?? { s: "logged_out", r: "", t: null, c: null, p: null, q: [], k: [] };
  const is = (name) => card.querySelector(`[data-is=${name}]`);
  if (card.dataset.state !== now.s) {
    card.classList.remove(`state-${card.dataset.state}`);
    card.classList.add(`state-${now.s}`);
    card.dataset.state = now.s;
  }
  card.dataset.queues = now.q.join(" ");
  card.dataset.skills = now.k.join(" ");
  write(is("state"), told.states[now.s] ?? now.s);
  const reason = now.s === "not_ready" ? ` · ${told.reasons[now.r] ?? now.r}` : "";
  write(is("reason"), reason);
  const timer = card.querySelector("time");
  timer.hidden = !now.t || now.s === "logged_out";
  if (now.t) timer.dataset.since = now.t;
  const call = is("call");
  call.hidden = !now.c;
  if (now.c) call.href = `/calls/${encodeURIComponent(now.c)}`;
  card.querySelector(".agent-phone").hidden = now.p !== false || now.s === "logged_out";
  if (day) {
    const [calls, handling, occupancy] = day;
    const parts = [told.says.calls.replace("{n}", calls)];
    if (handling !== null) parts.push(told.says.handling.replace("{n}", duration(handling)));
    if (occupancy !== null) parts.push(told.says.occupancy.replace("{n}", occupancy));
    write(is("day"), parts.join(" · "));
  }
}

// An agent who was added since the page was opened: a card like another, without a name.
function newCard(number) {
  const list = document.getElementById("agents");
  const like = list?.querySelector(".agent");
  if (!like) return null;
  const card = like.cloneNode(true);
  card.id = `agent-${number}`;
  Object.assign(card.dataset, { number, name: "" });
  card.querySelector(".agent-who b").textContent = number;
  card.querySelector(".agent-who bdi").textContent = "";
  card.querySelector(".agent-act")?.remove();
  card.querySelector("[data-is=day]").textContent = "";
  const next = [...list.children].find((each) => each.dataset.number > number);
  list.insertBefore(card, next ?? null);
  return card;
}

export function drawQueue(name, queue, told) {
  const body = document.querySelector("#queues tbody");
  let row = [...body.rows].find((each) => each.dataset.queue === name);
  if (!queue) {
    row?.remove();
    return;
  }
  row ??= newRow(body, name, told);
  const is = (part) => row.querySelector(`[data-is=${part}]`);
  write(is("waiting"), String(queue.waiting));
  write(is("estimate"), queue.estimate === null ? "–" : duration(queue.estimate));
  write(is("ready"), `${queue.ready}/${queue.work}`);
  const longest = is("longest");
  const timer = longest.querySelector("time");
  if (!queue.since) longest.textContent = "–";
  else if (timer) timer.dataset.since = queue.since;
  else longest.replaceChildren(clock(queue.since));
  const head = row.cells[0];
  const badge = head.querySelector(".badge-tone");
  if (queue.closed && !badge) head.append(" ", filled("span", "badge-tone tone-quiet", told.says.closed));
  else if (!queue.closed) badge?.remove();
  drawLateness(longest, waitLevel(name, queue, told), told);
}

const LATE = { warn: "is-late", alarm: "is-too-late" };

// "warn", "alarm" or "": what the wait of a queue's first comes to by the queue's limits.
export function waitLevel(name, queue, told) {
  const limits = told.wait[name] ?? told.wait[""];
  const waited = queue.since ? serverNow() - queue.since : -1;
  return ["alarm", "warn"].find((level) => limits[level] !== null && waited >= limits[level]) ?? "";
}

// Told by colour, by shape and in words.
export function drawLateness(place, level, told) {
  if ((place.dataset.late ?? "") === level) return;
  place.dataset.late = level;
  for (const [name, className] of Object.entries(LATE)) place.classList.toggle(className, name === level);
  place.title = level ? told.says[`wait_${level}`] : "";
  place.querySelector(".late-words")?.remove();
  if (level) place.append(filled("span", "late-words visually-hidden", told.says[`wait_${level}`]));
}

function clock(since) {
  const timer = filled("time", "timer num", "0:00");
  timer.dataset.since = since;
  return timer;
}

const LATER = new Set(["estimate", "wait_estimate_error", "abandoned"]);  // not on the wall

function newRow(body, name, told) {
  const row = body.insertRow();
  row.dataset.queue = name;
  const head = filled("th", "", told.queues[name] ?? name);
  head.scope = "row";
  row.append(head);
  for (const part of ["waiting", "longest", "estimate", "wait_estimate_error", "ready", "connection_rate", "service_level", "abandoned"]) {
    const cell = row.insertCell();
    cell.className = "num end big";
    cell.dataset.is = part;
    if (LATER.has(part)) cell.dataset.col = part;
    cell.textContent = "–";
  }
  document.getElementById("queues-empty").hidden = true;
  return row;
}

const MOST = 12;

export function drawLine(lines, callers, onlyQueue, told) {
  const list = document.getElementById("line");
  if (!list) return;
  const waiting = Object.entries(lines)
    .filter(([queue]) => !onlyQueue || queue === onlyQueue)
    .flatMap(([queue, line]) => line.map((each) => ({ queue, each })))
    .sort((a, b) => a.each[1] - b.each[1]);
  document.getElementById("line-count").textContent = waiting.length;
  const wanted = waiting.slice(0, MOST);
  const keep = new Set(wanted.map(({ each }) => each[0]));
  for (const old of [...list.children]) if (!keep.has(old.dataset.call)) old.remove();
  wanted.forEach(({ queue, each: [call, since, priority, , virtual] }, place) => {
    let item = [...list.children].find((each) => each.dataset.call === call);
    if (!item) {
      item = filled("li", "line-one", "");
      item.dataset.call = call;
      item.append(filled("b", "num line-number", ""), filled("span", "line-what", ""), clock(since));
      const url = list.dataset.url;
      if (url) {
        const act = filled("button", "btn btn-sm btn-outline-secondary", told.says.act);
        act.type = "button";
        act.setAttribute("hx-get", url.replace("ID", encodeURIComponent(call)));
        act.setAttribute("hx-target", "#act-body");
        item.append(act);
        window.htmx?.process(item);
      }
    }
    const what = [told.queues[queue] ?? queue];
    if (priority) what.push(told.says.priority.replace("{n}", priority));
    if (virtual) what.push(told.says.virtual);
    write(item.querySelector(".line-number"), callers[call] || (call in callers ? told.says.anonymous : "…"));
    write(item.querySelector(".line-what"), what.join(" · "));
    item.querySelector("time").dataset.since = since;
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
  list.classList.toggle("is-empty", !wanted.length);
  list.dataset.empty = told.says.nobody;
}

export function drawTile(place, tile) {
  const value = place.querySelector("dd");
  if (value.textContent !== tile.value) value.textContent = tile.value;
  write(place.querySelector(".figure-note"), tile.note);
  if (place.title !== tile.explained) place.title = tile.explained;
  place.classList.toggle("figure-warn", tile.tone === "warn");
}
