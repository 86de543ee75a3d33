// What becomes of the order: accepted, answered at once, or declined. The form above is saved
// first, so that the step is about what the agent sees.

export function openSteps(root, headers, form) {
  const section = document.getElementById("desk-form");
  const steps = section.querySelector(".form-steps");
  const why = steps.querySelector(".steps-why");
  let about = null;
  let sending = false;

  // --- which order it is about ---------------------------------------------------------------

  document.body.addEventListener("desk:order", ({ detail: { call, editable } }) => {
    if (call !== about) {
      about = call;
      steps.reset();
      fold();
      fault();
    }
    steps.hidden = !call;
    steps.querySelector("fieldset").disabled = !editable;
    if (!editable) fold();
  });

  function fold() {
    for (const part of steps.querySelectorAll("details")) part.open = false;
  }

  // --- taking a step -------------------------------------------------------------------------

  steps.addEventListener("submit", (event) => {
    event.preventDefault();
    take(event.submitter?.value);
  });
  steps.addEventListener("keydown", (event) => {
    const part = event.target.closest("details");
    if (!part || !event.ctrlKey || event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere it saves the draft
    take(part.querySelector("button[name=action]").value);
  });
  for (const part of steps.querySelectorAll("details")) {
    part.addEventListener("toggle", () => part.open && part.querySelector("select, textarea").focus());
  }

  async function take(action) {
    const { call } = form.shown();
    if (!call || !action || sending || !form.shown().editable) return;
    sending = true;
    try {
      await form.saveNow();
      const now = form.shown();
      if (now.call !== call) return;
      if (now.dirty) fault({}, section.dataset.wordUnsaved);
      else answered(call, await post(call, action, now.version));
    } finally {
      sending = false;
    }
  }

  async function post(call, action, version) {
    const body = new URLSearchParams([...new FormData(steps), ["action", action], ["version", version]]);
    const response = await fetch(`${root.dataset.orders}${call}/step`, { method: "POST", headers, body }).catch(() => null);
    if (response?.status === 401) location.reload();
    const isTold = response?.headers.get("Content-Type")?.startsWith("application/json");
    return { status: response?.status, told: isTold ? await response.json() : null };
  }

  function answered(call, { status, told }) {
    if (form.shown().call !== call) return;
    if (status === 200 && told) {
      fault();
      form.taken(told);
      document.activeElement?.blur(); // the keys are the page's again
    } else if (status === 422 && told) fault(told.problems, told.message);
    else if (status === 409 && told) {
      form.taken({ ...told, message: "" });
      fault({}, told.message);
    } else fault({}, root.dataset.wordLost);
  }

  // --- what is wrong -------------------------------------------------------------------------

  function fault(problems = {}, message = "") {
    for (const input of section.querySelectorAll("[aria-invalid]")) clear(input);
    const found = Object.entries(problems).map(([name, text]) => [document.getElementById(`f-${name}`), text]);
    for (const [input, text] of found) if (input) mark(input, text);
    why.textContent = [message, ...found.map(([, text]) => text)].filter(Boolean).join(" ");
    why.hidden = !why.textContent;
    const first = found[0]?.[0];
    const part = first?.closest("details");
    if (part) part.open = true;
    first?.focus();
  }

  function mark(input, text) {
    const told = document.createElement("p");
    told.className = "field-error";
    told.id = `e-${input.name}`;
    told.textContent = text;
    input.before(told);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", `${told.id} ${input.getAttribute("aria-describedby") ?? ""}`.trim());
  }

  function clear(input) {
    document.getElementById(`e-${input.name}`)?.remove();
    input.removeAttribute("aria-invalid");
    const rest = (input.getAttribute("aria-describedby") ?? "").replace(`e-${input.name}`, "").trim();
    if (rest) input.setAttribute("aria-describedby", rest);
    else input.removeAttribute("aria-describedby");
  }

  section.addEventListener("input", (event) => {
    if (event.target.getAttribute("aria-invalid")) clear(event.target);
    if (!section.querySelector("[aria-invalid]")) why.hidden = true;
  });
}
