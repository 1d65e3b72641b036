// Drives Chromium for the tests, which are in Go: each line of standard input is a call of a method of Playwright's page (or of what locator() makes of a
// selector), each line of standard output what came of it.
import { chromium } from "playwright-core";
import { createInterface } from "node:readline";

const [executablePath, width, height, colorScheme, directory] = process.argv.slice(2);
const context = await chromium.launchPersistentContext(directory, {
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
  viewport: { width: Number(width), height: Number(height) },
  colorScheme,
  reducedMotion: "reduce",
  permissions: ["clipboard-read", "clipboard-write"],
});
const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(30_000);

// Whatever the page complains of, and whatever it asks of another host, is told in the end.
const complaints = [];
page.on("console", (m) => ["error", "warning"].includes(m.type()) && complaints.push(m.text()));
page.on("pageerror", (e) => complaints.push(String(e)));
page.on("request", (r) => {
  const url = new URL(r.url());
  if (/^https?:$/.test(url.protocol) && url.hostname !== new URL(page.url()).hostname && page.url() !== "about:blank") complaints.push(`asked for ${r.url()}`);
});

const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
say({ value: "ready" });
for await (const line of createInterface({ input: process.stdin })) {
  const { on, method, args } = JSON.parse(line);
  try {
    const target = method === "complaints" ? { complaints: () => complaints } : on ? page.locator(on) : method.startsWith("keyboard.") ? page.keyboard : page;
    if (method === "evaluate" && args[0].startsWith("async")) args[0] = (0, eval)(`(${args[0]})`); // a function, which only a function is taken for
    say({ value: (await target[method.replace("keyboard.", "")](...args)) ?? null });
  } catch (e) {
    say({ error: String(e) });
  }
}
await context.close();
