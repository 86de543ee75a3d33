// Small helps: a whole row opens its page, a form with unsaved text asks before it is left,
// the user's menu closes when one looks elsewhere.

export function openRows() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.user-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, form, summary")) return;
    if (String(window.getSelection())) return; // somebody marks text
    if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
    else location.assign(row.dataset.href);
  });
}

// A link to one step of an order opens its form.
export function openTarget() {
  const open = () => {
    const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    if (!target?.matches("details")) return;
    target.open = true;
    target.scrollIntoView({ block: "start" });
    target.querySelector("input:not([type=hidden]), textarea, select, button")?.focus();
  };
  window.addEventListener("hashchange", open);
  open();
}

export function guardForms() {
  document.getElementById("error-summary")?.focus();
  for (const form of document.querySelectorAll("form[data-guard]")) {
    let changed = false;
    form.addEventListener("input", () => {
      changed = true;
    });
    form.addEventListener("submit", () => {
      changed = false;
    });
    window.addEventListener("beforeunload", (event) => {
      if (changed) event.preventDefault();
    });
  }
}
