// How the node does.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Health as Figures, Latency } from "./api";
import { Chart, type Line } from "./chart";
import { getHealth } from "./client";
import { count, duration, octets, rate, seconds } from "./format";
import { Empty, Trouble } from "./ui";

const every = 1000;
const kept = 120;
const samples = signal<Figures[]>([]);
const error = signal<unknown>(undefined);

let watchers = 0;
let timer = 0;

async function sample(): Promise<void> {
  try {
    const figures = await getHealth();
    samples.value = [...samples.value, figures].slice(-kept);
    error.value = undefined;
  } catch (e) {
    error.value = e;
  }
  if (watchers > 0) timer = window.setTimeout(() => void sample(), every);
}

/** How much of something there was for each second between two samples. */
function rates(of: (f: Figures) => number): number[] {
  const all = samples.value;
  return all.slice(1).map((f, i) => {
    const before = all[i]!;
    const passed = (Date.parse(f.now) - Date.parse(before.now)) / 1000;
    return passed > 0 && f.started === before.started ? Math.max(0, (of(f) - of(before)) / passed) : 0;
  });
}

/** How long the share of those took that happened in the ten seconds before each sample; 0: nothing happened. In seconds, to the bound of a bucket. */
function quantiles(of: (f: Figures) => Latency, share: number): number[] {
  const all = samples.value;
  return all.slice(1).map((f, i) => {
    const now = of(f);
    const before = of(all[Math.max(0, i - 9)]!);
    const count = now.count - before.count;
    if (count <= 0) return 0;
    const bucket = now.buckets.findIndex((b, n) => b.count - before.buckets[n]!.count >= count * share);
    return bucket < 0 ? now.buckets.at(-1)!.bound : now.buckets[bucket]!.bound;
  });
}

export function Health() {
  useEffect(() => {
    if (++watchers === 1) void sample();
    return () => {
      if (--watchers === 0) clearTimeout(timer);
    };
  }, []);
  const last = samples.value.at(-1);
  if (!last) {
    return (
      <div class="page">
        <Trouble error={error.value} />
        <Empty icon="health" title="Asking the node" />
      </div>
    );
  }
  const live = last.sessions.inviting + last.sessions.confirmed + last.sessions.established + last.sessions.terminated;
  const levels = (of: (f: Figures) => number): number[] => samples.value.map(of);
  return (
    <div class="page">
      <header class="bar">
        <h1>Health</h1>
        <span class={`badge ${last.status === "ok" && !error.value ? "on" : "off"}`} role="status">{error.value ? "no answer" : last.status}</span>
        <span class="gap" />
        <small>Parley {last.version} · up {duration(Date.parse(last.now) - Date.parse(last.started))}</small>
      </header>
      <Trouble error={error.value} />
      {last.reason && <Trouble error={last.reason} />}
      {last.journal.problem && <Trouble error={`The journal keeps nothing at the moment: ${last.journal.problem}`} />}
      <div class="cards">
        <Card title="Messages" unit="per second" write={rate} lines={[["received", rates((f) => f.messages.received)], ["sent", rates((f) => f.messages.sent)]]} note={`${count(last.messages.received)} received, ${count(last.messages.sent)} sent`} />
        <Card title="Fates" unit="per second" write={rate} lines={[["delivered", rates((f) => f.messages.delivered)], ["failed", rates((f) => f.messages.failed)]]} note={`${count(last.messages.delivered)} delivered, ${count(last.messages.failed)} failed, ${count(last.messages.unconfirmed)} unconfirmed`} />
        <Card title="Response time" unit="of peers" write={seconds} lines={[["median", quantiles((f) => f.latencies.responses, 0.5)], ["99 %", quantiles((f) => f.latencies.responses, 0.99)]]} note={`${count(last.latencies.responses.count)} chunks were answered`} />
        <Card title="Keeping" unit="a message, before its 200" write={seconds} lines={[["median", quantiles((f) => f.latencies.keeping, 0.5)], ["99 %", quantiles((f) => f.latencies.keeping, 0.99)]]} note={`${count(last.latencies.keeping.count)} messages were kept`} />
        <Card title="Sessions" unit="now" write={count} lines={[["live", levels((f) => f.sessions.inviting + f.sessions.confirmed + f.sessions.established + f.sessions.terminated)], ["established", levels((f) => f.sessions.established)]]} note={`${count(live)} live, of which ${count(last.sessions.inviting)} inviting`} />
        <Card title="Journal" unit="events per second" write={rate} lines={[["appended", rates((f) => f.journal.appended)], ["dropped", rates((f) => f.journal.dropped)]]} note={`${count(last.journal.events)} kept in ${octets(last.journal.octets)}, ${count(last.journal.waiting)} wait`} />
        <Card title="Memory" unit="of the process" write={octets} lines={[["memory", levels((f) => f.process.memory)]]} note={`${octets(last.process.memory)} from the operating system`} />
        <Card title="Goroutines" unit="now" write={count} lines={[["goroutines", levels((f) => f.process.goroutines)]]} note={`${last.process.event_streams} clients follow the events`} />
      </div>
      <section class="card listeners" aria-label="Listeners">
        <h2>Listeners</h2>
        <dl>
          <div><dt>SIP</dt><dd>{last.listeners.sip.join("  ")}</dd></div>
          <div><dt>MSRP</dt><dd>{last.listeners.msrp.join("  ")}</dd></div>
          <div><dt>HTTP</dt><dd>{location.origin}</dd></div>
        </dl>
      </section>
    </div>
  );
}

function Card({ title, unit, lines, note, write }: { title: string; unit: string; lines: Line[]; note: string; write: (n: number) => string }) {
  return (
    <section class="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <small>{unit}</small>
      </header>
      <div class="now">
        {lines.map(([name, values], i) => (
          <span class={`series-${i}`}>
            <b>{write(values.at(-1) ?? 0)}</b> <small>{name}</small>
          </span>
        ))}
      </div>
      <Chart lines={lines} room={kept} label={`${title}, ${unit}, the last two minutes`} />
      <small>{note}</small>
    </section>
  );
}
