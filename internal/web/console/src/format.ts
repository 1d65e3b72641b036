// How things are written for people.

export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${pad(s % 60)}`;
  if (s < 86400) return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

export function octets(n: number): string {
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let i = -1;
  do {
    n /= 1000;
    i++;
  } while (n >= 999.5 && i < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function count(n: number): string {
  return n < 10_000 ? String(n) : n < 1e6 ? `${(n / 1e3).toFixed(1)} k` : `${(n / 1e6).toFixed(1)} M`;
}

export function rate(n: number): string {
  return n === 0 ? "0" : n < 10 ? n.toFixed(1) : count(Math.round(n));
}

export function seconds(n: number): string {
  if (n === 0) return "–";
  return n < 1 ? `${+(n * 1000).toPrecision(2)} ms` : `${+n.toPrecision(2)} s`;
}

export function clock(time: string, precise = false): string {
  const t = new Date(time);
  const text = t.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return precise ? `${text}.${String(t.getMilliseconds()).padStart(3, "0")}` : text;
}

/** The part of a SIP URI that people know somebody by. */
export function person(uri: string): string {
  const bare = uri.replace(/^sips?:/, "").replace(/[;?].*$/, "");
  const at = bare.indexOf("@");
  return at > 0 ? bare.slice(0, at) : bare;
}

export function host(uri: string): string {
  const bare = uri.replace(/^sips?:/, "").replace(/[;?].*$/, "");
  return bare.slice(bare.indexOf("@") + 1);
}

/** A word for a shell. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** A command for a shell that asks the API for the same. */
export function curl(method: string, path: string, document?: unknown): string {
  const words = ["curl"];
  if (method !== "GET" && !(method === "POST" && document)) words.push("-X", method);
  words.push(quoted(location.origin + path));
  if (document) words.push("-H", "'Content-Type: application/json'", "-d", quoted(JSON.stringify(document)));
  return words.join(" ");
}
