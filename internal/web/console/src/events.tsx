// Events as they happen.
import { useMemo, useState } from "preact/hooks";
import type { Event } from "./api";
import { clock } from "./format";
import { dropped, events, following, go } from "./store";
import { Button, Choice, Copy, Empty, Rows, Search } from "./ui";

const short = (type: string): string => type.replace("E_MSRP_", "").replaceAll("_", " ").toLowerCase();

type Kind = "all" | "sessions" | "messages" | "failures";

const isFailure = (e: Event): boolean => {
  switch (e.type) {
    case "E_MSRP_SESSION_FAILED":
      return true;
    case "E_MSRP_MSG_SENT":
      return e.data.fate === "failed";
    case "E_MSRP_REPORT_RECEIVED":
      return !/^2\d\d/.test(e.data.status);
  }
  return false;
};

function of(kind: Kind, e: Event): boolean {
  switch (kind) {
    case "sessions":
      return e.type.startsWith("E_MSRP_SESSION");
    case "messages":
      return !e.type.startsWith("E_MSRP_SESSION");
    case "failures":
      return isFailure(e);
  }
  return true;
}

export function Events() {
  const [text, setText] = useState("");
  const [kind, setKind] = useState<Kind>("all");
  const [held, setHeld] = useState<Event[] | null>(null); // what was there when it was paused
  const [chosen, setChosen] = useState("");
  const source = held ?? events.value;
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return source.filter((e) => of(kind, e) && (words.length === 0 || words.every((w) => JSON.stringify(e).toLowerCase().includes(w))));
  }, [source, kind, text]);
  const event = shown.find((e) => e.id === chosen);
  const behind = held ? events.value.length - held.length : 0;
  return (
    <div class={`split wide${event ? " deep" : ""}`}>
      <section class="side" aria-label="Events">
        <header class="bar">
          <h1>Events</h1>
          <span class={`badge ${following.value ? "on" : "off"}`} role="status">{held ? `paused${behind > 0 ? `, ${behind} more` : ""}` : following.value ? "live" : "not connected"}</span>
          <span class="gap" />
          <Button icon={held ? "play" : "pause"} pressed={!!held} id="pause" onClick={() => setHeld(held ? null : events.value)}>{held ? "Go on" : "Pause"}</Button>
        </header>
        <div class="tools">
          <Search value={text} onInput={setText} label="Filter events" />
          <Choice label="Which events" all={{ all: "All", sessions: "Sessions", messages: "Messages", failures: "Failures" }} value={kind} onChange={setKind} />
        </div>
        {dropped.value > 0 && <p class="note">{dropped.value} events came too fast and were dropped.</p>}
        {shown.length === 0 ? (
          <Empty icon="events" title={source.length ? "None of that kind" : "Nothing has happened yet"}>{source.length ? "Nothing matches the filter." : "Events are shown from the moment that this page was opened."}</Empty>
        ) : (
          <Rows items={shown} height={36} label="Events" keyOf={(e) => e.id} selected={chosen} onSelect={setChosen} bottom={!held} render={(e) => <Line event={e} />} />
        )}
      </section>
      <section class="main" aria-label="Event">
        {event ? (
          <div class="event">
            <header class="bar">
              <span class="only-narrow"><Button icon="back" label="Back to the events" onClick={() => setChosen("")} /></span>
              <h1>{event.type}</h1>
              <span class="gap" />
              {event.subject && <Button icon="sessions" onClick={() => go(`/sessions/${event.subject}`)}>Session</Button>}
              <Copy text={JSON.stringify(event, null, 2)}>Copy</Copy>
            </header>
            <pre tabIndex={0}>{JSON.stringify(event, null, 2)}</pre>
          </div>
        ) : (
          <Empty icon="events" title="No event chosen">Choose one to see all of it.</Empty>
        )}
      </section>
    </div>
  );
}

function Line({ event }: { event: Event }) {
  return (
    <div class={`event-line${isFailure(event) ? " failed" : ""}`}>
      <time>{clock(event.time, true)}</time>
      <b>{short(event.type)}</b>
      <span>{summary(event)}</span>
      <code>{event.subject?.slice(0, 8)}</code>
    </div>
  );
}

function summary(e: Event): string {
  switch (e.type) {
    case "E_MSRP_SESSION_NEW":
      return `${e.data.from_uri} → ${e.data.to_uri}`;
    case "E_MSRP_SESSION_WARNING":
      return [e.data.warning, e.data.reason].filter(Boolean).join(": ");
    case "E_MSRP_SESSION_END":
      return e.data.reason ?? "";
    case "E_MSRP_SESSION_FAILED":
      return `${e.data.code} ${e.data.reason}`;
    case "E_MSRP_MSG_RECEIVED":
      return `${e.data.content_type}  ${e.data.body ?? ""}`;
    case "E_MSRP_MSG_SENT":
      return [e.data.fate, e.data.code, e.data.comment].filter(Boolean).join(" ");
    case "E_MSRP_REPORT_RECEIVED":
      return `${e.data.status}  ${e.data.byte_range}`;
  }
  return "";
}
