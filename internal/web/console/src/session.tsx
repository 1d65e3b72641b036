// One session: its conversation, and what is known of it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { endSession } from "./client";
import { Composer } from "./composer";
import { Conversation } from "./conversation";
import { clock, curl, duration, person } from "./format";
import { Log } from "./log";
import { lookOf, stateOf } from "./sessions";
import { go, now, refresh, type Row } from "./store";
import { Trace } from "./trace";
import { Button, Choice, Copy, Icon, Trouble } from "./ui";

type Part = "conversation" | "trace" | "details";

export function SessionView({ id, row }: { id: string; row?: Row }) {
  const conversation = useMemo(() => new Conversation(id), [id]);
  useEffect(() => () => conversation.close(), [conversation]);
  const [part, setPart] = useState<Part>("conversation");
  const [error, setError] = useState<unknown>();
  const open = !!row && !row.over;
  const end = async (): Promise<void> => {
    try {
      await endSession(id);
      await refresh();
    } catch (e) {
      setError(e);
    }
  };
  return (
    <div class="session">
      <header class="bar">
        <span class="only-narrow">
          <Button icon="back" label="Back to the sessions" onClick={() => go("/sessions")} />
        </span>
        <div class="who">
          <h1>
            {row ? person(row.identity || row.peer_uri) : "Session"}
            {row?.identity && <Icon name="shield" label={`verified by ${row.identity_by}`} />}
          </h1>
          <small>
            <span class={`dot ${row ? lookOf(row) : "over"}`} aria-hidden="true" />
            <span role="status" id="state">{row ? stateOf(row) : "Not live"}</span>
            {row && <> · {duration((row.ended || now.value) - Date.parse(row.started))}</>}
          </small>
        </div>
        <span class="gap" />
        <Choice label="What to see" all={{ conversation: "Conversation", trace: "Trace", details: "Details" }} value={part} onChange={setPart} />
        <Button icon="end" kind="danger" id="end" disabled={!open} onClick={() => void end()}>End</Button>
      </header>
      <Trouble error={error} onClose={() => setError(undefined)} />
      {part === "conversation" && (
        <>
          <Log conversation={conversation} />
          <Composer id={id} conversation={conversation} open={open && row.state !== "inviting"} types={row?.content_types} />
        </>
      )}
      {part === "trace" && <Trace id={id} open={open} />}
      {part === "details" && <Details id={id} row={row} />}
    </div>
  );
}

function Details({ id, row }: { id: string; row?: Row }) {
  const path = `/v1/sessions/${id}`;
  const commands: Array<[string, string]> = [
    ["Look at it", curl("GET", path)],
    ["Send a message", curl("POST", `${path}/messages`, { body: "hello" })],
    ["Send a file", `curl -T photo.jpg -H 'Content-Type: image/jpeg' ${location.origin}${path}/files/`],
    ["Follow its events", `curl -N '${location.origin}/v1/events?from=0&session=${id}'`],
    ["End it", curl("DELETE", path)],
  ];
  const facts: Array<[string, string | undefined]> = row
    ? [
        ["session_id", id], ["State", stateOf(row)], ["From", row.from_uri], ["To", row.to_uri],
        ["Who called", row.type === "UAC" ? "this node (UAC)" : "the peer (UAS)"],
        ["Identity", row.identity && `${row.identity}${row.identity_realm ? ` of ${row.identity_realm}` : ""}, verified by ${row.identity_by}`],
        ["Call-ID", row.call_id], ["Peer's path", row.peer_path], ["Peer accepts", row.content_types?.join(" ")], ["Handler", row.handler],
        ["Tags", row.tags && Object.entries(row.tags).map(([k, v]) => `${k}=${v}`).join(" ")],
        ["Started", `${new Date(row.started).toLocaleDateString()} ${clock(row.started)}`], ["Expires", row.expires && clock(row.expires)],
        ["Messages", `${row.received} received, ${row.sent} sent`],
      ]
    : [["session_id", id], ["State", "not live: the node does not know it any more"]];
  return (
    <div class="details">
      <dl>
        {facts.filter(([, v]) => v).map(([k, v]) => (
          <div>
            <dt>{k}</dt>
            <dd>{v}</dd>
          </div>
        ))}
      </dl>
      <h2>From a shell</h2>
      {commands.map(([what, text]) => (
        <div class="command">
          <small>{what}</small>
          <div>
            <code>{text}</code>
            <Copy text={text} label={`Copy: ${what}`} />
          </div>
        </div>
      ))}
    </div>
  );
}
