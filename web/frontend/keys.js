// j and k move through a list, Enter opens, d goes to what is done with the row, / goes to the
// search field, Escape leaves it.

export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    if (event.key === "/") {
      const search = document.getElementById("search");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "d") {
      const act = document.querySelector("tr.is-current .quick input:not([type=hidden]), tr.is-current .quick button, tr.is-current .quick a");
      if (!act) return;
      event.preventDefault();
      act.focus();
      act.select?.();
    } else if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
      const current = document.querySelector("tr.is-current");
      if (current) location.assign(current.dataset.href);
    }
  });
}

function move(step) {
  const rows = [...document.querySelectorAll("tr[data-href]")];
  if (!rows.length) return;
  const now = rows.findIndex((row) => row.classList.contains("is-current"));
  const next = now < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, now + step));
  rows[now]?.classList.remove("is-current");
  rows[next].classList.add("is-current");
  rows[next].querySelector("a")?.focus({ preventScroll: true });
  rows[next].scrollIntoView({ block: "nearest" });
}
