// What the console asks of the node: the same API as everybody's, described at /openapi.json.
import { signal } from "@preact/signals";
import type { Event, Health, Problem, Recording, SendMessage, SentFile, SentMessage, Session, SessionList, StartSession } from "./api";

/** The token that is shown, for this tab; set where a node asks for one. */
const tokenKey = "parley.token";
export const tokenNeeded = signal(false);

export function showToken(token: string): void {
  sessionStorage.setItem(tokenKey, token);
  tokenNeeded.value = false;
}

function credential(): Record<string, string> {
  const token = sessionStorage.getItem(tokenKey);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** An error that the API told, or the want of any answer (status 0). */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
  /** What is wrong with one field; "": nothing. */
  of(field: string): string {
    return this.problem.errors?.find((e) => e.field === field)?.detail ?? "";
  }
}

const unreachable = (): Refusal =>
  new Refusal({ type: "about:blank", title: "No answer", status: 0, detail: "The node does not answer. Is it running?" });

async function refusal(answer: Response): Promise<Refusal> {
  try {
    return new Refusal((await answer.json()) as Problem);
  } catch {
    return new Refusal({ type: "about:blank", title: answer.statusText, status: answer.status });
  }
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers: { ...credential(), ...init.headers } });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw unreachable();
  }
  if (answer.status === 401) tokenNeeded.value = true;
  if (!answer.ok && answer.status !== 304) throw await refusal(answer);
  return answer;
}

async function post<T>(path: string, document: unknown): Promise<T> {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(document) });
  return (await answer.json()) as T;
}

const sessionPath = (id: string): string => `/v1/sessions/${encodeURIComponent(id)}`;

export const startSession = (s: StartSession): Promise<Session> => post("/v1/sessions", s);
export const sendMessage = (id: string, m: SendMessage): Promise<SentMessage> => post(`${sessionPath(id)}/messages`, m);
export const getHealth = async (): Promise<Health> => (await ask("/v1/health")).json();
export const getDocument = async (): Promise<any> => (await ask("/openapi.json")).json();
export const endSession = async (id: string): Promise<void> => void (await ask(sessionPath(id), { method: "DELETE" }));

export const traceNext = async (calls: number): Promise<void> =>
  void (await ask("/v1/traces", { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ calls }) }));
export const recordTrace = async (id: string): Promise<void> => void (await ask(`${sessionPath(id)}/trace`, { method: "PUT" }));
export const getTrace = async (id: string, after: number): Promise<Recording> => (await ask(`${sessionPath(id)}/trace?after=${after}`)).json();

/** The body of a message that is too large for its event. A browser can follow the path by itself where no token is needed. */
export const bodyPath = (id: string): string => `/v1/bodies/${encodeURIComponent(id)}`;
export const getBody = async (id: string): Promise<Blob> => (await ask(bodyPath(id))).blob();
export const hasToken = (): boolean => !!sessionStorage.getItem(tokenKey);

/** All sessions. */
export async function listSessions(): Promise<Session[]> {
  const all: Session[] = [];
  let after = "";
  do {
    const page: SessionList = await (await ask(`/v1/sessions?limit=1000&after=${after}`)).json();
    all.push(...page.sessions);
    after = page.next ?? "";
  } while (after);
  return all;
}

/** Sends a file as it is read; progress hears a share from 0 to 1. fetch tells no progress, hence the older interface. */
export function sendFile(id: string, file: File, report: boolean, progress: (share: number) => void): Promise<SentFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `${sessionPath(id)}/files/${encodeURIComponent(file.name)}${report ? "?success_report=yes" : ""}`);
    for (const [name, value] of Object.entries(credential())) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
    request.onerror = () => reject(unreachable());
    request.onload = () => {
      try {
        const document = JSON.parse(request.responseText);
        if (request.status < 300) resolve(document as SentFile);
        else reject(new Refusal(document as Problem));
      } catch {
        reject(unreachable());
      }
    };
    request.send(file);
  });
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/** What a follower of events is told besides them. */
export interface Follower {
  event(e: Event): void;
  /** The stream is there, or has gone; why says what is in its way. */
  connected?(on: boolean, why?: string): void;
  lost?(dropped: number): void;
}

/** Follows events until signal ends it, from where it was cut off. from: "0" is from the oldest kept, "" from now on. */
export async function follow(query: { from?: string; session?: string }, to: Follower, signal: AbortSignal): Promise<void> {
  let cursor = query.from ?? "";
  while (!signal.aborted) {
    try {
      const parameters = new URLSearchParams();
      if (query.session) parameters.set("session", query.session);
      if (cursor) parameters.set("from", cursor);
      const answer = await ask(`/v1/events?${parameters}`, { signal });
      to.connected?.(true);
      await read(answer, (name, id, data) => {
        if (id) cursor = id;
        if (name === "lost") to.lost?.((JSON.parse(data) as { dropped: number }).dropped);
        else if (data) to.event(JSON.parse(data) as Event);
      });
      to.connected?.(false, "The stream of events ended.");
    } catch (e) {
      if (signal.aborted) return;
      to.connected?.(false, e instanceof Refusal ? e.message : "The stream of events was cut off.");
      if (e instanceof Refusal && e.problem.status === 410) cursor = "0";
    }
    do await pause(1000, signal);
    while (tokenNeeded.value && !signal.aborted);
  }
}

/** Reads server-sent events (WHATWG HTML). */
async function read(answer: Response, take: (name: string, id: string, data: string) => void): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "";
  let id = "";
  let data = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "") {
        if (data || id) take(name, id, data);
        name = id = data = "";
        continue;
      }
      const colon = line.indexOf(": ");
      const field = line.slice(0, colon);
      const text = line.slice(colon + 2);
      if (field === "event") name = text;
      else if (field === "id") id = text;
      else if (field === "data") data = text;
    }
  }
}
