// Starting a session.
import { useEffect, useRef, useState } from "preact/hooks";
import { getHealth, Refusal, startSession } from "./client";
import { curl } from "./format";
import { add, go } from "./store";
import { Button, Copy, Field, Trouble } from "./ui";

const remembered = (name: string): string => localStorage.getItem(`parley.start.${name}`) ?? "";

export function StartDialog({ onClose }: { onClose: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  const [to, setTo] = useState(remembered("to"));
  const [from, setFrom] = useState(remembered("from"));
  const [types, setTypes] = useState(remembered("types") || "*");
  const [trace, setTrace] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    box.current!.showModal();
    if (!from) void proposal().then((uri) => setFrom((typed) => typed || uri), () => {});
  }, []);
  const document = { to_uri: to.trim(), from_uri: from.trim(), content_types: types.split(/[\s,]+/).filter(Boolean), trace: trace || undefined };
  const start = async (e: Event): Promise<void> => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const session = await startSession(document);
      for (const [name, value] of Object.entries({ to, from, types })) localStorage.setItem(`parley.start.${name}`, value);
      add(session);
      onClose();
      go(`/sessions/${session.session_id}`);
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  };
  const wrong = (field: string): string => (error instanceof Refusal ? error.of(field) : "");
  const placed = ["to_uri", "from_uri", "content_types"].some(wrong);
  return (
    <dialog ref={box} onClose={onClose} aria-labelledby="start-title">
      <form onSubmit={(e) => void start(e)}>
        <h2 id="start-title">Start a session</h2>
        <Field label="To" value={to} onInput={setTo} placeholder="sip:bob@example.org" error={wrong("to_uri")} hint="Whom to call: a SIP URI." autofocus />
        <Field label="From" value={from} onInput={setFrom} placeholder="sip:alice@example.org" error={wrong("from_uri")} hint="Who calls." />
        <Field label="Media types" value={types} onInput={setTypes} error={wrong("content_types")} hint="What may be sent to this node, separated by blanks. * is anything." />
        <label class="check">
          <input type="checkbox" checked={trace} onChange={(e) => setTrace(e.currentTarget.checked)} />
          Trace it from its INVITE on
        </label>
        {!placed && <Trouble error={error} />}
        <div class="actions">
          <Copy text={curl("POST", "/v1/sessions", document)}>Copy as curl</Copy>
          <span class="gap" />
          <Button onClick={() => box.current!.close()}>Cancel</Button>
          <Button type="submit" kind="primary" disabled={busy}>{busy ? "Calling…" : "Call"}</Button>
        </div>
      </form>
    </dialog>
  );
}

/** A URI of this node's own. */
async function proposal(): Promise<string> {
  const listener = (await getHealth()).listeners.sip[0] ?? "";
  const at = listener.slice(listener.indexOf(":") + 1).replace(/:5060$/, "");
  return at ? `sip:console@${at}` : "";
}
