// `npm run dependencies`: licences and known vulnerabilities of what is installed, a line each. Ends with
// 0 when all is well, 1 when something was found, 3 when the registry could not say.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { advisoriesOf } from "./advisories.ts";
import { type Lockfile, licenceFindings } from "./licences.ts";

const FOUND = 1;
const UNCHECKED = 3;

const folder = fileURLToPath(new URL("../../../", import.meta.url));
const registry = process.argv[2];
const lines: string[] = [];

const lockfile = JSON.parse(readFileSync(`${folder}package-lock.json`, "utf8")) as Lockfile;
const licences = licenceFindings(lockfile);
for (const { package: name, version, licence, use } of licences) {
  lines.push(`licence: ${name} ${version} is under ${licence}, which is not allowed in the ${use}`);
}
const count = Object.keys(lockfile.packages).length - 1;
if (licences.length === 0) lines.push(`licences: ${count} packages, all allowed`);

// What reaches a user decides; what only tests use is told.
const from = registry === undefined ? {} : { registry };
const product = await advisoriesOf(folder, { withTests: false, ...from });
const all = await advisoriesOf(folder, { withTests: true, ...from });
if (product.type === "unchecked" || all.type === "unchecked") {
  const why = product.type === "unchecked" ? product.why : "the second question was not answered";
  lines.push(`vulnerabilities: not checked, the registry has no advisories (${why})`);
} else {
  const inProduct = new Set(product.found.map(({ url }) => url));
  for (const { package: name, range, severity, title, url } of all.found) {
    const use = inProduct.has(url) ? "product" : "tests only";
    lines.push(`vulnerability: ${name} ${range}, ${severity}, ${use}: ${title} ${url}`);
  }
  if (all.found.length === 0) lines.push("vulnerabilities: none known");
}
process.stdout.write(`${lines.join("\n")}\n`);
const isFound = licences.length > 0 || (product.type === "checked" && product.found.length > 0);
process.exitCode = isFound ? FOUND : product.type === "unchecked" ? UNCHECKED : 0;
