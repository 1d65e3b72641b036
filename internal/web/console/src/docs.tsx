// The page of the API: shows /openapi.json.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { getDocument } from "./client";
import { curl } from "./format";
import { useTheme } from "./theme";
import { Copy, Trouble } from "./ui";

interface Schema {
  $ref?: string;
  type?: string;
  description?: string;
  format?: string;
  contentEncoding?: string;
  const?: unknown;
  enum?: string[];
  default?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | false;
  oneOf?: Schema[];
}
interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  parameters?: Array<{ name: string; in: string; required?: boolean; description: string; schema: Schema }>;
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema?: Schema }> }>;
}
interface Document {
  info: { title: string; version: string; description: string };
  tags: Array<{ name: string; description: string }>;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

function Page() {
  useTheme();
  const [document_, setDocument] = useState<Document>();
  const [error, setError] = useState<unknown>();
  useEffect(() => void (getDocument() as Promise<Document>).then(setDocument, setError), []);
  if (!document_) return <main><Trouble error={error} /></main>;
  const d = document_;
  const operations = Object.entries(d.paths).flatMap(([path, item]) => Object.entries(item).map(([method, o]) => ({ path, method, o })));
  return (
    <main class="api">
      <div>
        <header class="bar">
          <h1>{d.info.title} {d.info.version}: the API</h1>
          <span class="gap" />
          <a href="/">Console</a> <a href="/openapi.json">openapi.json</a>
        </header>
        <p class="lead">{d.info.description}</p>
        {d.tags.map((tag) => (
          <section aria-label={tag.name}>
            <h2>{tag.name}</h2>
            <p class="lead">{tag.description}</p>
            {operations.filter((x) => x.o.tags.includes(tag.name)).map((x) => <Entry key={x.o.operationId} document={d} {...x} />)}
          </section>
        ))}
        <h2>The events</h2>
        <p class="lead">What <code>data</code> of each event of the stream holds.</p>
        {Object.entries(d.components.schemas).filter(([name]) => name.startsWith("E_")).map(([name, schema]) => (
          <details class="operation" id={name}>
            <summary><code>{name}</code></summary>
            <div>
              <p><Prose text={schema.description ?? ""} /></p>
              <Members document={d} schema={schema.properties?.["data"]} />
            </div>
          </details>
        ))}
      </div>
    </main>
  );
}

function Entry({ document: d, path, method, o }: { document: Document; path: string; method: string; o: Operation }) {
  const body = o.requestBody?.content;
  const command = curl(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase()), body?.["application/json"]?.schema && example(d, body["application/json"].schema));
  return (
    <details class="operation" id={o.operationId}>
      <summary>
        <span class={`method ${method}`}>{method.toUpperCase()}</span>
        <code>{path}</code>
        <span>{o.summary}</span>
      </summary>
      <div>
        {o.description && <p><Prose text={o.description} /></p>}
        {o.parameters && (
          <>
            <h3>Parameters</h3>
            <table>
              {o.parameters.map((p) => (
                <tr><td>{p.name}</td><td>{p.in} · {typeName(p.schema)}</td><td>{p.required && <em>required. </em>}<Prose text={p.description} />{p.schema.default !== undefined && ` ${String(p.schema.default)} without it.`}</td></tr>
              ))}
            </table>
          </>
        )}
        {body && (
          <>
            <h3>Request: {Object.keys(body).join(", ")}</h3>
            <Members document={d} schema={body["application/json"]?.schema} />
          </>
        )}
        {Object.entries(o.responses).filter(([status]) => status < "300").map(([status, r]) => (
          <>
            <h3>{status} {r.description} {Object.keys(r.content ?? {}).join(", ")}</h3>
            <Members document={d} schema={r.content?.["application/json"]?.schema} />
          </>
        ))}
        <h3>Problems</h3>
        <p><small>{Object.entries(o.responses).filter(([s]) => s >= "300").map(([s, r]) => `${s} ${r.description}`).join(" · ") || "none of its own"}</small></p>
        <div class="command"><div><code>{command}</code><Copy text={command} label="Copy as curl" /></div></div>
      </div>
    </details>
  );
}

/** Words between backticks are code; that is all of Markdown that the document uses. */
function Prose({ text }: { text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 ? <code>{part}</code> : part))}</>;
}

const resolved = (d: Document, s?: Schema): Schema | undefined => (s?.$ref ? d.components.schemas[s.$ref.split("/").pop()!] : s);

function typeName(s: Schema): string {
  if (s.$ref) return s.$ref.split("/").pop()!;
  if (s.enum) return s.enum.join(" | ");
  if (s.type === "array") return `list of ${typeName(s.items!)}`;
  if (s.const !== undefined) return JSON.stringify(s.const);
  return [s.type ?? "any", s.format ?? s.contentEncoding].filter(Boolean).join(", ");
}

function Members({ document: d, schema }: { document: Document; schema?: Schema }) {
  const s = resolved(d, schema);
  if (!s?.properties) return null;
  return (
    <table>
      {Object.entries(s.properties).map(([name, p]) => {
        const inner = resolved(d, p.type === "array" ? p.items : p);
        return (
          <>
            <tr><td>{name}</td><td title={typeName(p)}>{typeName(p)}</td><td>{s.required?.includes(name) ? "" : <small>may be missing. </small>}<Prose text={p.description ?? ""} /></td></tr>
            {inner?.properties && p.$ref !== schema?.$ref && <tr><td /><td colSpan={2}><Members document={d} schema={p.type === "array" ? p.items : p} /></td></tr>}
          </>
        );
      })}
    </table>
  );
}

function example(d: Document, schema: Schema): unknown {
  const s = resolved(d, schema)!;
  const known: Record<string, unknown> = { to_uri: "sip:bob@example.org", from_uri: "sip:alice@example.org", body: "hello", jsonrpc: "2.0", method: "which", id: 1 };
  const names = Object.keys(s.properties ?? {}).filter((n) => s.required?.includes(n) || n in known);
  return Object.fromEntries(names.map((n) => [n, known[n] ?? typeName(s.properties![n]!)]));
}

render(<Page />, document.body);
