// Whom to call, what to mark: small dialogs that are worked with the keyboard alone.

const DIAL = "call.dial"; // also citizens of earlier calls and orders; the others name destinations
const NAMES = ["call", "order", "to"];

export function openDialogs(root, give) {
  const find = document.getElementById("whom-find");
  const list = document.getElementById("whom-list");
  let command = "";

  const options = () => [...list.querySelectorAll("[role=option]")];
  const shown = () => options().filter((option) => !option.hidden && option.getAttribute("aria-disabled") !== "true");
  const chosen = () => list.querySelector("[aria-selected=true]");

  function choose(option) {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (option) find.setAttribute("aria-activedescendant", option.id);
    else find.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  function filter() {
    const words = find.value.trim().toLowerCase();
    for (const option of options()) option.hidden = !(option.dataset.find ?? "").includes(words);
    choose(shown()[0]);
  }

  function call(option) {
    const name = NAMES.find((each) => option?.dataset[each]);
    if (!name) return;
    close();
    give(command, { [name]: option.dataset[name] });
  }

  find.addEventListener("input", filter);
  find.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = shown();
      const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(chosen()) + step))];
      if (next) choose(next);
    } else if (event.key === "Enter") {
      event.preventDefault();
      call(chosen());
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option.getAttribute("aria-disabled") !== "true") call(option);
  });

  async function fillWhom(order) {
    find.value = order;
    list.replaceChildren();
    const asked = command;
    const { destinations, dialable } = root.dataset;
    const from = asked === DIAL ? `${dialable}?order=${encodeURIComponent(order)}` : destinations;
    const response = await fetch(from).catch(() => null);
    if (!response?.ok || asked !== command) return;
    list.innerHTML = await response.text();
    filter();
  }

  for (const form of document.querySelectorAll("dialog form[data-command]")) {
    form.addEventListener("submit", () => {
      give(form.dataset.command, Object.fromEntries(new FormData(form)));
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("dialog [data-close]")) close();
  });

  function close() {
    document.querySelector("dialog[open]")?.close();
  }

  function open(name, button, order = "") {
    close();
    const dialog = document.getElementById(`dialog-${name}`);
    command = button.dataset.for;
    dialog.querySelector(".dialog-title").textContent = button.dataset.title;
    dialog.querySelector("form").reset();
    if (name === "whom") fillWhom(order);
    document.getElementById("whom-dial").hidden = command !== DIAL;
    dialog.showModal();
    dialog.querySelector("input, button.btn-primary:not([hidden])")?.focus();
  }

  return { open, close, message: say };
}

// A supervisor's message stays until it is read.
function say({ text, by }) {
  if (!text) return;
  const note = document.createElement("div");
  note.className = "notice notice-info desk-message";
  const words = document.createElement("span");
  words.textContent = `${by ?? ""}: ${text}`;
  const read = document.createElement("button");
  read.type = "button";
  read.className = "btn-close";
  read.ariaLabel = "OK";
  read.addEventListener("click", () => note.remove());
  note.append(words, read);
  document.getElementById("desk-messages").append(note);
}
