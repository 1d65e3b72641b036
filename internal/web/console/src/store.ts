// What the whole console knows: the sessions, the newest events, and where it looks.
import { computed, signal } from "@preact/signals";
import type { Event, Session } from "./api";
import { follow, listSessions, Refusal, tokenNeeded } from "./client";

/** A session as the list shows it: also when it is over, which the node forgets at once. */
export interface Row extends Session {
  over: boolean;
  reason: string; // why it is over, where that was told
  rate: number; // messages per second, both ways
  ended: number; // when it was over, in ms; 0: it lives
}

const refreshEvery = 2000;
const keptOver = 500;
const keptEvents = 2000;

export const rows = signal<Row[]>([]);
export const trouble = signal(""); // why the node cannot be heard
export const following = signal(false);
export const now = signal(Date.now());
export const events = signal<Event[]>([]); // the newest last
export const dropped = signal(0);
export const place = signal(location.hash.slice(1) || "/sessions");

export const selected = computed(() => /^\/sessions\/([^/]+)/.exec(place.value)?.[1] ?? "");

export function go(to: string): void {
  location.hash = to;
}
addEventListener("hashchange", () => (place.value = location.hash.slice(1) || "/sessions"));

let known = new Map<string, Row>();
let readAt = 0;
const reasons = new Map<string, string>();

function take(list: Session[]): void {
  const at = Date.now();
  const passed = readAt ? (at - readAt) / 1000 : 0;
  readAt = at;
  const next = new Map<string, Row>();
  for (const s of list) {
    const before = known.get(s.session_id);
    const rate = before && passed ? Math.max(0, (s.received + s.sent - before.received - before.sent) / passed) : 0;
    next.set(s.session_id, { ...s, rate, over: s.state === "terminated", reason: "", ended: 0 });
  }
  const over = [...known.values()].filter((r) => !next.has(r.session_id));
  over.sort((a, b) => (a.ended || at) - (b.ended || at));
  for (const r of over.slice(-keptOver)) {
    next.set(r.session_id, { ...r, over: true, rate: 0, ended: r.ended || at, reason: reasons.get(r.session_id) ?? r.reason });
  }
  known = next;
  rows.value = [...next.values()].sort((a, b) => (a.started < b.started ? 1 : a.started > b.started ? -1 : a.session_id < b.session_id ? -1 : 1));
}

/** A session that was just started here, before it is in a list. */
export function add(s: Session): void {
  take([s, ...rows.value.filter((r) => !r.ended && r.session_id !== s.session_id)]);
}

export function forgetEnded(): void {
  known = new Map([...known].filter(([, r]) => !r.ended));
  rows.value = rows.value.filter((r) => !r.ended);
}

let refreshing = false;
let again = false;

export async function refresh(): Promise<void> {
  if (tokenNeeded.value) return;
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    take(await listSessions());
    trouble.value = "";
  } catch (e) {
    trouble.value = e instanceof Refusal ? e.message : "The sessions could not be read.";
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

let due = 0;
function soon(): void {
  due ||= window.setTimeout(() => {
    due = 0;
    void refresh();
  }, 150);
}

// Events come in bursts: they are shown once for each frame.
let waiting: Event[] = [];
function queue(e: Event): void {
  if (waiting.length === 0) {
    setTimeout(() => {
      const all = events.value.concat(waiting);
      events.value = all.slice(-keptEvents);
      waiting = [];
    }, 50);
  }
  waiting.push(e);
  switch (e.type) {
    case "E_MSRP_SESSION_END":
      reasons.set(e.data.session_id, e.data.reason ?? "");
      return soon();
    case "E_MSRP_SESSION_FAILED":
      reasons.set(e.data.session_id, `${e.data.code} ${e.data.reason}`);
      return soon();
    case "E_MSRP_SESSION_NEW":
      return soon();
  }
}

export function begin(): void {
  void refresh();
  setInterval(() => document.visibilityState === "visible" && void refresh(), refreshEvery);
  setInterval(() => (now.value = Date.now()), 1000);
  void follow({}, { event: queue, connected: (on) => (following.value = on), lost: (n) => (dropped.value += n) }, new AbortController().signal);
}
