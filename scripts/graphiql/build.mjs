// Bundles GraphiQL into one script and one style sheet, and gathers the licences of all that went in.
import { build } from "esbuild";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2];

const result = await build({
  absWorkingDir: here,
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"' },
  entryNames: "graphiql",
  entryPoints: ["main.js"],
  format: "iife",
  legalComments: "none",
  loader: { ".ttf": "dataurl", ".woff": "dataurl", ".woff2": "dataurl", ".svg": "dataurl" },
  logLevel: "warning",
  metafile: true,
  minify: true,
  outdir: target,
  target: "es2022",
});

const folders = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  if (found) folders.add(found[1]);
}

const notices = [...folders].sort().map((folder) => {
  const about = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"));
  const file = readdirSync(join(here, folder)).find((name) => /^(licen[cs]e|copying)/i.test(name));
  const author = typeof about.author === "string" ? about.author : (about.author?.name ?? "its authors");
  const text = file && existsSync(join(here, folder, file))
    ? readFileSync(join(here, folder, file), "utf8").trim()
    : `Licensed under ${about.license} by ${author}; the package carries no text of it.`;
  return `${about.name} ${about.version} (${about.license})\n\n${text}\n`;
});
writeFileSync(join(target, "LICENSES.txt"), notices.join(`\n${"-".repeat(80)}\n\n`));
