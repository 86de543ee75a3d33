// Everything the pages run: one file after bundling, loaded with `defer`.
import htmx from "htmx.org";

import { keepCallsFresh, keepOneCallFresh } from "./calls.js";
import { listenToKeys } from "./keys.js";
import { morph } from "./morph.js";
import { guardForms, openRows, openTarget } from "./pages.js";
import { openStream } from "./stream.js";
import { runTimers } from "./timers.js";

htmx.defineExtension("morph", {
  handleSwap(style, target, fragment) {
    return style === "morph" && morph(target, fragment.childNodes);
  },
});

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
openTarget();
runTimers();
