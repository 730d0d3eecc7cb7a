// The token of this tab, and requests in its name.

const KEY = "interlock-token";

/** The token: from the address's fragment once (it never reaches a server's log), then from this tab. */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

export const keep = (value) => sessionStorage.setItem(KEY, value.trim());
export const forget = () => sessionStorage.removeItem(KEY);

/** What the host said against a request. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `the host answered ${status}`);
    this.status = status;
    this.hint = body.hint;
  }

  toString() {
    return this.hint ? `${this.message} – ${this.hint}` : this.message;
  }
}

/** Asks the host; throws a Problem if it is not done. */
export async function ask(method, path, body) {
  const headers = {};
  const held = token();
  if (held) headers.Authorization = `Bearer ${held}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer ?? {});
  return answer;
}
