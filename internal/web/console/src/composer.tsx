// Writing into a session.
import { useRef, useState } from "preact/hooks";
import { sendFile, sendMessage } from "./client";
import type { Conversation } from "./conversation";
import { curl } from "./format";
import { Button, Copy, Trouble } from "./ui";

interface Props {
  id: string;
  conversation: Conversation;
  open: boolean;
  types?: string[];
}

const longestShown = 1 << 20; // octets of an image that is shown as it is sent

let serial = 0;

export function Composer({ id, conversation, open, types }: Props) {
  const [text, setText] = useState("");
  const [report, setReport] = useState(true);
  const [error, setError] = useState<unknown>();
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const document = { body: text, success_report: report || undefined };

  const send = async (): Promise<void> => {
    if (!text.trim() || !open) return;
    const key = `local-${++serial}`;
    const said = text;
    setText("");
    setError(undefined);
    conversation.put({ key, side: "out", time: new Date().toISOString(), type: "text/plain", text: said, fate: "sending", wantsReport: report });
    try {
      const sent = await sendMessage(id, { body: said, success_report: report || undefined });
      conversation.sent(key, sent.message_id);
    } catch (e) {
      conversation.drop(key);
      setText((typed) => typed || said);
      setError(e);
    }
  };

  const files = async (list: Iterable<File>): Promise<void> => {
    setError(undefined);
    for (const file of list) {
      const key = `local-${++serial}`;
      const item = { key, side: "out" as const, time: new Date().toISOString(), type: file.type || "application/octet-stream", name: file.name, size: file.size, wantsReport: report };
      const octets = file.type.startsWith("image/") && file.size <= longestShown ? new Uint8Array(await file.arrayBuffer()) : undefined;
      conversation.put({ ...item, octets, fate: "sending", progress: 0 });
      try {
        const sent = await sendFile(id, file, report, (progress) => conversation.put({ ...item, octets, fate: "sending", progress }));
        conversation.sent(key, sent.message_id);
      } catch (e) {
        conversation.drop(key);
        setError(e);
        return;
      }
    }
  };

  return (
    <form
      class={`composer${over ? " over" : ""}`}
      onSubmit={(e) => (e.preventDefault(), void send())}
      onDragOver={(e) => (e.preventDefault(), setOver(open))}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => (e.preventDefault(), setOver(false), open && e.dataTransfer && void files(e.dataTransfer.files))}
    >
      <Trouble error={error} onClose={() => setError(undefined)} />
      <div class="write">
        <input ref={picker} type="file" multiple hidden onChange={(e) => (void files(e.currentTarget.files!).then(() => (picker.current!.value = "")))} aria-hidden="true" tabIndex={-1} />
        <Button icon="clip" label="Send a file" disabled={!open} onClick={() => picker.current!.click()} />
        <textarea
          aria-label="Message"
          placeholder={open ? "Write a message" : "The session is not live"}
          rows={Math.min(6, text.split("\n").length)}
          value={text}
          disabled={!open}
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => e.key === "Enter" && !e.shiftKey && !e.isComposing && (e.preventDefault(), void send())}
        />
        <Button icon="send" kind="primary" type="submit" label="Send" disabled={!open || !text.trim()} />
      </div>
      <div class="under">
        <label class="check">
          <input type="checkbox" checked={report} onChange={(e) => setReport(e.currentTarget.checked)} />
          Ask for a success report
        </label>
        {types && <small class="accepts" title={types.join(" ")}>peer accepts {types.join(" ")}</small>}
        <span class="gap" />
        <Copy text={curl("POST", `/v1/sessions/${id}/messages`, document)}>Copy as curl</Copy>
      </div>
    </form>
  );
}
