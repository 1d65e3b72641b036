// Builds dist/ from src/: node build.mjs [DIRECTORY]. What it makes depends on nothing but the sources and package-lock.json.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });

await build({
  absWorkingDir: here,
  entryPoints: ["src/app.tsx", "src/docs.tsx", "src/style.css"],
  outdir: join(out, "assets"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
});
for (const page of ["index.html", "docs.html"]) copyFileSync(join(here, "src", page), join(out, page));
copyFileSync(join(here, "src", "icon.svg"), join(out, "assets", "icon.svg"));

// What it was built from: a test in Go holds it against the sources.
const sources = [...readdirSync(join(here, "src")).map((n) => `src/${n}`), "build.mjs", "package-lock.json", "package.json", "tsconfig.json"].sort();
const sums = sources.map((n) => `${createHash("sha256").update(readFileSync(join(here, n))).digest("hex")}  ${n}\n`);
writeFileSync(join(out, "SOURCES"), sums.join(""));
