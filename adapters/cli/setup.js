// Makes a fresh clone ready: installs and builds what is missing or out of date, and nothing else. For a
// start that is the product; the tests bring five times as many packages and half of the sources, and come
// with `npm test`. Plain JavaScript without dependencies, because it runs before there are any.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const product = {
  project: "adapters/cli/tsconfig.json",
  buildInfo: "dist/.product.tsbuildinfo",
  sources: ["runtime", "actors", "adapters"],
};
const whole = {
  project: "tsconfig.json",
  buildInfo: "dist/.tsbuildinfo",
  sources: [...product.sources, "bench", "test"],
};

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

/** Whether packages of the tests are there: they are kept up to date then, and never taken away. */
function hasTests() {
  return Object.values(packagesOf("node_modules/.package-lock.json")).some(({ dev }) => dev);
}

/** Contents are compared, not times: a checkout gives every file the time of the checkout. */
function isInstalled(isWhole) {
  const installed = packagesOf("node_modules/.package-lock.json");
  return Object.entries(packagesOf("package-lock.json")).every(([path, wanted]) => {
    // An optional package may be missing: it is for another platform.
    if (path === "" || (isOptional(wanted, isWhole) && !installed[path])) return true;
    return installed[path]?.version === wanted.version;
  });
}

function isOptional({ optional, dev, devOptional }, isWhole) {
  return optional || (!isWhole && (dev || devOptional));
}

function install(isWhole) {
  console.error("troupe: installing packages (once) ...");
  // Exactly the lockfile on a fresh clone. What is installed already is brought up to the lockfile and
  // not removed first: another process may be running on it.
  const command = existsSync(`${root}node_modules`) ? ["install", "--no-save"] : ["ci"];
  const omitted = isWhole ? [] : ["--omit=dev"];
  run("npm", [...command, ...omitted, "--no-audit", "--no-fund", "--loglevel=error"]);
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

function isBuilt({ project, buildInfo, sources }) {
  const builtMs = modifiedMs(buildInfo);
  if (builtMs === 0 || builtMs < Math.max(modifiedMs("tsconfig.json"), modifiedMs(project)))
    return false;
  return sources.every((folder) => !existsSync(`${root}${folder}`) || newestMs(folder) <= builtMs);
}

/**
 * Installs when something the lockfile names is not there; builds when a source is newer.
 * @param {{build: boolean, tests: boolean}} what Whether to build, and whether what the tests need too.
 */
export function setUp({ build, tests }) {
  // Of an installed package npm has seen to that, and what it was made of is not there. npm packs no lockfile.
  if (!existsSync(`${root}package-lock.json`)) return;
  const isWhole = tests || hasTests();
  if (!isInstalled(isWhole)) install(isWhole);
  const part = isWhole ? whole : product;
  if (!build || isBuilt(part)) return;
  const buildInfo = `${root}${part.buildInfo}`;
  const compiler = [`${root}node_modules/typescript/bin/tsc`, "-p", part.project];
  console.error("troupe: building ...");
  // What did not compile is not built, though the compiler leaves its notes as if it were.
  run(process.execPath, compiler, () => rmSync(buildInfo, { force: true }));
  // The compiler leaves the file alone when only times had changed.
  utimesSync(buildInfo, new Date(), new Date());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setUp({ build: process.argv.includes("--build"), tests: true });
}
