// The bubbles of a conversation.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { bodyPath, getBody, hasToken } from "./client";
import type { Conversation, Fate, Item } from "./conversation";
import { clock, octets } from "./format";
import { Empty, Icon, type IconName } from "./ui";

const fates: Record<Fate, [IconName, string]> = {
  sending: ["clock", "sending"],
  queued: ["clock", "queued"],
  delivered: ["check", "delivered"],
  written: ["check", "written"],
  reported: ["checks", "reported"],
  unconfirmed: ["unknown", "unconfirmed"],
  unknown: ["unknown", "unknown"],
  failed: ["cross", "failed"],
};

export function Log({ conversation }: { conversation: Conversation }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const top = useRef(0);
  const items = conversation.items.value;
  // With the document's change, and not after it: a scroll event in between would find the end out of sight.
  useLayoutEffect(() => {
    if (atEnd.current) box.current!.scrollTop = box.current!.scrollHeight;
  }, [items]);
  const scrolled = (): void => {
    const b = box.current!;
    if (b.scrollTop + b.clientHeight > b.scrollHeight - 60) atEnd.current = true;
    else if (b.scrollTop < top.current) atEnd.current = false; // somebody looks further up; what grows by itself does not scroll
    top.current = b.scrollTop;
  };
  return (
    <div class="log" ref={box} onScroll={scrolled} role="log" aria-label="Messages" tabIndex={0}>
      {conversation.trouble.value && <p class="note">{conversation.trouble.value}</p>}
      {conversation.earlier.value > 0 && <p class="note">{conversation.earlier.value} earlier ones are not shown.</p>}
      {items.length === 0 && !conversation.reading.value && (
        <Empty icon="sessions" title="Nothing was said yet">What is written here goes to the peer as it is.</Empty>
      )}
      {items.map((i, n) => (i.side === "note" ? <Note key={i.key} item={i} /> : <Bubble key={i.key} item={i} follows={items[n - 1]?.side === i.side} />))}
    </div>
  );
}

function Note({ item }: { item: Item }) {
  return (
    <p class="note">
      {item.text} <time>{clock(item.time)}</time>
    </p>
  );
}

function Bubble({ item, follows }: { item: Item; follows: boolean }) {
  const out = item.side === "out";
  return (
    <article class={`bubble ${item.side}${follows ? " follows" : ""}${item.fate === "failed" ? " failed" : ""}`} aria-label={out ? "Sent" : "Received"}>
      {item.from && <small class="from">{item.from}</small>}
      <Body item={item} />
      <footer>
        {item.type && item.type !== "text/plain" && <span class="type">{item.type}</span>}
        <time>{clock(item.time)}</time>
        {item.fate && <FateMark item={item} />}
      </footer>
    </article>
  );
}

function FateMark({ item }: { item: Item }) {
  const [icon, word] = fates[item.fate!];
  const asked = item.wantsReport && item.fate === "delivered" ? ", no report yet" : "";
  return (
    <span class={`fate ${item.fate}`} title={item.why}>
      <Icon name={icon} />
      {word}
      {asked}
      {item.fate === "failed" && item.why ? `: ${item.why}` : ""}
      {item.progress !== undefined && ` ${Math.round(item.progress * 100)} %`}
    </span>
  );
}

const isText = (type: string): boolean => /^text\/|[/+](json|xml)\b/.test(type) || type === "";

const isPicture = (type: string): boolean => /^image\/(png|jpeg|gif|webp|avif)/.test(type);
const largestShown = 8 << 20; // octets of an image that is fetched unasked

/** A URL of what an item brings; "": there is none, or not yet. */
function useURL(item: Item): string {
  const [url, setURL] = useState("");
  useEffect(() => {
    let made = "";
    const show = (blob: Blob): void => setURL((made = URL.createObjectURL(blob)));
    const type = isPicture(item.type) ? item.type : "application/octet-stream"; // nothing else is shown, whatever it says it is
    if (item.octets) show(new Blob([item.octets as BlobPart], { type }));
    else if (item.body && (hasToken() || (isPicture(item.type) && item.size! <= largestShown))) void getBody(item.body).then((b) => show(new Blob([b], { type })), () => {});
    else if (item.body) setURL(bodyPath(item.body));
    return () => URL.revokeObjectURL(made);
  }, [item.octets, item.body]);
  return url;
}

function Body({ item }: { item: Item }) {
  const url = useURL(item);
  if (url && isPicture(item.type)) {
    return (
      <a href={url} download={item.name ?? "image"} class="picture">
        <img src={url} alt={item.name ?? `an image of the type ${item.type}`} />
      </a>
    );
  }
  if (url || item.body) {
    return (
      <a href={url} download={item.name ?? "message"} class="file">
        <Icon name="file" />
        <span>
          <b>{item.name ?? "Message"}</b>
          <small>{octets(item.size ?? item.octets?.length ?? 0)} · download</small>
        </span>
      </a>
    );
  }
  if (item.name) {
    return (
      <div class="file">
        <Icon name="file" />
        <span>
          <b>{item.name}</b>
          <small>{octets(item.size ?? 0)}</small>
          {item.progress !== undefined && <progress value={item.progress} max={1} aria-label={`Sending ${item.name}`} />}
        </span>
      </div>
    );
  }
  if (item.text === undefined) return <p class="elsewhere">Sent from elsewhere</p>;
  return isText(item.type) ? <p class="text">{item.text}</p> : <p class="text mono">{item.text}</p>;
}
