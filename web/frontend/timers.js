// Clocks that run on the page: time since `data-since`, time left until `data-until`
// (seconds since the epoch by the server's clock).

const server = Number(document.querySelector("meta[name=server-time]")?.content) * 1000;
const ahead = server ? server - Date.now() : 0; // this computer's clock may be wrong

// Seconds since the epoch by the server's clock.
export function serverNow() {
  return (Date.now() + ahead) / 1000;
}

export function runTimers() {
  const tick = () => {
    const now = serverNow();
    for (const timer of document.querySelectorAll("time.timer")) {
      const { since, until } = timer.dataset;
      const seconds = since ? now - Number(since) : Number(until) - now;
      const text = duration(Math.max(0, since ? Math.floor(seconds) : Math.ceil(seconds)));
      if (timer.textContent !== text) timer.textContent = text;
    }
  };
  tick();
  setInterval(tick, 500);
  document.body.addEventListener("htmx:afterSettle", tick);
}

function duration(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = two(seconds % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
