// Requests to the server that this page came from.

const storedKey = "mt-key";

/// What the server refused, in its own words.
export class Refusal extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export function useKey(key) {
  try { localStorage.setItem(storedKey, key); } catch { /* private mode: for this visit only */ }
  current = key;
}

let current = remembered(storedKey) ?? "";

/// A setting of an earlier visit.
export function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

export function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* not kept */ }
}

async function answer(response) {
  let body = {};
  try { body = await response.json(); } catch { /* not ours */ }
  if (!response.ok) {
    const wait = Number(response.headers.get("Retry-After")) || 0;
    throw new Refusal(response.status, body.error ?? `the server answered ${response.status}`, wait);
  }
  return body;
}

export async function get(path) {
  return answer(await fetch(path, { headers: { Accept: "application/json" } }));
}

/// `signal` takes the request back: the server stops working for it.
export async function post(path, body, signal) {
  const keyed = current ? { ...body, api_key: current } : body;
  return answer(await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(keyed), signal,
  }));
}
