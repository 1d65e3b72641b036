#!/usr/bin/env node
// Greets who calls a Parley node, and says back what it hears.

const node = process.env.PARLEY_URL ?? "http://127.0.0.1:8888";
const token = process.env.PARLEY_TOKEN;

/** Makes a request: a POST where there is a document. An answer that is no success is an error, with what the node says of it. */
async function ask(path, document) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (document) headers["Content-Type"] = "application/json";
  const answer = await fetch(node + path, { method: document ? "POST" : "GET", headers, body: document && JSON.stringify(document) });
  if (!answer.ok) throw new Error(`${answer.status} ${(await answer.json()).detail}`);
  return answer;
}

/** Sends a text. A session that is over by now is no reason to stop. */
async function say(session, text) {
  try {
    await ask(`/v1/sessions/${encodeURIComponent(session)}/messages`, { body: text });
  } catch (e) {
    console.error(`not sent: ${e.message}`);
  }
}

/** docs/events.md has all that an event holds. */
async function handle(event) {
  if (event.type === "E_MSRP_SESSION_NEW") await say(event.subject, "Hello! Say something.");
  else if (event.data.content_type.startsWith("text/plain")) await say(event.subject, `You said: ${event.data.body ?? ""}`);
}

let cursor = ""; // the last event that was handled

/** Reads the stream of server-sent events: lines "id: …" and "data: …", and an empty one behind each event. */
async function follow() {
  const query = new URLSearchParams({ type: "E_MSRP_SESSION_NEW,E_MSRP_MSG_RECEIVED", from: cursor });
  const stream = await ask(`/v1/events?${query}`);
  console.error(`listening to ${node}`);
  let rest = "";
  let id = "";
  let data = "";
  for await (const piece of stream.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("id: ")) id = line.slice(4);
      else if (line.startsWith("data: ")) data = line.slice(6);
      else if (line === "") {
        if (data) await handle(JSON.parse(data));
        cursor = id || cursor;
        data = "";
      }
    }
  }
}

for (;;) {
  await follow().catch((e) => console.error(e.message));
  console.error("cut off, trying again");
  await new Promise((done) => setTimeout(done, 1000));
}
