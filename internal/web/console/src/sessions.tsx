// The sessions, and the one that is looked at.
import { useMemo, useState } from "preact/hooks";
import { count, duration, host, person, rate } from "./format";
import { SessionView } from "./session";
import { StartDialog } from "./start";
import { forgetEnded, go, now, rows, selected, trouble, type Row } from "./store";
import { TraceNext } from "./trace";
import { Button, Choice, Empty, Icon, Rows, Search, Trouble } from "./ui";

type Which = "live" | "ended" | "all";

const stateWords: Record<Row["state"], string> = { inviting: "Calling", confirmed: "Answered", established: "Live", terminated: "Ended" };
export const stateOf = (r: Row): string => (r.over ? (r.reason || "Ended") : stateWords[r.state]);
export const lookOf = (r: Row): string => (r.over ? "over" : r.state);

export function Sessions() {
  const [text, setText] = useState("");
  const [which, setWhich] = useState<Which>("all");
  const [starting, setStarting] = useState(false);
  const shown = useMemo(() => filter(rows.value, which, text), [rows.value, which, text]);
  const live = rows.value.filter((r) => !r.over).length;
  const chosen = rows.value.find((r) => r.session_id === selected.value);
  return (
    <div class={`split${selected.value ? " deep" : ""}`}>
      <section class="side" aria-label="Sessions">
        <header class="bar">
          <h1>Sessions</h1>
          <span class="badge" aria-label={`${live} live`}>{count(live)}</span>
          <span class="gap" />
          <Button icon="plus" kind="primary" id="start" onClick={() => setStarting(true)}>Start</Button>
        </header>
        <div class="tools">
          <Search value={text} onInput={setText} label="Search sessions" />
          <Choice label="Which sessions" all={{ all: "All", live: "Live", ended: "Ended" }} value={which} onChange={setWhich} />
        </div>
        <Trouble error={trouble.value} />
        {shown.length === 0 ? (
          <Nothing any={rows.value.length > 0} />
        ) : (
          <Rows items={shown} height={68} label="Sessions" keyOf={(r) => r.session_id} selected={selected.value} onSelect={(id) => go(`/sessions/${id}`)} render={(r) => <Line row={r} />} />
        )}
        <footer class="foot" aria-live="polite">
          {shown.length} of {rows.value.length}
          {rows.value.some((r) => r.ended) && (
            <button type="button" class="link" onClick={forgetEnded}>Forget the ended ones</button>
          )}
        </footer>
      </section>
      <section class="main" aria-label="Session">
        {selected.value ? (
          <SessionView key={selected.value} id={selected.value} row={chosen} />
        ) : (
          <Empty icon="sessions" title="No session chosen">
            Choose one from the list, or start one.
            <TraceNext />
          </Empty>
        )}
      </section>
      {starting && <StartDialog onClose={() => setStarting(false)} />}
    </div>
  );
}

function Nothing({ any }: { any: boolean }) {
  return any ? (
    <Empty icon="search" title="None of that kind">Nothing matches the search and the filter.</Empty>
  ) : (
    <Empty icon="sessions" title="It is quiet here">
      Start a session, or call this node:
      <code>parley chat sip:anyone@{location.hostname}</code>
    </Empty>
  );
}

function filter(all: Row[], which: Which, text: string): Row[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((r) => {
    if (which !== "all" && r.over !== (which === "ended")) return false;
    if (words.length === 0) return true;
    const tags = Object.entries(r.tags ?? {}).map(([k, v]) => `${k}=${v}`);
    const hay = [r.session_id, r.from_uri, r.to_uri, r.call_id, r.identity, r.handler, stateOf(r), ...tags].join(" ").toLowerCase();
    return words.every((w) => hay.includes(w));
  });
}

function Line({ row }: { row: Row }) {
  const until = row.ended || now.value;
  return (
    <>
      <span class={`dot ${lookOf(row)}`} aria-hidden="true" />
      <div class="who">
        <b>
          {row.identity ? person(row.identity) : person(row.peer_uri)}
          {row.identity && <Icon name="shield" label={`verified by ${row.identity_by}`} />}
        </b>
        <small>
          <span class="sr">{row.type === "UAC" ? "called by this node" : "calls this node"}, </span>
          <span aria-hidden="true">{row.type === "UAC" ? "→ " : "← "}</span>
          {host(row.peer_uri)} · {stateOf(row)}
        </small>
      </div>
      <div class="figures">
        <span title="duration">{duration(until - Date.parse(row.started))}</span>
        <small title="messages received and sent">
          <span class="sr">received </span>↓{count(row.received)} <span class="sr">sent </span>↑{count(row.sent)}
          {row.rate > 0 && <em> {rate(row.rate)}/s</em>}
        </small>
      </div>
    </>
  );
}
