// Makes a fresh clone ready: installs and builds what is missing or out of date, and nothing else.
// Plain JavaScript without dependencies, because it runs before there are any.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const sources = ["runtime", "actors", "adapters", "bench", "test"];

function modifiedMs(file) {
  return statSync(`${root}${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function run(command, args, onFailure = () => {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status === 0) return;
  onFailure();
  console.error(`troupe: "${command} ${args.join(" ")}" failed; its message stands above.`);
  process.exit(done.status ?? 1);
}

function packagesOf(file) {
  const path = `${root}${file}`;
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/** Contents are compared, not times: a checkout gives every file the time of the checkout. */
function isInstalled() {
  const installed = packagesOf("node_modules/.package-lock.json");
  return Object.entries(packagesOf("package-lock.json")).every(([path, wanted]) => {
    // An optional package may be missing: it is for another platform.
    if (path === "" || (wanted.optional && !installed[path])) return true;
    return installed[path]?.version === wanted.version;
  });
}

function install() {
  console.error("troupe: installing packages (once) ...");
  // Exactly the lockfile on a fresh clone. What is installed already is brought up to the lockfile and
  // not removed first: another process may be running on it.
  const command = existsSync(`${root}node_modules`) ? ["install", "--no-save"] : ["ci"];
  run("npm", [...command, "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Newest change below a folder of TypeScript, in ms since the epoch. */
function newestMs(folder) {
  let newest = 0;
  for (const entry of readdirSync(`${root}${folder}`, { withFileTypes: true })) {
    if (entry.name === "node_modules") continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) newest = Math.max(newest, newestMs(path), modifiedMs(path));
    else if (entry.name.endsWith(".ts")) newest = Math.max(newest, modifiedMs(path));
  }
  return newest;
}

function isBuilt() {
  const builtMs = modifiedMs("dist/.tsbuildinfo");
  if (builtMs === 0 || builtMs < modifiedMs("tsconfig.json")) return false;
  return sources.every((folder) => !existsSync(`${root}${folder}`) || newestMs(folder) <= builtMs);
}

/** Installs when something the lockfile names is not there; builds when a source is newer. */
export function setUp({ build }) {
  if (!isInstalled()) install();
  if (!build || isBuilt()) return;
  const buildInfo = `${root}dist/.tsbuildinfo`;
  const compiler = [`${root}node_modules/typescript/bin/tsc`, "-p", "."];
  console.error("troupe: building ...");
  // What did not compile is not built, though the compiler leaves its notes as if it were.
  run(process.execPath, compiler, () => rmSync(buildInfo, { force: true }));
  // The compiler leaves the file alone when only times had changed.
  utimesSync(buildInfo, new Date(), new Date());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setUp({ build: process.argv.includes("--build") });
}
