// `troupe knowledge` as it is typed: files into a collection and a collection embedded anew, with a bar
// on a terminal and lines without one, through a server that is killed and started again meanwhile.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { meaningEmbedder } from "../support/meaning-embedder.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const program = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
const FILES = 230;

let product: Product;
let folder = "";

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

beforeAll(async () => {
  // It comes back where it was.
  const env = { TROUPE_PORT: await freePort(), TROUPE_WORKERS: "1" };
  product = await startProduct({ env, config: meaningEmbedder });
  folder = mkdtempSync(join(tmpdir(), "troupe-cli-"));
  mkdirSync(join(folder, "pages"));
  for (let at = 0; at < FILES; at += 1) {
    writeFileSync(join(folder, "pages", `p${at}.md`), `# Page ${at}\n\nIt is about mark${at}.\n`);
  }
});
afterAll(async () => {
  await product.end();
  rmSync(folder, { recursive: true, force: true });
});

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** Runs the command; on a terminal all it says is in `out`. */
async function troupe(args: readonly string[], { terminal = false } = {}): Promise<Said> {
  const own = [program, "knowledge", ...args, "--url", product.url, "--key", product.adminKey];
  const quoted = [process.execPath, ...own].map((one) => `'${one}'`).join(" ");
  const [command, given] = terminal
    ? (["script", ["-qec", quoted, "/dev/null"]] as const)
    : ([process.execPath, own] as const);
  const child = spawn(command, given, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stdout.on("data", (bytes) => {
    out += String(bytes);
  });
  child.stderr.on("data", (bytes) => {
    errors += String(bytes);
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, out, errors };
}

const embedded = (): readonly string[] =>
  product.provider
    .calls()
    .filter(({ path }) => path.endsWith("/embeddings"))
    .flatMap(({ body }) => body["input"] as readonly string[]);

async function collectionNamed(name: string): Promise<Json> {
  const { body } = await product.call("GET", `${collections}?limit=100`);
  return body.data.find((one: Json) => one.name === name);
}

const hasScript = spawnSync("script", ["--version"]).error === undefined;

test("without a terminal a folder is added with a line for each tenth, and the sum", async () => {
  const added = await troupe(["add", "Pages", join(folder, "pages")]);
  const again = await troupe(["add", "Pages", join(folder, "pages")]);
  const { id } = await collectionNamed("Pages");

  expect([added.code, added.out.split("\n").at(-2)]).toEqual([
    0,
    `${FILES} created, 0 updated, 0 unchanged, 0 failed; ${FILES} chunks`,
  ]);
  const lines = added.errors.trim().split("\n");
  expect(lines.at(0)).toContain(`0/${FILES} documents`);
  expect(lines.at(-1)).toContain(`${FILES}/${FILES} documents`);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(added.errors).not.toContain("\r");
  expect({ ...again, errors: again.code === 0 ? "" : again.errors }).toEqual({
    code: 0,
    out: `0 created, 0 updated, ${FILES} unchanged, 0 failed; 0 chunks\n`,
    errors: "",
  });
  const shown = await product.call("GET", `${collections}/${id}/documents/pages%2Fp77.md`);
  expect(shown.body.text).toContain("mark77");
}, 180_000);

test("a file that cannot be read is named with its reason, and the exit code says so", async () => {
  writeFileSync(join(folder, "noise.pdf"), Buffer.from([1, 2, 3, 0, 255]));
  const { code, out, errors } = await troupe(["add", "Pages", join(folder, "noise.pdf")]);

  expect(code).toBe(1);
  expect(errors).toMatch(/noise\.pdf: .+/);
  expect(out).toContain("0 created, 0 updated, 0 unchanged, 1 failed");
}, 180_000);

test.skipIf(!hasScript)(
  "on a terminal there is one line, a bar that fills up",
  async () => {
    const added = await troupe(["add", "Bars", join(folder, "pages")], { terminal: true });
    const anew = await troupe(["reembed", "Bars", "meaning"], { terminal: true });

    for (const { code, out } of [added, anew]) {
      const lines = out.split("\r\n");
      const [bars = "", ...rest] = lines.slice(lines.findIndex((line) => line.startsWith("\r")));
      expect(code).toBe(0);
      expect(bars).toMatch(/^\r\[\.{24}\] 0\/230 documents/);
      expect(bars.split("\r").at(-1)).toMatch(/^\[#{24}\] 230\/230 documents, 230 chunks/);
      expect(rest.join("")).toMatch(/230 created|230 documents embedded by meaning; 230 chunks/);
    }
  },
  60_000,
);

test("a collection is embedded anew by its name; unknown names are refused in words", async () => {
  const { id } = await collectionNamed("Pages");
  product.provider.reset();
  const done = await troupe(["reembed", "Pages", "meaning"]);
  const unknown = await troupe(["reembed", "Nothing", "meaning"]);
  const embedder = await troupe(["reembed", "Pages", "nobody"]);
  const use = await troupe(["reembed", "Pages"]);

  expect([done.code, done.out]).toEqual([
    0,
    `${FILES} documents embedded by meaning; ${FILES} chunks\n`,
  ]);
  expect(done.errors.trim().split("\n").at(-1)).toContain(`${FILES}/${FILES} documents`);
  expect((await product.call("GET", `${collections}/${id}`)).body.embedder.dimension).toBe(64);
  expect(embedded()).toHaveLength(FILES);
  expect([unknown.code, unknown.errors]).toEqual([
    1,
    'troupe knowledge: there is no collection "Nothing".\n',
  ]);
  expect(embedder.code).toBe(1);
  expect(embedder.errors).toContain("nobody");
  expect([use.code, use.errors]).toEqual([
    1,
    expect.stringContaining("reembed COLLECTION EMBEDDER"),
  ]);
}, 180_000);

test("kill -9 of the server while files come in: the command waits for it and ends as if nothing was", async () => {
  const made = await product.call("POST", collections, { name: "Killed", embedder: "meaning" });
  product.provider.reset();
  product.provider.otherwise({ firstByteMs: 150 });
  const running = troupe(["add", "Killed", join(folder, "pages")]);
  for (let kill = 1; kill <= 3; kill += 1) {
    await expect.poll(() => embedded().length, { timeout: 20_000 }).toBeGreaterThan(40 * kill);
    await product.kill();
    await product.start();
  }
  const { code, out, errors } = await running;

  expect([code, errors, out]).toEqual([
    0,
    expect.stringContaining(`${FILES}/${FILES}`),
    `${FILES} created, 0 updated, 0 unchanged, 0 failed; ${FILES} chunks\n`,
  ]);
  expect(
    (await product.call("GET", `${collections}/${made.body.id}/documents?limit=100`)).body.data,
  ).toHaveLength(100);
  // Of each kill two calls of 64 at most may have been under way.
  expect(embedded().length).toBeLessThanOrEqual(FILES + 3 * 2 * 64);
}, 90_000);
