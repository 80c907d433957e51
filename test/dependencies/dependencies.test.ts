// The check of licences and advisories, against the lockfile, made-up ones, and registries that know of
// a vulnerability, of none, or have no advisories.

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { type Advisories, advisoriesOf } from "./advisories.ts";
import { asRead, type Lockfile, licenceFindings } from "./licences.ts";

const folder = fileURLToPath(new URL("../../../", import.meta.url));
const lockfile = JSON.parse(readFileSync(`${folder}package-lock.json`, "utf8")) as Lockfile;

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** A package registry that answers the one question of an audit; `null`: it has no advisories. */
async function registryWith(
  advisories: Readonly<Record<string, unknown>> | null,
): Promise<{ readonly url: string; readonly asked: Record<string, string[]>[] }> {
  const asked: Record<string, string[]>[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    if (request.method !== "POST") {
      response.writeHead(404).end("{}");
      return;
    }
    if (advisories === null) {
      response.writeHead(405, { Allow: "GET" }).end();
      return;
    }
    const body = Buffer.concat(pieces);
    const isPacked = request.headers["content-encoding"] === "gzip";
    asked.push(JSON.parse((isPacked ? gunzipSync(body) : body).toString()));
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(advisories));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const advisory = {
  id: 1_000_000,
  url: "https://github.com/advisories/GHSA-0000-0000-0000",
  title: "Frames of any size are taken",
  severity: "high",
  vulnerable_versions: "<999.0.0",
  cwe: ["CWE-400"],
  cvss: { score: 7.5, vectorString: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" },
};

const found = (answer: Advisories) => (answer.type === "checked" ? answer.found : answer);

test("every package that is installed stands under a licence that allows its use", () => {
  expect(licenceFindings(lockfile)).toEqual([]);
});

test("licences that were read by hand are those of packages that are there", () => {
  const names = Object.keys(lockfile.packages).map((path) => path.replace(/.*node_modules\//, ""));

  expect(Object.keys(asRead).filter((name) => !names.includes(name))).toEqual([]);
});

test("a licence that asks for more is found, in the product sooner than in the tests", () => {
  const packages = {
    "": { license: "GPL-3.0-only" },
    "node_modules/chosen": { version: "1.0.0", license: "(MIT OR GPL-3.0-or-later)" },
    "node_modules/both": { version: "1.0.0", license: "MIT AND GPL-3.0-only" },
    "node_modules/weak": { version: "2.0.0", license: "MPL-2.0" },
    "node_modules/a/node_modules/weak": { version: "3.0.0", license: "MPL-2.0", dev: true },
    "node_modules/@own/words": { version: "1.0.0", license: "see LICENSE" },
    "node_modules/silent": { version: "1.0.0", dev: true },
  };

  const findings = licenceFindings({ packages });

  expect(findings.map(({ package: name, use }) => `${name}: ${use}`)).toEqual([
    "both: product",
    "weak: product",
    "@own/words: product",
    "silent: tests",
  ]);
});

test("a known vulnerability of a package of the product is found", async () => {
  const { url, asked } = await registryWith({ ws: [advisory] });

  const answer = await advisoriesOf(folder, { withTests: false, registry: url });

  expect(found(answer)).toEqual([
    {
      package: "ws",
      title: advisory.title,
      severity: "high",
      url: advisory.url,
      range: advisory.vulnerable_versions,
    },
  ]);
  expect(Object.keys(asked[0] ?? {})).toContain("lmdb");
});

test("one of a package that only tests use is found only when they are asked about", async () => {
  const { url } = await registryWith({ vitest: [advisory] });
  const registry = { registry: url };

  const product = await advisoriesOf(folder, { withTests: false, ...registry });
  const all = await advisoriesOf(folder, { withTests: true, ...registry });

  expect(found(product)).toEqual([]);
  expect(found(all)).toMatchObject([{ package: "vitest" }]);
});

test("a registry that has no advisories is told apart from one that knows of none", async () => {
  const knowing = await registryWith({});
  const silent = await registryWith(null);

  const none = await advisoriesOf(folder, { withTests: false, registry: knowing.url });
  const unchecked = await advisoriesOf(folder, { withTests: false, registry: silent.url });

  expect(none).toEqual({ type: "checked", found: [] });
  expect(unchecked).toMatchObject({ type: "unchecked" });
  expect(unchecked.type === "unchecked" && unchecked.why).toContain("405");
});
