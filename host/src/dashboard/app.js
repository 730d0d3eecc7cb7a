// The page: who is there, what is stopped, which policies answer, what happens.

import { ask, forget, keep, token } from "./api.js";
import { follow } from "./feed.js";

const LINES = 400;
const POLICIES_EVERY_MS = 5_000;

const at = (id) => document.getElementById(id);
let unfollow = null;
let clock = null;
let paused = false;

// ---- in and out --------------------------------------------------------------------------------------------------

async function enter() {
  try {
    await refresh();
  } catch (problem) {
    return ask_for_token(token() ? String(problem) : "");
  }
  at("enter").hidden = true;
  at("house").hidden = false;
  at("leave").hidden = !token();
  unfollow = follow(["#"], hear, link);
  clock = setInterval(() => refresh().catch(() => {}), POLICIES_EVERY_MS);
}

function ask_for_token(problem) {
  unfollow?.();
  clearInterval(clock);
  at("house").hidden = at("leave").hidden = true;
  at("enter").hidden = false;
  at("enter-problem").textContent = problem;
  at("token").focus();
}

function link(state, text, problem) {
  at("link").dataset.state = state;
  at("link").textContent = text;
  if (problem) ask_for_token(String(problem));
}

async function refresh() {
  const [safety, policies] = await Promise.all([ask("GET", "/safety"), ask("GET", "/policies")]);
  show_safety(safety);
  show_policies(policies);
}

// ---- safety ------------------------------------------------------------------------------------------------------

function show_safety({ stopped, scopes }) {
  const names = scopes.map((each) => (each.scope === "all" ? "everything" : each.device));
  at("safety").dataset.state = stopped ? "stopped" : "open";
  at("safety-state").textContent = stopped ? `Stopped: ${names.join(", ")}` : "Open: the gate lets approved commands pass";
  at("reset").hidden = !stopped;
}

async function pull(button, path, body) {
  at("safety-problem").textContent = "";
  button.disabled = true;
  try {
    const answer = await ask("POST", path, body);
    if (answer?.warnings?.length) at("safety-problem").textContent = answer.warnings.join("; ");
    at("reason").value = "";
    show_safety(await ask("GET", "/safety"));
  } catch (problem) {
    at("safety-problem").textContent = String(problem);
  } finally {
    button.disabled = false;
  }
}

// ---- policies ----------------------------------------------------------------------------------------------------

function show_policies(policies) {
  at("no-policies").hidden = policies.length > 0;
  at("policies").replaceChildren(...policies.map(row));
}

function row(policy) {
  const { stats } = policy;
  const note = policy.problem ?? (policy.quarantined ? "quarantined" : policy.enabled ? "" : "switched off");
  const line = document.createElement("tr");
  const name = cell("th", policy.name);
  name.scope = "row";
  if (note) name.append(" ", part("note", note));
  line.append(
    name,
    cell("td", policy.active ? `v${policy.active.version} · ${policy.active.digest.slice(0, 8)}` : "none"),
    cell("td", policy.mode),
    ...[stats.evaluations, stats.faults, stats.mean_micros.toFixed(1), stats.waiting].map((value) => {
      const number = cell("td", value.toLocaleString());
      number.className = "number";
      return number;
    }),
  );
  return line;
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function part(name, text) {
  const made = cell("span", text);
  made.className = name;
  return made;
}

// ---- the feed ----------------------------------------------------------------------------------------------------

function hear(event) {
  if (event.event_type === "system_event") refresh().catch(() => {});
  if (paused || event.event_type === "subscribed") return;
  if (event.event_type === "sensor_data" && !at("readings").checked) return;
  const [tone, text] = tell(event);
  const line = document.createElement("li");
  line.dataset.tone = tone;
  const time = document.createElement("time");
  time.textContent = new Date(event.timestamp ?? Date.now()).toLocaleTimeString(undefined, { hour12: false });
  line.append(time, part("kind", event.event_type), part("what", text));
  at("feed").prepend(line);
  while (at("feed").childElementCount > LINES) at("feed").lastElementChild.remove();
}

/** The tone and the words of an event. */
function tell(event) {
  const place = `${event.esp_id}/${event.gpio}`;
  switch (event.event_type) {
    case "sensor_data":
      return ["reading", `${place} ${event.sensor_type} ${event.value} ${event.unit ?? ""}`];
    case "actuator_status":
      return ["reading", `${place} ${event.actuator_type} ${event.is_active ? "on" : "off"} ${event.value}`];
    case "actuator_command":
      return ["act", `${event.actuator} (${place}) ${event.from} → ${event.value}: ${event.reason || event.why}`];
    case "logic_execution":
      return execution(event);
    case "system_event":
      return [event.event.startsWith("emergency") ? "stop" : "system", `${event.event} ${plain(event.data)}`];
    case "gap":
      return ["gap", `${event.missed} records were missed (${event.from} to ${event.to})`];
    default:
      return ["system", plain(event.data ?? event)];
  }
}

function execution(event) {
  const who = `${event.rule_name} (${event.policy} v${event.version})`;
  if (event.error) return ["refused", `${who} ${event.error.kind}: ${event.error.detail}`];
  const codes = event.verdicts.map((verdict) => verdict.code).join(", ");
  const cost = `${event.fuel.toLocaleString()} fuel, ${event.micros} µs`;
  return [event.success ? "act" : "refused", [who, codes || event.mode, cost].join(" · ")];
}

const plain = (data) =>
  Object.entries(data)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");

// ---- hands on the page -------------------------------------------------------------------------------------------

at("enter").addEventListener("submit", (submit) => {
  submit.preventDefault();
  keep(at("token").value);
  at("token").value = "";
  enter();
});
at("leave").addEventListener("click", () => {
  forget();
  ask_for_token("");
});
at("stop").addEventListener("click", ({ target }) => {
  pull(target, "/safety/stop", { scope: "all", reason: at("reason").value || "stopped from the page" });
});
at("reset").addEventListener("click", ({ target }) => {
  pull(target, "/safety/reset", { scope: "all", reason: at("reason").value });
});
at("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", String(paused));
  target.textContent = paused ? "Go on" : "Pause";
});

enter();
