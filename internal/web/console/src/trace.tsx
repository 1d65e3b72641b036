// The SIP and MSRP messages of one session, as a ladder.
import { useEffect, useState } from "preact/hooks";
import type { Message } from "./api";
import { getTrace, recordTrace, Refusal, traceNext } from "./client";
import { clock, octets } from "./format";
import { Button, Copy, Empty, Rows, Trouble } from "./ui";

const askEvery = 1000;
const renewEvery = 20_000; // the node records for a minute from the last time on

interface Recorded {
  messages: Message[];
  dropped: number;
  recording: boolean;
}

/** Has the session recorded for as long as it is looked at. */
function useTrace(id: string, open: boolean): [Recorded, unknown] {
  const [recorded, setRecorded] = useState<Recorded>({ messages: [], dropped: 0, recording: false });
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let stopped = false;
    let last = 0;
    let renewed = 0;
    let timer = 0;
    const look = async (): Promise<void> => {
      try {
        if (open && Date.now() - renewed > renewEvery) {
          await recordTrace(id);
          renewed = Date.now();
        }
        const more = await getTrace(id, last);
        last = more.messages.at(-1)?.number ?? last;
        if (stopped) return;
        setError(undefined);
        setRecorded((r) => ({ dropped: more.dropped, recording: more.recording, messages: more.messages.length ? r.messages.concat(more.messages).slice(-2000) : r.messages }));
      } catch (e) {
        if (stopped) return;
        const gone = e instanceof Refusal && e.problem.status === 404;
        if (!gone || open) setError(e);
        if (gone) return;
      }
      if (!stopped) timer = window.setTimeout(() => void look(), askEvery);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [id, open]);
  return [recorded, error];
}

export function Trace({ id, open }: { id: string; open: boolean }) {
  const [{ messages, dropped, recording }, error] = useTrace(id, open);
  const [chosen, setChosen] = useState("");
  const message = messages.find((m) => String(m.number) === chosen);
  const all = messages.map((m) => `# ${m.time} ${m.protocol} ${m.sent ? `${m.local} -> ${m.remote}` : `${m.remote} -> ${m.local}`}\n${m.text}`).join("\n");
  return (
    <div class={`trace${message ? " deep" : ""}`}>
      <div class="ladder">
        <header>
          <b>this node</b>
          <small role="status">
            {recording ? "recording" : "not recording"} · {messages.length} messages{dropped > 0 && `, ${dropped} before them no longer kept`}
          </small>
          <b>peer</b>
        </header>
        <Trouble error={error} />
        {messages.length === 0 ? (
          <Empty icon="ladder" title={open ? "Nothing has passed yet" : "Nothing was recorded"}>
            {open ? "Messages are recorded from now on. To see an INVITE, start the session with a trace, or trace the next call." : "A session is recorded while its trace is looked at."}
            <TraceNext />
          </Empty>
        ) : (
          <Rows items={messages} height={44} label="Messages on the wire" keyOf={(m) => String(m.number)} selected={chosen} onSelect={setChosen} bottom render={(m) => <Step message={m} />} />
        )}
      </div>
      {message && (
        <div class="raw">
          <header class="bar">
            <div class="who">
              <h1>{summary(message)[0]}</h1>
              <small>
                {message.protocol} {message.transport} · {message.sent ? `${message.local} → ${message.remote}` : `${message.remote} → ${message.local}`} · {octets(message.octets)}
              </small>
            </div>
            <span class="gap" />
            <Copy text={message.text} label="Copy the message" />
            <Copy text={all} label="Copy all messages">All</Copy>
            <Button icon="cross" label="Close" onClick={() => setChosen("")} />
          </header>
          <pre tabIndex={0}>{message.text}</pre>
        </div>
      )}
    </div>
  );
}

function Step({ message: m }: { message: Message }) {
  const [what, more] = summary(m);
  return (
    <div class={`step ${m.protocol.toLowerCase()} ${m.sent ? "out" : "in"}${isRefusal(what) ? " failed" : ""}`}>
      <time>{clock(m.time, true)}</time>
      <div class="arrow">
        <span>
          <b>{what}</b> <small>{more}</small>
        </span>
        <span class="sr">{m.sent ? "sent" : "received"}</span>
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <path d="M0 4H100" />
        </svg>
        <svg class="tip" viewBox="0 0 8 8" aria-hidden="true">
          <path d="M0 0L8 4L0 8z" />
        </svg>
      </div>
      <i>{m.protocol}</i>
    </div>
  );
}

const isRefusal = (what: string): boolean => /^[3-6]\d\d/.test(what);

const header = (text: string, name: string): string => new RegExp(`^${name}\\s*:\\s*(.*?)\\r?$`, "im").exec(text.split("\r\n\r\n", 1)[0] ?? "")?.[1] ?? "";

/** What a message is, and what tells it from others. */
function summary(m: Message): [what: string, more: string] {
  const first = m.text.split("\r\n", 1)[0] ?? "";
  const words = first.split(" ");
  if (m.protocol === "SIP") {
    if (words[0] === "SIP/2.0") return [words.slice(1).join(" "), header(m.text, "CSeq").replace(/^\d+ /, "")];
    return [words[0] ?? "", words[1] ?? ""];
  }
  if (/^\d{3}$/.test(words[2] ?? "")) return [words.slice(2).join(" "), ""];
  const parts = [header(m.text, "Byte-Range"), header(m.text, "Content-Type"), header(m.text, "Status")];
  return [words[2] ?? "", parts.filter(Boolean).join("  ")];
}

/** Has the next call that comes in recorded from its INVITE on. */
export function TraceNext() {
  const [said, setSaid] = useState<"" | "waiting">("");
  const [error, setError] = useState<unknown>();
  const wait = (): void => void traceNext(1).then(() => setSaid("waiting"), setError);
  return (
    <div class="trace-next">
      <Button icon="ladder" pressed={said === "waiting"} onClick={wait}>{said ? "The next call will be traced" : "Trace the next call"}</Button>
      <Trouble error={error} />
    </div>
  );
}
