// News from the server as `cc:<kind>` events on the body, and the badge that says how fresh
// the page is: live, stale (the server itself gets no news) or offline.

const SILENCE_MS = 25_000; // the server speaks at least every 10 s while it can

export function openStream() {
  const { body } = document;
  const badge = document.getElementById("stream-badge");
  if (!body.dataset.stream || !badge) return;
  let source;
  let spoke = Date.now();

  const show = (state) => {
    if (badge.dataset.state === state) return;
    badge.dataset.state = state;
    badge.textContent = body.dataset[`word${state[0].toUpperCase()}${state.slice(1)}`];
  };
  const tell = (kind, detail) => body.dispatchEvent(new CustomEvent(`cc:${kind}`, { detail }));

  const connect = () => {
    source?.close();
    spoke = Date.now();
    const own = "streamOwn" in body.dataset ? "&own=1" : "";
    source = new EventSource(`/events?kinds=${encodeURIComponent(body.dataset.stream)}${own}`);
    source.onopen = () => {
      spoke = Date.now();
    };
    source.onerror = () => show("offline"); // the browser tries again by itself
    for (const kind of [...body.dataset.stream.split(","), "words"]) {
      source.addEventListener(kind, (event) => {
        spoke = Date.now();
        tell(kind, JSON.parse(event.data));
      });
    }
    source.addEventListener("stale", () => {
      spoke = Date.now();
      show("stale");
      tell("stale", {});
    });
    // Whatever was missed meanwhile, the page looks again.
    source.addEventListener("fresh", () => {
      spoke = Date.now();
      const wasAway = badge.dataset.state !== "connecting";
      show("live");
      if (wasAway) tell("fresh", {});
    });
    source.addEventListener("reset", () => tell("fresh", {}));
    source.addEventListener("beat", () => {
      spoke = Date.now();
    });
  };

  // A dead line can look open for minutes, and a browser gives up after some answers.
  setInterval(() => {
    if (Date.now() - spoke > SILENCE_MS || source.readyState === EventSource.CLOSED) {
      show("offline");
      connect();
    }
  }, 5_000);
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  connect();
}
