// The live connection: a ticket, a WebSocket, the topics; again from the last record when it breaks.

import { ask } from "./api.js";

const LONGEST_WAIT_MS = 15_000;

/** Follows topics for ever. `told` hears events, `state` hears "live", "waiting" or "off" with a reason. */
export function follow(topics, told, state) {
  let last = null;
  let wait = 500;
  let socket = null;
  let ended = false;

  async function open() {
    if (ended) return;
    let ticket;
    try {
      ({ ticket } = await ask("POST", "/ws/ticket"));
    } catch (problem) {
      if (problem.status === 401 || problem.status === 403) return state("off", String(problem), problem);
      return again("the host is not reached");
    }
    if (ended) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/ws?ticket=${encodeURIComponent(ticket)}`);
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = ({ reason }) => again(reason || "the connection broke off");
  }

  function hear(event) {
    if (event.event_type === "connection_established") {
      wait = 500;
      const after = last ?? undefined;
      for (const topic of topics) socket.send(JSON.stringify({ type: "subscribe", topic, after }));
      last ??= event.seq;
      return state("live", "live");
    }
    if (event.seq) last = Math.max(last ?? 0, event.seq);
    told(event);
  }

  function again(reason) {
    if (ended) return;
    state("waiting", `${reason}; trying again`);
    setTimeout(open, wait + Math.random() * 250);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }

  open();
  return () => {
    ended = true;
    socket?.close();
  };
}
