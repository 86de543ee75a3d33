// The calls list puts new and changed rows in place; the call page follows its own call.

const GATHER_MS = 400; // news of so long is asked for in one go
const MAX_ROWS = 100;

export function keepCallsFresh(htmx) {
  const table = document.getElementById("calls");
  if (!table?.dataset.live) return;
  const changed = new Set();
  let waiting = null;

  const ask = async () => {
    waiting = null;
    const ids = [...changed].slice(0, 50);
    ids.forEach((id) => changed.delete(id));
    const url = new URL(table.dataset.live, location.href);
    url.searchParams.set("ids", ids.join(","));
    const response = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (response?.status === 401) location.reload(); // logged out elsewhere
    if (response?.ok) place(ids, await response.text());
    if (changed.size) later();
  };
  const later = () => {
    waiting ??= setTimeout(ask, GATHER_MS);
  };

  const place = (ids, html) => {
    const parsed = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html");
    const rows = new Map([...parsed.querySelectorAll("tr")].map((row) => [row.dataset.id, row]));
    for (const id of ids) {
      const old = document.getElementById(`call-${id}`);
      const row = rows.get(id);
      if (!row) {
        old?.remove(); // it doesn't match the filter any more
        continue;
      }
      const fresh = document.importNode(row, true);
      if (old) {
        if (old.classList.contains("is-current")) fresh.classList.add("is-current");
        const focused = old.contains(document.activeElement);
        old.replaceWith(fresh);
        if (focused) fresh.querySelector("a")?.focus();
      } else {
        fresh.classList.add("is-new");
        insert(table, fresh);
      }
      htmx.process(fresh);
    }
    while (table.rows.length > MAX_ROWS) table.rows[table.rows.length - 1].remove();
    const empty = document.getElementById("calls-empty");
    if (empty) empty.hidden = table.rows.length > 0;
  };

  document.body.addEventListener("cc:call", (event) => {
    if (!event.detail.id) return;
    changed.add(event.detail.id);
    later();
  });
  document.body.addEventListener("cc:fresh", () => location.reload());
}

function insert(table, fresh) {
  const at = Number(fresh.dataset.at);
  const older = [...table.rows].find((row) => Number(row.dataset.at) < at);
  table.insertBefore(fresh, older ?? null);
}

export function keepOneCallFresh(htmx) {
  const page = document.getElementById("call-body");
  if (!page) return;
  const look = () => htmx.ajax("GET", page.dataset.url, { target: page, swap: "morph" });
  document.body.addEventListener("cc:call", (event) => {
    if (event.detail.id === page.dataset.call) look();
  });
  document.body.addEventListener("cc:fresh", look);
}
