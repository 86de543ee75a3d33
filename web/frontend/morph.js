// Changes what differs and leaves the rest: a button isn't replaced under the finger, a player goes
// on, a running clock isn't set back, and what somebody types in a `data-keep` form stays.
import { Idiomorph } from "idiomorph";

export function morph(target, fragment) {
  return Idiomorph.morph(target, fragment, {
    morphStyle: "innerHTML",
    ignoreActiveValue: true,
    callbacks: { beforeNodeMorphed, beforeAttributeUpdated },
  });
}

function beforeNodeMorphed(old, fresh) {
  if (old.matches?.("[data-keep]") && fresh.matches?.("[data-keep]")) return false;
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
