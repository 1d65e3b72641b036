// Small parts that the views share.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Refusal } from "./client";

const paths = {
  sessions: "M4 5h16v11H9l-5 4z",
  events: "M4 6h16M4 12h10M4 18h13",
  health: "M3 12h4l3-7 4 14 3-7h4",
  docs: "M6 3h9l4 4v14H6zM14 3v5h5",
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-7-6 16-3-7z",
  clip: "M8 12l6-6a3 3 0 0 1 5 5l-8 8a5 5 0 0 1-7-7l8-8",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12l5 5 9-10",
  checks: "M2 12l5 5 8-10M11 16l2 1 8-10",
  cross: "M6 6l12 12M18 6L6 18",
  clock: "M12 7v5l3 3M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18",
  back: "M15 5l-7 7 7 7",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  end: "M12 3v8M6.5 6.5a8 8 0 1 0 11 0",
  shield: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z",
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 1 0 0-14M16 16l5 5",
  file: "M6 3h8l4 4v14H6zM13 3v5h5",
  unknown: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17v1",
  ladder: "M6 3v18M18 3v18M6 8h11m-3-3l3 3-3 3M18 16H7m3-3l-3 3 3 3",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, label }: { name: IconName; label?: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : "true"}>
      <path d={paths[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon?: IconName;
  children?: ComponentChildren;
  label?: string; // where there are no words in it
  kind?: "primary" | "quiet" | "danger";
  onClick?: () => void;
  disabled?: boolean;
  type?: "button" | "submit";
  pressed?: boolean;
  id?: string;
}

export function Button({ icon, children, label, kind = "quiet", type = "button", pressed, ...rest }: ButtonProps) {
  return (
    <button type={type} class={`button ${kind}${children ? "" : " bare"}`} aria-label={label} title={label} aria-pressed={pressed} {...rest}>
      {icon && <Icon name={icon} />}
      {children && <span>{children}</span>}
    </button>
  );
}

/** Copies a text, and says that it did. */
export function Copy({ text, label, children }: { text: string; label?: string; children?: ComponentChildren }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setDone(true);
  };
  return (
    <Button icon={done ? "check" : "copy"} label={label} onClick={() => void copy()}>
      {children && (done ? "Copied" : children)}
    </Button>
  );
}

/** An error, where it belongs. */
export function Trouble({ error, onClose }: { error: unknown; onClose?: () => void }) {
  if (!error) return null;
  const refusal = error instanceof Refusal ? error.problem : undefined;
  return (
    <div class="trouble" role="alert">
      <div>
        {refusal && refusal.status > 0 && <b>{`${refusal.status} ${refusal.title}. `}</b>}
        {error instanceof Error ? error.message : String(error)}
      </div>
      {onClose && <Button icon="cross" label="Dismiss" onClick={onClose} />}
    </div>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onInput: (v: string) => void;
  error?: string;
  hint?: string;
  placeholder?: string;
  autofocus?: boolean;
  secret?: boolean;
}

export function Field({ label, value, onInput, error, hint, placeholder, autofocus, secret }: FieldProps) {
  const id = `field-${label.toLowerCase().replaceAll(" ", "-")}`;
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (autofocus) input.current?.focus();
  }, []);
  return (
    <div class={`field${error ? " wrong" : ""}`}>
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={input}
        type={secret ? "password" : "text"}
        value={value}
        placeholder={placeholder}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={error ? "true" : undefined}
        aria-describedby={error || hint ? `${id}-says` : undefined}
        onInput={(e) => onInput(e.currentTarget.value)}
      />
      {(error || hint) && (
        <small id={`${id}-says`} role={error ? "alert" : undefined}>
          {error || hint}
        </small>
      )}
    </div>
  );
}

/** A search field; / leads there from anywhere. */
export function Search({ value, onInput, label }: { value: string; onInput: (v: string) => void; label: string }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const slash = (e: KeyboardEvent): void => {
      const at = e.target as HTMLElement;
      if (e.key !== "/" || at.closest("input, textarea, select, dialog")) return;
      e.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  return (
    <div class="search">
      <Icon name="search" />
      <input ref={input} type="search" aria-label={label} placeholder={label} value={value} onInput={(e) => onInput(e.currentTarget.value)} spellcheck={false} />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}

/** Some of a few values. */
export function Choice<T extends string>({ label, all, value, onChange }: { label: string; all: Record<T, string>; value: T; onChange: (v: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {(Object.keys(all) as T[]).map((v) => (
        <button type="button" aria-pressed={v === value} onClick={() => onChange(v)}>
          {all[v]}
        </button>
      ))}
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <div>{children}</div>}
    </div>
  );
}

interface RowsProps<T> {
  items: T[];
  height: number;
  label: string;
  render: (item: T, index: number) => JSX.Element;
  keyOf: (item: T) => string;
  selected?: string;
  onSelect?: (key: string) => void;
  bottom?: boolean; // stay at the end while more comes
}

/** A list of rows of one height, of which those in sight are in the document. */
export function Rows<T>({ items, height, label, render, keyOf, selected, onSelect, bottom }: RowsProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const atEnd = useRef(true);
  const look = (): void => {
    const b = box.current!;
    atEnd.current = b.scrollTop + b.clientHeight >= b.scrollHeight - height;
    setView({ top: b.scrollTop, height: b.clientHeight });
  };
  useEffect(() => {
    const watch = new ResizeObserver(look);
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (bottom && atEnd.current) box.current!.scrollTop = items.length * height;
  }, [items.length]);
  const first = Math.max(0, Math.floor(view.top / height) - 6);
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / height) + 6);
  const move = (e: KeyboardEvent): void => {
    if (!onSelect) return;
    const at = items.findIndex((i) => keyOf(i) === selected);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, Home: 0, End: items.length - 1, PageDown: at + 10, PageUp: at - 10 }[e.key];
    if (to === undefined || items.length === 0) return;
    e.preventDefault();
    const index = Math.min(items.length - 1, Math.max(0, to));
    const b = box.current!;
    if (index * height < b.scrollTop) b.scrollTop = index * height;
    else if ((index + 1) * height > b.scrollTop + b.clientHeight) b.scrollTop = (index + 1) * height - b.clientHeight;
    onSelect(keyOf(items[index]!));
  };
  return (
    <div
      class="rows"
      ref={box}
      onScroll={look}
      tabIndex={0}
      role={onSelect ? "listbox" : "log"}
      aria-label={label}
      aria-activedescendant={onSelect && selected ? `row-${selected}` : undefined}
      aria-live={onSelect ? undefined : "off"}
      onKeyDown={move}
    >
      <div class="rows-all" style={{ height: `${items.length * height}px` }}>
        {items.slice(first, last).map((item, i) => {
          const key = keyOf(item);
          return (
            <div
              key={key}
              id={`row-${key}`}
              class={`row${key === selected ? " selected" : ""}`}
              role={onSelect ? "option" : undefined}
              aria-selected={onSelect ? key === selected : undefined}
              aria-setsize={onSelect ? items.length : undefined}
              aria-posinset={onSelect ? first + i + 1 : undefined}
              style={{ transform: `translateY(${(first + i) * height}px)`, height: `${height}px` }}
              onClick={() => onSelect?.(key)}
            >
              {render(item, first + i)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
