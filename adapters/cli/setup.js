// Makes a fresh clone ready: installs and builds what is missing or out of date, and nothing else.
// Plain JavaScript without dependencies, because it runs before there are any.

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) {
    console.error(`troupe: "${command} ${args.join(" ")}" failed; its message stands above.`);
    process.exit(done.status ?? 1);
  }
}

function isOlder(file, than) {
  if (!existsSync(file)) return true;
  return existsSync(than) && statSync(file).mtimeMs < statSync(than).mtimeMs;
}

if (isOlder(`${root}node_modules/.package-lock.json`, `${root}package-lock.json`)) {
  console.error("troupe: installing packages (once) ...");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}
if (process.argv.includes("--build")) {
  // Incremental: a second or less when nothing changed.
  run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "-p", "."]);
}
