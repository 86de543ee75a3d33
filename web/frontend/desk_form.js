// The order form beside the call. It saves itself a moment after each pause in typing. Until the
// server has it, what was typed is also kept in the browser, so that a crash or an outage loses
// nothing; once the server has it, nothing of the citizen stays in the browser.

const PAUSE_MS = 600;
const LONGEST_MS = 3_000; // somebody who types without a pause
const RETRY_MS = 3_000;
const PREFIX = "desk-form";

export function openForm(root, headers) {
  const section = document.getElementById("desk-form");
  const form = section.querySelector("form");
  const status = section.querySelector(".form-status");
  const words = section.dataset;
  const store = new Store(`${PREFIX}:${root.dataset.owner}:`);
  const state = { call: null, base: {}, number: null, version: 0, editable: true, dirty: false, since: 0, said: "" };
  let timer = null;
  let saving = null;
  let composing = false;

  const inputs = () => [...form.elements].filter((each) => each.name);
  const typed = () => Object.fromEntries(inputs().map((each) => [each.name, each.value]));
  const same = (one, other) => Object.keys(one).every((name) => tidy(one[name]) === tidy(other[name]));

  function say(kind, extra = "") {
    status.dataset.state = kind;
    status.textContent = [words[`word${kind[0].toUpperCase()}${kind.slice(1)}`] ?? "", extra].filter(Boolean).join(" ");
  }

  // --- another call ------------------------------------------------------------------------

  async function open(call) {
    if (call === state.call) return;
    if (state.call) await saveNow();
    clearTimeout(timer);
    Object.assign(state, { call, base: {}, number: null, version: 0, editable: true, dirty: false, said: "" });
    tellOrder();
    section.dataset.call = "";
    // One can type at once: what is typed before the answer is there is kept like any other text.
    clash(null);
    section.querySelector(".form-none").hidden = true;
    form.hidden = false;
    for (const input of inputs()) input.disabled = false;
    write({});
    const told = await ask(call);
    if (state.call !== call) return; // yet another one came
    show(told ?? blank(call));
    if (!told) later(RETRY_MS, load);
  }

  const blank = (call) => ({ call, number: null, version: 0, editable: true, fields: {}, hint: "", saved_at: "" });

  async function load() {
    const call = state.call;
    const told = await ask(call);
    if (!told) later(RETRY_MS, load);
    else if (state.call === call) show(told);
  }

  async function ask(call) {
    const response = await fetch(root.dataset.orders + call, { headers }).catch(() => null);
    return response?.ok ? response.json() : null;
  }

  function show(told) {
    section.querySelector(".form-none").hidden = true;
    form.hidden = false;
    section.dataset.call = state.call;
    if (told.version < state.version) return; // asked before the last save, answered after it
    clash(null);
    const kept = state.dirty ? { fields: typed(), base: state.base } : store.get(state.call);
    agree(told);
    const fields = { ...told.fields };
    if (kept && !same(kept.fields, fields)) {
      Object.assign(fields, kept.fields);
      state.base = kept.base;
      state.dirty = true;
    } else if (kept) store.drop(state.call);
    write(fields);
    form.elements.title.placeholder = told.hint ?? "";
    if (state.dirty) {
      say("restored");
      later(0);
    } else if (!told.editable) say(state.said ? "taken" : "closed", state.said);
    else if (told.number) say("saved", told.saved_at);
    else say("new");
  }

  function write(fields) {
    for (const input of inputs()) {
      const value = fields[input.name] ?? "";
      if (input.value !== value) input.value = value;
    }
  }

  // What the server has is what we know as agreed.
  function agree(told) {
    state.base = { ...told.fields };
    state.number = told.number;
    state.version = told.version;
    state.editable = told.editable;
    tellOrder();
    for (const input of inputs()) input.disabled = !told.editable;
    const link = section.querySelector(".form-number");
    link.hidden = !told.number;
    link.textContent = told.number ?? "";
    if (told.number) link.href = root.dataset.orderPage + told.number;
  }

  // --- typing ------------------------------------------------------------------------------

  form.addEventListener("compositionstart", () => {
    composing = true;
  });
  form.addEventListener("compositionend", () => {
    composing = false;
    touched();
  });
  form.addEventListener("input", touched);
  form.addEventListener("change", () => saveNow());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    saveNow();
  });

  function touched() {
    if (composing || !state.call) return; // half a word of the input method isn't text yet
    store.put(state.call, { fields: typed(), base: state.base });
    if (!state.dirty) state.since = Date.now();
    state.dirty = true;
    say("typing");
    later(Math.max(0, Math.min(PAUSE_MS, state.since + LONGEST_MS - Date.now())));
  }

  function later(milliseconds, what = saveNow) {
    clearTimeout(timer);
    timer = setTimeout(what, milliseconds);
  }

  // --- saving ------------------------------------------------------------------------------

  async function saveNow() {
    clearTimeout(timer);
    if (saving) await saving;
    if (!state.dirty || composing || !state.call) return;
    saving = send(state.call, typed(), state.base).finally(() => {
      saving = null;
    });
    await saving;
  }

  async function send(call, fields, base) {
    say("saving");
    const response = await put(call, fields, base);
    if (state.call !== call) {
      if (response?.ok) store.drop(call);
      return;
    }
    if (response?.status === 401) location.reload(); // what was typed is kept and comes back
    const told = response?.headers.get("Content-Type")?.startsWith("application/json") ? await response.json() : null;
    if (response?.ok && told) saved(told, fields);
    else if (response?.status === 409 && told) clash(told);
    else if (response?.status === 422 && told) say("refused", Object.values(told.problems).join(" "));
    else if (response?.status === 409) {
      state.editable = false;
      tellOrder();
      say("closed");
    } else {
      say("local");
      later(RETRY_MS);
    }
  }

  const put = (call, fields, base) =>
    fetch(root.dataset.orders + call, {
      method: "PUT",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ fields, base }),
      keepalive: true, // goes out although the page is being closed
    }).catch(() => null);

  function saved(told, sent) {
    const now = typed();
    // What another one wrote meanwhile comes in where nobody types here.
    for (const input of inputs()) {
      const theirs = told.fields[input.name];
      if (tidy(now[input.name]) === tidy(sent[input.name]) && tidy(theirs) !== tidy(input.value)) input.value = theirs;
    }
    agree(told);
    clash(null);
    state.dirty = !same(told.fields, typed());
    if (state.dirty) {
      store.put(state.call, { fields: typed(), base: state.base });
      state.since = Date.now();
      later(PAUSE_MS);
    } else {
      store.drop(state.call);
      say("saved", told.saved_at);
    }
  }

  // --- two people, one field ---------------------------------------------------------------

  function clash(told) {
    const box = section.querySelector(".form-conflict");
    box.hidden = !told;
    if (!told) return;
    say("idle");
    state.theirs = told;
    box.querySelector(".conflict-said").textContent = told.message;
    box.querySelector(".conflict-fields").replaceChildren(
      ...told.conflicts.map((name) => {
        const row = document.createElement("div");
        const label = document.createElement("dt");
        label.textContent = form.querySelector(`label[for="f-${name}"]`)?.textContent ?? name;
        const value = document.createElement("dd");
        value.className = "pre";
        const input = form.elements[name];
        const option = input?.options && [...input.options].find((each) => each.value === told.fields[name]);
        value.textContent = option?.textContent ?? (told.fields[name] || "–");
        row.append(label, value);
        return row;
      }),
    );
  }

  section.querySelector(".form-conflict").addEventListener("click", (event) => {
    const keep = event.target.closest("[data-keep]")?.dataset.keep;
    if (!keep) return;
    const { theirs } = state;
    state.base = { ...theirs.fields };
    if (keep === "theirs") for (const name of theirs.conflicts) form.elements[name].value = theirs.fields[name];
    clash(null);
    state.dirty = true;
    store.put(state.call, { fields: typed(), base: state.base });
    saveNow();
  });

  // --- what was left from before -----------------------------------------------------------

  async function sendLeft() {
    for (const [call, kept] of store.all()) {
      if (call === state.call) continue;
      const response = await put(call, kept.fields, kept.base);
      if (response?.ok) {
        store.drop(call);
        if (call === state.call && !state.dirty) load(); // it was opened meanwhile, with the text before
      } else if (response && response.status !== 401 && response.status < 500) showLeft(call, kept);
    }
  }

  function showLeft(call, kept) {
    const box = section.querySelector(".form-left");
    const item = document.createElement("li");
    item.className = "pre";
    item.textContent = Object.values(kept.fields).filter(Boolean).join(" · ");
    const gone = document.createElement("button");
    gone.type = "button";
    gone.className = "btn-close";
    gone.ariaLabel = "×";
    gone.addEventListener("click", () => {
      store.drop(call);
      item.remove();
      box.hidden = !box.querySelector("li");
    });
    item.append(gone);
    box.querySelector("ul").append(item);
    box.hidden = false;
  }

  window.addEventListener("pagehide", () => {
    if (state.dirty && state.call) put(state.call, typed(), state.base);
  });
  sendLeft();

  function retry() {
    if (state.dirty) saveNow();
    else if (state.call) load();
    sendLeft();
  }

  function tellOrder() {
    document.body.dispatchEvent(new CustomEvent("desk:order", { detail: { ...state } }));
  }

  const focus = () => !form.hidden && form.elements.title.focus();
  return {
    open,
    saveNow,
    retry,
    focus,
    shown: () => ({ ...state }),
    // A step was taken, or somebody else was faster: this is the order now.
    taken: (told) => {
      state.said = told.message;
      show(told);
    },
    changed: (call) => call === state.call && !state.dirty && !saving && load(),
    // When the talk begins and nobody types anywhere else, one can type at once.
    focusIfIdle: () => document.activeElement === document.body && focus(),
  };
}

// The server trims; that alone is no difference.
const tidy = (text) => (text ?? "").replaceAll("\r\n", "\n").trim();

// Unsaved text by call, of one user, in this browser. Without storage it just isn't kept.
class Store {
  constructor(prefix) {
    this.prefix = prefix;
  }

  put(call, kept) {
    try {
      localStorage.setItem(this.prefix + call, JSON.stringify(kept));
    } catch {
      // full or forbidden: the server has it in a moment anyway
    }
  }

  get(call) {
    try {
      const kept = JSON.parse(localStorage.getItem(this.prefix + call));
      return kept?.fields && kept?.base ? kept : null;
    } catch {
      return null;
    }
  }

  drop(call) {
    try {
      localStorage.removeItem(this.prefix + call);
    } catch {
      // see put
    }
  }

  all() {
    try {
      const calls = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
      return calls.map((key) => key.slice(this.prefix.length)).map((call) => [call, this.get(call)]).filter(([, kept]) => kept);
    } catch {
      return [];
    }
  }
}
