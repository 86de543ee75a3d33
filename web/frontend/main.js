// Everything the pages run: one file after bundling, loaded with `defer`.
import htmx from "htmx.org";

import { Idiomorph } from "idiomorph";

import { keepCallsFresh, keepOneCallFresh } from "./calls.js";
import { listenToKeys } from "./keys.js";
import { guardForms, openRows } from "./pages.js";
import { openStream } from "./stream.js";
import { runTimers } from "./timers.js";

// `hx-swap="morph"` changes what differs and leaves the rest: a button isn't replaced under the
// finger, a player goes on, a running clock isn't set back.
htmx.defineExtension("morph", {
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    return Idiomorph.morph(target, fragment.childNodes, {
      morphStyle: "innerHTML",
      ignoreActiveValue: true,
      callbacks: { beforeNodeMorphed, beforeAttributeUpdated },
    });
  },
});

function beforeNodeMorphed(old, fresh) {
  if (!old.matches?.("time.timer") || !fresh.matches?.("time.timer")) return true;
  for (const name of ["since", "until"]) {
    if (name in fresh.dataset) old.dataset[name] = fresh.dataset[name];
    else delete old.dataset[name];
  }
  return false;
}

function beforeAttributeUpdated(name, node) {
  return !(name === "open" && node.matches("details"));
}

// A refused or lost request is shown where its answer would have stood.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 409 || xhr.status === 422) event.detail.shouldSwap = true;
});

window.htmx = htmx; // for what the pages' own scripts put in
openStream();
keepCallsFresh(htmx);
keepOneCallFresh(htmx);
listenToKeys();
openRows();
guardForms();
runTimers();
