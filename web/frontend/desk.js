// The agent's desk: panel, commands, keys. The form and the dialogs have files of their own.
import { openDialogs } from "./desk_dialogs.js";
import { openForm } from "./desk_form.js";
import { openSteps } from "./desk_steps.js";
import { morph } from "./morph.js";
import { openPhone } from "./softphone.js";

const NOTICE_MS = 5_000; // good news go away by themselves
const HEAL_MS = 10_000; // what a lost event would have told
const RECENT_MS = 1_000; // a call that ended is in the list by then

const root = document.getElementById("desk");
if (root) run();

function run() {
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const form = openForm(root, headers);
  openSteps(root, headers, form);
  const dialogs = openDialogs(root, give);
  openPhone(root, headers);
  const title = document.title;
  let asking = false;
  let again = false;
  let recentSoon = null;

  // --- what the server shows ---------------------------------------------------------------

  const bar = () => document.getElementById("desk-bar");

  async function refresh() {
    if (asking) {
      again = true; // something happened since we asked: ask once more
      return;
    }
    asking = true;
    try {
      do {
        again = false;
        const html = await get(root.dataset.panel);
        if (html) show(html);
      } while (again);
    } finally {
      asking = false;
    }
  }

  function show(html) {
    const before = bar()?.dataset.state;
    const parsed = new DOMParser().parseFromString(html, "text/html");
    morph(document.getElementById("desk-panel"), parsed.body.childNodes);
    document.body.dispatchEvent(new CustomEvent("htmx:afterSettle"));
    settle(before);
  }

  function settle(before) {
    const { state, call } = bar().dataset;
    document.title = state === "ringing" || state === "reserved" ? `● ${root.dataset.wordRinging} · ${title}` : title;
    if (call) form.open(call);
    if (before && before !== state && state === "talking") form.focusIfIdle();
    document.body.dispatchEvent(new CustomEvent("desk:state", { detail: bar().dataset }));
  }

  async function get(url) {
    const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (response?.status === 401) location.reload(); // logged out elsewhere
    return response?.ok ? response.text() : null;
  }

  async function refreshRecent() {
    recentSoon = null;
    const html = await get(root.dataset.recent);
    if (!html) return;
    const parsed = new DOMParser().parseFromString(html, "text/html");
    morph(document.getElementById("desk-recent"), parsed.body.childNodes);
  }

  // --- commands ----------------------------------------------------------------------------

  async function give(name, fields = {}) {
    const body = new URLSearchParams({ name, ...fields });
    const response = await fetch(root.dataset.command, { method: "POST", headers, body }).catch(() => null);
    if (response?.status === 401 || response?.status === 400) location.reload(); // the page is old
    say(response ? await response.text() : null);
    refresh();
  }

  let goes = null;
  function say(html) {
    const place = document.getElementById("desk-notice");
    clearTimeout(goes);
    if (html === null) {
      place.replaceChildren(Object.assign(document.createElement("div"), {
        className: "notice notice-bad",
        textContent: root.dataset.wordLost,
      }));
      return;
    }
    const parsed = new DOMParser().parseFromString(html, "text/html");
    place.replaceChildren(...parsed.body.childNodes);
    if (place.querySelector(".notice-good")) goes = setTimeout(() => place.replaceChildren(), NOTICE_MS);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-command], button[data-dialog]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.dialog) {
      dialogs.open(button.dataset.dialog, button);
      return;
    }
    const { command, reason } = button.dataset;
    give(command, reason ? { reason } : {});
  });

  // --- keys --------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return; // the input method's own keys
    if (event.ctrlKey && event.key === "Enter") {
      event.preventDefault();
      form.saveNow();
      return;
    }
    // AltGr writes characters and looks like Ctrl+Alt.
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.code === "KeyI") {
      event.preventDefault();
      form.focus();
      return;
    }
    const place = document.querySelector(`[data-focus="${CSS.escape(event.code)}"]`);
    const button = document.querySelector(`[data-key="${CSS.escape(event.code)}"]`);
    if (!place && !button) return;
    event.preventDefault();
    if (document.querySelector("dialog[open]")) return;
    if (place) place.focus();
    else button.click();
  });

  // Arrows go along the reasons of "not ready".
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const group = event.target.closest?.(".desk-reasons");
    if (!step || !group) return;
    const buttons = [...group.querySelectorAll("button")];
    const next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length];
    next?.focus();
  });

  // --- news --------------------------------------------------------------------------------

  const { body } = document;
  for (const kind of ["agent", "call", "controls", "fresh"]) body.addEventListener(`cc:${kind}`, refresh);
  body.addEventListener("cc:agent", () => {
    recentSoon ??= setTimeout(refreshRecent, RECENT_MS);
  });
  body.addEventListener("cc:call", (event) => form.changed(event.detail.id));
  body.addEventListener("cc:fresh", () => form.retry());
  body.addEventListener("cc:message", (event) => dialogs.message(event.detail));
  setInterval(refresh, HEAL_MS);
  settle(null);
  openDial();

  // From an order's page: its citizen is to be called.
  function openDial() {
    const order = new URL(location.href).searchParams.get("order");
    const dial = document.getElementById("do-call-dial");
    if (!order) return;
    history.replaceState(null, "", location.pathname);
    if (dial.dataset.dialog) dialogs.open(dial.dataset.dialog, dial, order);
    else dial.focus();
  }
}
