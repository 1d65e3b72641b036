// A conversation: what the events of one session tell, and what was sent from here.
import { signal, type Signal } from "@preact/signals";
import type { Event } from "./api";
import { follow } from "./client";

export type Fate = "sending" | "queued" | "delivered" | "reported" | "written" | "unconfirmed" | "failed" | "unknown";

export interface Item {
  key: string;
  side: "in" | "out" | "note";
  time: string;
  type: string; // media type
  text?: string;
  octets?: Uint8Array;
  body?: string; // ID of a body that is fetched when it is asked for
  size?: number;
  name?: string; // of a file
  from?: string; // whom a wrapped message names
  fate?: Fate;
  why?: string; // beside the fate
  progress?: number; // of a file under way, 0 to 1
  wantsReport?: boolean;
}

/** Texts that were sent from here are kept for this tab: the events tell their fates alone. */
const memory = {
  key: (id: string): string => `parley.sent.${id}`,
  read(id: string): Item[] {
    try {
      return JSON.parse(sessionStorage.getItem(this.key(id)) ?? "[]") as Item[];
    } catch {
      return [];
    }
  },
  write(id: string, items: Item[]): void {
    try {
      const sent = items.filter((i) => i.side === "out" && !i.octets).slice(-200);
      sessionStorage.setItem(this.key(id), JSON.stringify(sent));
    } catch {
      // It is full: what was sent is forgotten with the page.
    }
  },
};

const decode = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

const keptItems = 1000; // more than anybody scrolls through

export class Conversation {
  readonly earlier = signal(0); // items that are not shown any more
  readonly items: Signal<Item[]>;
  readonly reading = signal(true);
  readonly trouble = signal("");
  private readonly abort = new AbortController();

  constructor(readonly id: string) {
    this.items = signal(memory.read(id));
    void follow(
      { from: "0", session: id },
      {
        event: (e) => this.told(e),
        connected: (on, why) => {
          this.reading.value = !on;
          this.trouble.value = on ? "" : (why ?? "");
        },
        lost: (n) => this.put({ key: `lost-${Date.now()}`, side: "note", time: new Date().toISOString(), type: "", text: `${n} events were dropped before they were read.` }),
      },
      this.abort.signal,
    );
  }

  close(): void {
    this.abort.abort();
  }

  /** Puts an item into its place by time, or in place of the one with its key. */
  put(item: Item): void {
    const items = this.items.value.slice();
    const at = items.findIndex((i) => i.key === item.key);
    if (at >= 0) {
      items[at] = { ...items[at], ...item, time: items[at]!.time };
    } else {
      let to = items.length;
      while (to > 0 && items[to - 1]!.time > item.time) to--;
      items.splice(to, 0, item);
    }
    if (items.length > keptItems) {
      items.shift();
      this.earlier.value++;
    }
    this.items.value = items;
    if (item.side === "out") memory.write(this.id, items);
  }

  /** Gives an item the key of its message, which may have its fate by then. */
  sent(key: string, messageID: string): void {
    const own = this.items.value.find((i) => i.key === key);
    const told = this.items.value.find((i) => i.key === messageID);
    this.items.value = this.items.value.filter((i) => i.key !== key);
    if (!own) return;
    this.put({ ...own, key: messageID, fate: told?.fate ?? "queued", why: told?.why, progress: undefined });
    if (told) this.put({ ...own, key: messageID, fate: told.fate, why: told.why, progress: undefined });
  }

  drop(key: string): void {
    this.items.value = this.items.value.filter((i) => i.key !== key);
  }

  private told(e: Event): void {
    switch (e.type) {
      case "E_MSRP_MSG_RECEIVED": {
        const d = e.data;
        const item: Item = { key: e.id, side: "in", time: e.time, type: d.content_type };
        const wrapped = d.cpim as { from?: Array<{ uri: string; name?: string }>; content_type?: string; body?: string; body_base64?: string } | undefined;
        const body = wrapped?.content_type ? wrapped : d;
        if (wrapped?.content_type) item.type = wrapped.content_type;
        item.from = wrapped?.from?.map((f) => f.name || f.uri).join(", ");
        const large = d.body_ref as { id: string; octets: number } | undefined;
        if (large) {
          item.body = large.id;
          item.size = large.octets;
        } else if (body.body_base64 !== undefined) item.octets = decode(body.body_base64);
        else item.text = body.body ?? "";
        return this.put(item);
      }
      case "E_MSRP_MSG_SENT":
        return this.fate(e, e.data.message_id, e.data.fate as Fate, [e.data.code, e.data.comment].filter(Boolean).join(" "));
      case "E_MSRP_REPORT_RECEIVED": {
        const success = /^2\d\d/.test(e.data.status);
        const why = [e.data.status, e.data.comment, e.data.byte_range && `octets ${e.data.byte_range}`].filter(Boolean).join(" · ");
        return this.fate(e, e.data.message_id, success ? "reported" : "failed", why);
      }
      case "E_MSRP_SESSION_NEW":
        return this.note(e, "The session is established.");
      case "E_MSRP_SESSION_END":
        return this.note(e, `The session is over: ${e.data.reason || "no reason was given"}.`);
      case "E_MSRP_SESSION_WARNING":
        return this.note(e, `Warning: ${e.data.reason || e.data.warning}.`);
      case "E_MSRP_SESSION_FAILED":
        return this.note(e, `The session came to nothing: ${e.data.code} ${e.data.reason}.`);
    }
  }

  private note(e: Event, text: string): void {
    this.put({ key: e.id, side: "note", time: e.time, type: "", text });
  }

  private fate(e: Event, messageID: string, fate: Fate, why: string): void {
    const known = this.items.value.find((i) => i.key === messageID);
    if (known?.fate === "failed" && fate === "reported") return; // a part of it failed
    this.put({ key: messageID, side: "out", time: e.time, type: known?.type ?? "", ...known, fate, why });
  }
}
